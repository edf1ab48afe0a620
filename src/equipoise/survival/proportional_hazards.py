"""Whether hazards are proportional: the score test of a coefficient that changes with time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc
from scipy.stats import rankdata

from .. import results
from ..kernels import kaplan_meier_steps
from ..results import Origin, Row
from .convention import ArgumentError
from .cox_result import Cox
from .cox_steps import steps_of
from .inference import NO_EVENTS, Test
from .maximize import Vector, estimable, solve
from .residuals import schoenfeld

if TYPE_CHECKING:
    import polars as pl

Transform = Literal["km", "rank", "identity", "log"]

GLOBAL = "global"
NO_CHANGE = "the function of time is the same at all deaths"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProportionalHazards:
    """A chi-square test by covariate (all columns of a factor together) and of all of them, ``tests["global"]``."""

    tests: dict[str, Test]
    transform: Transform
    method: str
    origin: Origin

    def __str__(self) -> str:
        test = self.tests[GLOBAL]
        if test.reason:
            return f"{self.method} {results.NOT_ESTIMABLE}: {test.reason}"
        chi = f"chi-square {results.significant(test.statistic)} on {test.df} degree{'s' * (test.df > 1)} of freedom"
        return f"{self.method}: {chi}, {results.p_equals(test.p_value)}"

    def rows(self) -> list[Row]:
        """Chi-square and P by covariate and of all, as rows of the long table."""
        rows = []
        for name, test in self.tests.items():
            for statistic, value, text in (
                ("proportional hazards chi-square", test.statistic, results.significant(test.statistic)),
                ("proportional hazards P", test.p_value, results.p_value(test.p_value)),
            ):
                shown = results.number(value, text, test.reason)
                rows.append(
                    Row(group=name, statistic=statistic, method=self.method, origin=self.origin, **shown)  # type: ignore[arg-type]
                )
        return rows

    def table(self) -> pl.DataFrame:
        """The long table of the tests."""
        return results.long_table(self.rows())


def zph(fit: Cox, *, transform: Transform = "km") -> ProportionalHazards:
    """Whether each coefficient stays the same over time, against one that changes in proportion to g(t).

    The score test of the added terms x g(t) at the fitted model, with its full information (Grambsch and Therneau
    1994; the exact score test that R's cox.zph makes since survival 3.0). g is the time ("identity"), its logarithm
    ("log"), its rank among all times of follow-up ("rank"; ties share theirs), or 1 - S(t-) with S the Kaplan-Meier
    curve of all subjects ("km").

    Raises ``ArgumentError`` for another transform and for deaths at time 0 under "log", ``UnsupportedError`` for
    exact ties and coefficients without a value. Not estimable, with a reason, where there are no events.

    >>> from equipoise.survival import TimeToEvent, cox
    >>> tte = TimeToEvent([6, 9, 10, 4, 5, 7], [1, 0, 1, 1, 1, 1], ["B"] * 3 + ["A"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> round(zph(cox(tte), transform="identity").tests["global"].statistic, 6)
    0.08226
    """
    if transform not in get_args(Transform):
        raise ArgumentError(
            f"there is no transform {transform!r}", remedy=f"Use one of {', '.join(get_args(Transform))}."
        )
    f = fit.fitted
    groups = (*f.matrix.covariate_columns().items(), (GLOBAL, np.arange(len(fit.terms))))
    method = f"score test of proportional hazards, {_WORDS[transform]}"
    happened = f.sets.event
    if not happened.any():
        none = Test(statistic=math.nan, df=0, p_value=math.nan, reason=NO_EVENTS)
        tests = {name: none for name, _ in groups}
        return ProportionalHazards(tests=tests, transform=transform, method=method, origin=fit.origin)
    g = _transformed(fit, transform)
    middle = float(g[happened].mean())
    width = float(np.ptp(g[happened])) or 1.0
    g = np.where(happened, (g - middle) / width, 0.0)  # of size one: the test does not depend on either
    steps = steps_of(fit, g)
    found = schoenfeld(fit)
    rows = _rows_in_order(fit)
    score = (f.sets.weight[rows] * g[rows]) @ (found.value / f.scale)
    added = steps.information[2] - steps.information[1] @ _inverse_times(steps.information[0], steps.information[1])
    tests = {name: _test(score[columns], added[np.ix_(columns, columns)]) for name, columns in groups}
    return ProportionalHazards(tests=tests, transform=transform, method=method, origin=fit.origin)


_WORDS = {
    "km": "Kaplan-Meier transform of time",
    "rank": "ranks of times",
    "identity": "time",
    "log": "logarithm of time",
}


def _rows_in_order(fit: Cox) -> NDArray[np.int64]:
    """Death rows in the order in which ``schoenfeld`` gives them."""
    sets = fit.fitted.sets
    rows = np.flatnonzero(sets.event)
    stratum = np.searchsorted(sets.starts, rows, side="right")
    return rows[np.lexsort((sets.order[rows], sets.time[rows], stratum))]


def _transformed(fit: Cox, transform: Transform) -> Vector:
    """g at the time of each row, (n,) in the order of the sets; 0 where there is no death."""
    sets = fit.fitted.sets
    happened = sets.event
    time = sets.time[happened]
    out = np.zeros(len(sets.time))
    if transform == "rank":
        out[happened] = rankdata(sets.time)[happened]
    elif transform == "identity":
        out[happened] = time
    elif transform == "log":
        if (time <= 0).any():
            raise ArgumentError(
                "a death at time 0 has no logarithm", where="zph", remedy='Use transform = "km" or "rank".'
            )
        out[happened] = np.log(time)
    else:
        order = np.argsort(sets.time, kind="stable")
        entry = np.empty((0, 2))
        weight = np.ones(len(order))
        if len(sets.entry):
            entry = np.column_stack([np.sort(sets.entry), weight])
        k, steps = kaplan_meier_steps(sets.time[order], happened[order], weight, entry)
        before = np.concatenate([[1.0], steps[4, :k]])[np.searchsorted(steps[0, :k], time, side="left")]
        out[happened] = 1.0 - before
    return out


def _inverse_times(information: Vector, matrix: Vector) -> Vector:
    return np.asarray(np.column_stack([solve(information, column) for column in matrix.T]))


def _test(score: Vector, information: Vector) -> Test:
    used = estimable(information, np.full(len(score), 1e-14))
    df = int(used.sum())
    if df == 0:
        return Test(statistic=math.nan, df=0, p_value=math.nan, reason=NO_CHANGE)
    u = score[used]
    statistic = float(u @ solve(information[np.ix_(used, used)], u))
    return Test(statistic=statistic, df=df, p_value=float(chdtrc(df, statistic)))
