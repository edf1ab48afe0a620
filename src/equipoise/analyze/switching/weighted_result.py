"""What an analysis by inverse probability weights says: the hazard ratio, the weights it rests on, and their models."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ... import results
from ...data import TimeToEvent
from ...results import Origin, Row
from ...survival import Cox, KaplanMeier, cox
from ...survival.convention import ConfType, Convention, Ties, resolve_conf_type
from .bootstrap import Bootstrap
from .record import Switches, Vector
from .switching_model import SwitchingModel
from .weighted_curves import weighted_curve
from .weighted_logrank import WeightedLogRank, weighted_logrank
from .weights import WeightSummary, truncated, weight_rows, weight_summary, weight_warnings
from .without_switching import bootstrap_rows, bootstrap_words, said_rows

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedRows:
    """The rows (start, stop] of the outcome model with their weights, all (m,), by subject and time.

    ``unstabilized`` is 1 over the chance of the subject's history of switching; ``stabilized`` the same times that
    chance given the baseline covariates alone; ``used`` what the outcome was weighted by, after any truncation.
    ``before_switch`` marks the rows of the log-rank test and of the curves, which are weighted ``of_curve``: as
    ``used``, but not stabilized where that chance depends on covariates or strata. It would be left in a curve, which
    is of everybody, while the outcome model is adjusted for them.
    """

    subject: NDArray[Any]
    arm: NDArray[Any]
    start: Vector
    stop: Vector
    event: NDArray[np.int64]
    unstabilized: Vector
    stabilized: Vector
    used: Vector
    before_switch: NDArray[np.bool_]
    of_curve: Vector

    def __post_init__(self) -> None:
        results.read_only(self)

    def frame(self) -> pl.DataFrame:
        """The rows as a data frame, for the audit trail."""
        import polars as pl

        names = (
            "subject", "arm", "start", "stop", "event", "unstabilized", "stabilized", "used", "before_switch",
            "of_curve",
        )  # fmt: skip
        return pl.DataFrame({name: getattr(self, name) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighted:
    """A hazard ratio had nobody switched, experimental over control, by weights; robust variance by subject.

    ``model`` is the weighted Cox model, ``log_rank`` the weighted test of the rows before a switch, ``weighted`` its
    rows with their weights, ``summaries`` the weights by arm and ``models`` those of switching, in the arms where it
    was possible and happened. ``p_value`` is two-sided (Wald), ``p_one_sided`` that of benefit. ``reason`` says why
    there is no hazard ratio. ``assumption`` is what the result rests on, ``warnings`` what in the data speaks against
    it, ``notes`` what did not need adjusting. ``bootstrap``, if samples were drawn, is of the whole analysis, weights
    and all.
    """

    name: str
    hazard_ratio: float
    conf_int: tuple[float, float]
    p_value: float
    p_one_sided: float
    reason: str
    model: Cox
    log_rank: WeightedLogRank
    weighted: WeightedRows = field(repr=False)
    summaries: tuple[WeightSummary, ...]
    models: tuple[SwitchingModel, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    assumption: str
    level: float
    method: str
    origin: Origin
    bootstrap: Bootstrap | None = field(default=None, repr=False)

    @property
    def psi(self) -> float:
        """There is none: weights say nothing of what switching does to time."""
        return math.nan

    @property
    def curves(self) -> KaplanMeier | None:
        """Weighted Kaplan-Meier of both arms had nobody switched; None where a weight is beyond floating point."""
        return self.kaplan_meier(level=self.level)

    def kaplan_meier(
        self, *, level: float, conf_type: ConfType | None = None, convention: Convention = "house"
    ) -> KaplanMeier | None:
        """The probability of being event-free beyond t by arm, had nobody switched: rows before a switch, weighted.

        Limits are robust by subject and take the weights for known; subjects, events and numbers at risk are counted,
        not weighted. None where a weight is beyond floating point.
        """
        rows = self.weighted
        if not (np.isfinite(rows.of_curve) & (rows.of_curve > 0))[rows.before_switch].all():
            return None
        resolved, curves = resolve_conf_type(conf_type, convention), []
        for arm in (s.arm for s in self.summaries):
            mine = np.flatnonzero(rows.before_switch & (rows.arm == arm))
            subject = rows.subject[mine]
            owner = np.cumsum(np.concatenate([[False], subject[1:] != subject[:-1]]))
            columns = rows.start[mine], rows.stop[mine], rows.event[mine] > 0
            curves.append(
                weighted_curve(
                    arm, owner, columns, rows.of_curve[mine], level=level, conf_type=resolved, convention=convention
                )
            )
        steady = (
            "as the outcome model" if (rows.of_curve == rows.used).all() else "weights not stabilized, of everybody"
        )
        method = (
            f"Kaplan-Meier of rows before a switch, weighted by {self.name} ({steady}), infinitesimal jackknife "
            f"variance by subject that takes the weights for known, {resolved} limits, quantiles by "
            f"{'SAS' if convention == 'sas' else 'R'}'s rule; subjects and events are counted, not weighted"
        )
        return KaplanMeier(curves=tuple(curves), method=method, origin=self.origin)

    def __str__(self) -> str:
        name = f"Hazard ratio {self.model.terms[0]} had nobody switched"
        if self.reason:
            return f"{name} {results.NOT_ESTIMABLE}: {self.reason} ({self.method})"
        low, high = (results.fixed(x, 2) for x in self.conf_int)
        return (
            f"{name} {results.fixed(self.hazard_ratio, 2)} ({100 * self.level:g}% CI {low} to {high}"
            f"{bootstrap_words(self.bootstrap, self.level)}), {results.p_equals(self.p_value)} ({self.method})"
        )

    def rows(self) -> list[Row]:
        """Hazard ratio with limits and P, the other terms, the log-rank test and the weights as rows."""
        rows = [self._row("hazard ratio", self.hazard_ratio, results.fixed(self.hazard_ratio, 2))]
        for name, value in zip(("lower", "upper"), self.conf_int, strict=True):
            rows.append(self._row(f"hazard ratio {name} limit", value, results.fixed(value, 2), self.level))
        rows.append(self._row("Wald P", self.p_value, results.p_value(self.p_value)))
        rows.append(self._row("Wald P one-sided", self.p_one_sided, results.p_value(self.p_one_sided)))
        rows += [r for r in self.model.rows() if r.group and r.group != self.model.terms[0]]
        test = self.log_rank
        for name, value, text in (
            ("weighted log-rank z", test.z, results.fixed(test.z, 3)),
            ("weighted log-rank P", test.p_value, results.p_value(test.p_value)),
        ):
            shown = results.number(value, text, test.reason)
            rows.append(Row(statistic=name, method=self.method, origin=self.origin, **shown))  # type: ignore[arg-type]
        rows += bootstrap_rows(self.bootstrap, self._of_bootstrap, self.model.terms[0], self.level)
        rows += weight_rows(self.summaries, self.method, self.origin)
        return rows + said_rows(self.assumption, self.notes, self.warnings, self.method, self.origin)

    def _of_bootstrap(
        self, statistic: str, value: float, digits: int, group: str, reason: str, level: float | None = None
    ) -> Row:
        shown = results.number(value, results.fixed(value, digits), reason)
        return Row(
            group=group, statistic=statistic, level=level, method=self.method, origin=self.origin, **shown  # type: ignore[arg-type]
        )  # fmt: skip

    def _row(self, statistic: str, value: float, text: str, level: float | None = None) -> Row:
        shown = results.number(value, text, self.reason)
        return Row(
            group=self.model.terms[0], statistic=statistic, level=level, method=self.method, origin=self.origin, **shown  # type: ignore[arg-type]
        )  # fmt: skip

    def table(self) -> pl.DataFrame:
        """The long table of the analysis."""
        return results.long_table(self.rows())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What the weighted outcome model is fitted to: rows by subject and time, whose they are, covariates by term.

    Log chances (m,): of the history of switching up to each row, and of the same given the baseline covariates alone.
    ``tested`` marks the rows of the log-rank test; ``modelled`` are the arms with a model; ``separate`` names the terms
    without which the arm's own effect is not that of nobody switching; ``mean_one`` says that stabilized weights have
    that mean if the models hold.
    """

    tte: TimeToEvent
    owner: NDArray[np.int64]
    covariates: dict[str, Vector]
    log_chance: Vector
    log_steady: Vector
    tested: NDArray[np.bool_]
    modelled: tuple[int, ...]
    separate: tuple[str, ...] = ()
    mean_one: bool = True


def weighted_outcome(
    name: str,
    switches: Switches,
    outcome: Outcome,
    models: tuple[SwitchingModel, ...],
    words: tuple[str, str],
    asked: tuple[bool, tuple[float, float] | None, Ties, bool, float],
) -> Weighted:
    """The weighted Cox model and log-rank test of the rows, with all that they rest on.

    ``words``: method and assumption; ``asked``: stabilized, truncation, ties, stratified, level.
    """
    stabilized, truncate, ties, by_stratum, level = asked
    tte, base = outcome.tte, switches.tte
    assert tte.entry is not None
    with np.errstate(over="ignore"):
        unstabilized = np.exp(-outcome.log_chance)
        steady = np.exp(outcome.log_steady - outcome.log_chance)
    # A numerator that knows the baseline leaves switching to depend on it: right in a model adjusted for it alone.
    knows = bool(outcome.covariates.keys() - set(outcome.separate)) or (by_stratum and len(tte.strata) > 1)
    used, of_curve = (
        found if truncate is None else truncated(found, tte.arm, outcome.modelled, truncate)
        for found in (steady if stabilized else unstabilized, steady if stabilized and not knows else unstabilized)
    )
    rows = tte._with(subject=np.arange(tte.n), weight=used, weight_type="probability")
    model = cox(rows, outcome.covariates or None, ties=ties, stratified=by_stratum, cluster=outcome.owner, level=level)
    part = outcome.tested
    stratum = tte.stratum if by_stratum else np.zeros(tte.n, dtype=np.int64)
    test = weighted_logrank(
        tte.entry[part], tte.time[part], tte.event[part] > 0, tte.arm[part], used[part], stratum[part],
        -1.0 if tte.event_is == "harm" else 1.0,
    )  # fmt: skip
    summaries = tuple(
        weight_summary(
            code, tte.arms, tte.arm, outcome.owner, base.subject, tte.entry, tte.event > 0, used, unstabilized
        )
        for code in range(len(tte.arms))
    )
    modelled = tuple(s for code, s in enumerate(summaries) if code in outcome.modelled)
    reason = model.reasons[0] or _unidentified(model, outcome.separate)
    one_sided = math.nan if reason or model.p_one_sided is None else model.p_one_sided
    assert isinstance(model.hazard_ratio, float)
    assert isinstance(model.conf_int, tuple)
    return Weighted(
        name=name,
        hazard_ratio=math.nan if reason else model.hazard_ratio,
        conf_int=model.conf_int,
        p_value=math.nan if reason else model.p_value,
        p_one_sided=one_sided,
        reason=reason,
        model=model,
        log_rank=test,
        weighted=WeightedRows(
            subject=base.subject[outcome.owner],
            arm=np.array(tte.arms)[tte.arm],
            start=np.maximum(tte.entry, 0.0),
            stop=np.array(tte.time),
            event=np.array(tte.event),
            unstabilized=unstabilized,
            stabilized=steady,
            used=np.array(used),
            before_switch=np.array(part),
            of_curve=np.array(of_curve),
        ),
        summaries=summaries,
        models=models,
        notes=tuple(why for arm in switches.may_switch if (why := switches.one_sided(arm))),
        warnings=(*weight_warnings(modelled, stabilized and outcome.mean_one), *_odd(models)),
        assumption=words[1],
        level=level,
        method=words[0],
        origin=tte.origin,
    )


def _unidentified(model: Cox, terms: tuple[str, ...]) -> str:
    """Why the arm's coefficient is not the effect had nobody switched, where one of the terms has none."""
    for term, coef in zip(model.terms, model.coef, strict=True):
        if term in terms and math.isnan(coef):
            return f"the effect of the arm cannot be told from that of switching (the term {term} is not estimable)"
    return ""


def _odd(models: tuple[SwitchingModel, ...]) -> list[str]:
    """Terms of the models of switching that have no estimate, by model and reason."""
    said = []
    for m in models:
        for reason in dict.fromkeys(r for r in m.reasons if r):
            terms = ", ".join(t for t, r in zip(m.terms, m.reasons, strict=True) if r == reason)
            said.append(f"the {m.part} of the weights in {m.arm} has terms without an estimate ({terms}): {reason}")
    return said


def truncation_words(truncate: tuple[float, float] | None) -> str:
    """What ``method`` says of truncation."""
    if truncate is None:
        return "not truncated"
    low, high = (f"{100 * x:g}" for x in truncate)
    return (
        f"truncated above the {high}th percentile" if truncate[0] == 0 else f"truncated at percentiles {low} and {high}"
    )
