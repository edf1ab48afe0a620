"""IPCW: censoring at the switch, with weights that stand in for those who were censored so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...data import TimeToEvent
from ...design.given import whole_number
from ...survival import TimeVarying
from ...survival.convention import ArgumentError, Ties, check_flag, check_level, resolve_stratified, strata_words
from .bootstrap import checked_draws
from .panel import Panel, SwitchingFrom, cut_rows, panel
from .record import Switches, Vector
from .redraw import Rows, paths_of, sample_of, with_bootstrap
from .switching_model import Part, Pieces, SwitchingModel, cox_models, logistic_models
from .weighted_result import Outcome, Weighted, truncation_words, weighted_outcome
from .weights import checked_truncation, running

Model = Literal["logistic", "cox"]
Indices = NDArray[np.int64]

ASSUMPTION = (
    "no unmeasured confounding: given what was measured up to then, who switches at a visit does not depend on the "
    "survival that would follow; and positivity: at every visit and in every group some do not switch"
)


def ipcw(  # noqa: PLR0913 - each is a choice that a protocol states
    switches: Switches,
    varying: Mapping[str, TimeVarying],
    *,
    model: Model = "logistic",
    covariates: Sequence[str] = (),
    since: SwitchingFrom = "randomization",
    time_df: int = 3,
    stabilized: bool = True,
    truncate: Sequence[float] | None = None,
    stratified: bool | None = None,
    ties: Ties = "efron",
    draws: int = 0,
    seed: int | None = None,
    level: float = 0.95,
) -> Weighted:
    """The hazard ratio had nobody switched: subjects censored at their switch, the others weighted for them.

    Inverse probability of censoring weights (Robins and Finkelstein 2000). A model of switching by arm, where it is
    possible and happened, gives each row the chance of not having switched so far, and the row's weight is 1 over it;
    ``stabilized`` times the chance of the same given the ``covariates`` alone. ``varying`` are covariates that change
    with time (each measurement is a visit and begins a row), ``covariates`` names of baseline covariates in the record:
    these are in both models and in the outcome's. Weights of an arm are cut at the two quantiles ``truncate``.

    ``since`` "progression": nobody can switch before it, so that the chance of not having switched is 1 until then and
    its model is of the rows that begin at progression or later (rows are cut there). The numerator of stabilized
    weights stays a model of all rows: it may know the baseline alone, and not when somebody progressed.

    ``model`` "logistic" is pooled over visits, with a natural spline of time with ``time_df`` columns (0: none), and
    weighs a row by the chance up to its start; "cox" has time-dependent covariates, and weighs at every death time by
    the chance up to it. Strata are in these models too. A death on the day of the switch counts: censoring comes
    after. The outcome's variance is robust, by subject; it takes the weights for known, and is too large for that;
    ``draws`` bootstrap samples estimate them anew.

    Raises ``ArgumentError`` for words, shares and covariates that are none, ``DataError`` for covariates that are
    missing or begin late, and with ``since`` "progression" for a switch that does not come after one.

    >>> from equipoise.data import TimeToEvent
    >>> time, arm = [3, 4, 5, 6, 7, 8, 9, 9], list("AAAABBBB")
    >>> tte = TimeToEvent(time, [1, 1, 1, 1, 1, 0, 1, 0], arm, control="A", experimental="B", unit="days")
    >>> never = [np.inf] * 4
    >>> record = Switches(tte=tte, switch=[np.inf, 2, np.inf, 4, *never])
    >>> visits = {"subject": [1, 2, 3, 4, 5, 6, 7, 8] * 2, "start": [0] * 8 + [2] * 8, "unit": "days"}
    >>> marker = TimeVarying(value=[0, 1, 1, 0, 0, 1, 0, 1] * 2, **visits)
    >>> found = ipcw(record, {"marker": marker}, time_df=0)
    >>> found.weighted.used.round(3).tolist()[:5]
    [1.0, 0.9, 1.0, 1.0, 1.2]
    """
    level, samples = check_level(level), checked_draws(draws, seed)
    check_flag("stabilized", stabilized)
    if model not in get_args(Model):
        raise ArgumentError(f"unknown model {model!r}", remedy="Use 'logistic' or 'cox'.")
    if ties not in ("efron", "breslow"):
        raise ArgumentError(f"ties = {ties!r} are not there for weights", remedy='Use "efron" or "breslow".')
    cut = checked_truncation(truncate)
    by_stratum = resolve_stratified(stratified, switches.tte.strata)
    rows = panel(switches, varying, covariates, visits=model == "logistic", since=since)
    arms = modelled_arms(switches)
    if model == "logistic":
        outcome, models = _by_visit(rows, arms, checked_df(time_df), by_stratum)
    else:
        outcome, models = _by_death(rows, arms, ties, by_stratum)
    words = [
        "Cox model weighted for switching", f"IPCW by {_KINDS[model]}", "stabilized" if stabilized else "unstabilized",
        truncation_words(cut), f"{ties.capitalize()} ties", strata_words(by_stratum, switches.tte),
    ]  # fmt: skip
    words += [f"adjusted for {', '.join(rows.baseline_terms)}"] if rows.baseline_terms else []
    words += ["switching possible from progression on"] if since == "progression" else []
    words += ["robust variance by subject, two-sided Wald P"]
    found = weighted_outcome(
        "IPCW", switches, outcome, models, (", ".join(words), ASSUMPTION), (stabilized, cut, ties, by_stratum, level)
    )
    paths = paths_of(switches.tte, varying)

    def again(rows: Rows) -> Weighted:
        return ipcw(
            sample_of(switches, rows, covariates), paths(rows), model=model, covariates=covariates, since=since,
            time_df=time_df, stabilized=stabilized, truncate=truncate, stratified=by_stratum, ties=ties, level=level,
        )  # fmt: skip

    return with_bootstrap(found, again, switches.tte, samples, seed, level)


_KINDS: dict[str, str] = {
    "logistic": "pooled logistic regression of the visits",
    "cox": "a Cox model with time-dependent covariates",
}


def modelled_arms(switches: Switches) -> tuple[int, ...]:
    """Arms in which switching is possible and happened."""
    arms = switches.tte.arms
    return tuple(arms.index(arm) for arm in switches.may_switch if switches.switched_in(arm).any())


def checked_df(df: int) -> int:
    """Number of columns of the spline of time: a whole number, 0 for none."""
    found = whole_number(df)
    if found is None or found < 0:
        raise ArgumentError(f"time_df = {df!r} is no number of columns", remedy="Give 0, 1, 2, 3 ...")
    return found


def _by_visit(
    rows: Panel, arms: tuple[int, ...], df: int, by_stratum: bool
) -> tuple[Outcome, tuple[SwitchingModel, ...]]:
    """Rows before the switch, weighted by the chance of not having switched before their start."""
    models: list[SwitchingModel] = []
    chance: dict[Part, Vector] = {"denominator": np.zeros(rows.tte.n), "numerator": np.zeros(rows.tte.n)}
    for arm in arms:
        found, logs = logistic_models(rows, arm, df, by_stratum)
        models += found.values()
        for part, log in logs.items():
            chance[part] += log
    before = ~rows.after
    kept = {part: running(log, rows.owner, False)[before] for part, log in chance.items()}
    tte = rows.tte._with(**_rows_of(rows, np.flatnonzero(before)), event=rows.tte.event[before])
    return _outcome(rows, tte, np.flatnonzero(before), kept, arms), tuple(models)


def _by_death(
    rows: Panel, arms: tuple[int, ...], ties: Ties, by_stratum: bool
) -> tuple[Outcome, tuple[SwitchingModel, ...]]:
    """Rows before the switch cut at every death time, weighted by the chance of not having switched up to their end."""
    before = np.flatnonzero(~rows.after)
    event = rows.tte.event > 0
    deaths = np.unique(rows.tte.time[before][event[before]])
    piece, start, stop = cut_rows(rows.start[before], rows.tte.time[before], deaths)
    row = before[piece]
    pieces = Pieces(row=row, start=start, stop=stop, ends=stop == rows.tte.time[row])
    models: list[SwitchingModel] = []
    chance: dict[Part, Vector] = {"denominator": np.zeros(len(row)), "numerator": np.zeros(len(row))}
    for arm in arms:
        found, logs = cox_models(rows, arm, pieces, ties, by_stratum)
        models += found.values()
        for part, log in logs.items():
            chance[part] += log
    kept = {part: running(log, rows.owner[row], True) for part, log in chance.items()}
    tte = rows.tte._with(
        **{**_rows_of(rows, row), "time": stop, "entry": start}, event=(event[row] & pieces.ends).astype(np.int64)
    )
    return _outcome(rows, tte, row, kept, arms), tuple(models)


def _rows_of(rows: Panel, picked: Indices) -> dict[str, NDArray[Any]]:
    tte = rows.tte
    assert tte.entry is not None
    columns = {"subject": tte.subject, "time": tte.time, "arm": tte.arm, "stratum": tte.stratum, "entry": tte.entry}
    return {name: column[picked] for name, column in columns.items()}


def _outcome(
    rows: Panel, tte: TimeToEvent, picked: Indices, kept: Mapping[Part, Vector], arms: tuple[int, ...]
) -> Outcome:
    return Outcome(
        tte=tte,
        owner=rows.owner[picked],
        covariates=dict(zip(rows.baseline_terms, rows.baseline[picked].T, strict=True)),
        log_chance=kept["denominator"],
        log_steady=kept["numerator"],
        tested=np.ones(tte.n, dtype=np.bool_),
        modelled=arms,
    )
