"""The marginal structural Cox model: randomized and switched treatment as terms, weighted for who switched when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...survival import TimeVarying
from ...survival.convention import ArgumentError, Ties, check_flag, check_level, resolve_stratified, strata_words
from .bootstrap import checked_draws
from .ipcw import ASSUMPTION as UNCONFOUNDED
from .ipcw import checked_df, modelled_arms
from .panel import SwitchingFrom, panel
from .record import Switches, Vector
from .redraw import Rows, paths_of, sample_of, with_bootstrap
from .switching_model import Part, SwitchingModel, logistic_models
from .weighted_result import Outcome, Weighted, truncation_words, weighted_outcome
from .weights import checked_truncation, running

SWITCHED = "switched"
ASSUMPTION = (
    UNCONFOUNDED + "; and the structural model: switching multiplies the hazard by the same factor from the switch on"
)
BEFORE_PROGRESSION = (
    "; before progression nobody can switch, so that what switching does is known of those alone who progressed"
)


def msm(
    switches: Switches,
    varying: Mapping[str, TimeVarying],
    *,
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
    """The hazard ratio had nobody switched, beside that of having switched: all follow-up counts, weighted.

    A marginal structural Cox model (Robins, Hernan and Brumback 2000; Hernan, Brumback and Robins 2000). Each row is
    weighted by 1 over the chance of the subject's history of switching before the row: of not having switched so far
    or, from the switch on, of having switched when it did (after which the weight stays). The outcome has the arm, the
    ``covariates``, the term "switched" from the switch on and, where both arms switch, its product with the arm, so
    that the arm's own term is the effect had nobody switched. Models of switching and arguments (``since`` too) as for
    ``ipcw``; of its two kinds, the pooled logistic one.

    The log-rank test is of the rows before a switch, as in ``ipcw``, with these weights (as the reference program,
    trtswitch, takes it).

    Raises the errors of ``ipcw``.

    >>> from equipoise.data import TimeToEvent
    >>> time, arm = [3, 4, 5, 6, 7, 8, 9, 9], list("AAAABBBB")
    >>> tte = TimeToEvent(time, [1, 1, 1, 1, 1, 0, 1, 0], arm, control="A", experimental="B", unit="days")
    >>> never = [np.inf] * 4
    >>> record = Switches(tte=tte, switch=[np.inf, 2, np.inf, 4, *never])
    >>> visits = {"subject": [1, 2, 3, 4, 5, 6, 7, 8] * 2, "start": [0] * 8 + [2] * 8, "unit": "days"}
    >>> marker = TimeVarying(value=[0, 1, 1, 0, 0, 1, 0, 1] * 2, **visits)
    >>> msm(record, {"marker": marker}, time_df=0).model.terms
    ('B v A', 'switched')
    """
    level, samples = check_level(level), checked_draws(draws, seed)
    check_flag("stabilized", stabilized)
    if ties not in ("efron", "breslow"):
        raise ArgumentError(f"ties = {ties!r} are not there for weights", remedy='Use "efron" or "breslow".')
    cut, df = checked_truncation(truncate), checked_df(time_df)
    by_stratum = resolve_stratified(stratified, switches.tte.strata)
    rows = panel(switches, varying, covariates, visits=True, since=since)
    arms = modelled_arms(switches)
    models: list[SwitchingModel] = []
    chance: dict[Part, Vector] = {"denominator": np.zeros(rows.tte.n), "numerator": np.zeros(rows.tte.n)}
    for arm in arms:
        found, logs = logistic_models(rows, arm, df, by_stratum)
        models += found.values()
        for part, log in logs.items():
            chance[part] += log
    after = rows.after.astype(np.float64)
    terms = dict(zip(rows.baseline_terms, rows.baseline.T, strict=True))
    if SWITCHED in terms:
        raise ArgumentError(f"a covariate is called {SWITCHED!r}", where="covariates", remedy="Rename it.")
    if arms:
        terms[SWITCHED] = after
    if len(arms) > 1:
        terms[f"{SWITCHED} x {rows.tte.arms[1]}"] = after * (rows.tte.arm == 1)
    outcome = Outcome(
        tte=rows.tte,
        owner=rows.owner,
        covariates=terms,
        log_chance=running(chance["denominator"], rows.owner, False),
        log_steady=running(chance["numerator"], rows.owner, False),
        tested=~rows.after,
        modelled=arms,
        separate=tuple(t for t in terms if t.startswith(SWITCHED) and t not in rows.baseline_terms),
        # The numerator is a model of everybody: it has switches before progression, of which there are none.
        mean_one=since != "progression",
    )
    words = [
        "marginal structural Cox model", "weights by pooled logistic regression of the visits",
        "stabilized" if stabilized else "unstabilized", truncation_words(cut), f"{ties.capitalize()} ties",
        strata_words(by_stratum, switches.tte),
    ]  # fmt: skip
    words += [f"adjusted for {', '.join(rows.baseline_terms)}"] if rows.baseline_terms else []
    words += ["switching possible from progression on"] if since == "progression" else []
    words += ["robust variance by subject, two-sided Wald P"]
    found_all = weighted_outcome(
        "MSM",
        switches,
        outcome,
        tuple(models),
        (", ".join(words), ASSUMPTION + (BEFORE_PROGRESSION if since == "progression" else "")),
        (stabilized, cut, ties, by_stratum, level),
    )
    paths = paths_of(switches.tte, varying)

    def again(rows: Rows) -> Weighted:
        return msm(
            sample_of(switches, rows, covariates), paths(rows), covariates=covariates, since=since, time_df=df,
            stabilized=stabilized, truncate=truncate, stratified=by_stratum, ties=ties, level=level,
        )  # fmt: skip

    return with_bootstrap(found_all, again, switches.tte, samples, seed, level)
