"""Competing risks against the plain twins, on data made to be awkward.

Equality is at 1e-9 relative unless a reason stands beside another number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.oracles import twins, twins_competing
from tests.properties.examples import plenty
from tests.properties.test_survival_against_twins import Awkward, awkward, close, covariates, matrix, recession

import equipoise as eq
from equipoise.survival.inference import ALIASED, NO_SPREAD, UNDETERMINED

WEIGHTS = (None, "case")


@dataclass(frozen=True)
class Rows:
    """What a twin reads: every copy of a subject with its settled time."""

    time: np.ndarray
    code: np.ndarray
    arm: np.ndarray
    strata: np.ndarray | None
    copies: np.ndarray

    @staticmethod
    def of(data: Awkward) -> Rows:
        copies = np.ones(data.n, dtype=int) if data.weight is None else data.weight.astype(int)
        time, code, arm = (np.repeat(a, copies) for a in (data.settled()[0], data.event, data.arm))
        strata = None if data.strata is None else np.repeat(data.strata, copies)
        return Rows(time, code, arm, strata, copies)


@st.composite
def competing(draw: st.DrawFn, **settings_: Any) -> Awkward:
    """Awkward data whose events have one, two or three causes."""
    data = draw(awkward(weights=WEIGHTS, late=False, **settings_))
    causes = draw(st.sampled_from([(1,), (1, 2), (1, 2, 2), (1, 1, 2, 3), (2,)]))
    code = np.array(draw(st.lists(st.sampled_from(causes), min_size=data.n, max_size=data.n)))
    return Awkward(
        data.time, np.where(data.event > 0, code, 0), data.arm, data.strata, None, data.weight, data.weight_type
    )


# ---------------------------------------------------------- cumulative incidence
@plenty(200)
@given(competing(), st.sampled_from(["plain", "log-log"]), st.sampled_from([0.8, 0.95, 0.99]))
def test_cumulative_incidence(data: Awkward, conf_type: str, level: float) -> None:
    fit = eq.survival.cumulative_incidence(data.tte(), conf_type=conf_type, level=level)
    rows = Rows.of(data)
    causes = sorted({1, *data.event.tolist()} - {0})
    for code, arm in enumerate(fit):
        assert list(fit[arm]) == causes
        pick = rows.arm == code
        for cause, curve in fit[arm].items():
            want = twins_competing.cumulative_incidence(rows.time[pick], rows.code[pick], cause)
            close(curve.time, want["time"], 0, 0)
            close(curve.estimate, want["incidence"])
            close(curve.std_error**2, want["variance"], abs_=1e-13)
            close(curve.event_free, want["survival"])
            # Log-log limits do not exist at 1, which the twin meets to the last bit only.
            inside = curve.estimate < 1 - 1e-11
            limits = twins_competing.incidence_limits(want["incidence"], want["variance"], level, conf_type)
            for got, limit in zip((curve.lower, curve.upper), limits, strict=True):
                close(got[inside], limit[inside])
                assert np.isnan(got[~inside]).all() or conf_type == "plain"
            assert curve.subjects == pick.sum()
            assert curve.events == (rows.code[pick] == cause).sum()
            assert curve.at_risk.tolist() == [(rows.time[pick] >= t).sum() for t in curve.time]


@plenty(80)
@given(competing(kinds=("few", "whole", "one")), st.lists(st.integers(0, 45), min_size=1, max_size=5))
def test_landmarks(data: Awkward, days: list[int]) -> None:
    rows = Rows.of(data)
    for code, curves in enumerate(eq.survival.cumulative_incidence(data.tte()).values()):
        pick = rows.arm == code
        t, cause_of = rows.time[pick], rows.code[pick]
        for cause, curve in curves.items():
            for day, mark in zip(days, curve.at([f"{d} days" for d in days]), strict=True):
                assert mark.at_risk == (t >= day).sum()
                assert mark.events == ((t <= day) & (cause_of == cause)).sum()
                assert mark.competing == ((t <= day) & (cause_of > 0) & (cause_of != cause)).sum()
                last = t == t.max()
                if day > t.max() and (cause_of[last] == 0).any():
                    assert math.isnan(mark.estimate)
                    assert "follow-up ends" in mark.reason
                else:
                    step = np.searchsorted(curve.time, day, side="right")
                    assert mark.estimate == (curve.estimate[step - 1] if step else 0)
                    assert math.isnan(mark.lower) == bool(mark.reason)


# ------------------------------------------------------------------- Gray's test
def while_compared(rows: Rows, by_stratum: bool) -> np.ndarray:
    """Events after only one group is left compare nothing: the twin, whose pooled incidence may pass 1, drops them."""
    stratum = rows.strata if by_stratum and rows.strata is not None else np.zeros(len(rows.time))
    ends = np.zeros(len(rows.time))
    for s in np.unique(stratum):
        inside = stratum == s
        last = sorted(rows.time[inside & (rows.arm == a)].max(initial=-1.0) for a in range(int(rows.arm.max()) + 1))
        ends[inside] = last[-2]
    return np.where(rows.time <= ends, rows.code, 0)


def pooled_incidence(rows: Rows, code: np.ndarray, cause: int, by_stratum: bool) -> float:
    """The incidence all groups share under the hypothesis, before its last event; the largest of the strata."""
    stratum = rows.strata if by_stratum and rows.strata is not None else np.zeros(len(rows.time))
    largest = 0.0
    for s in np.unique(stratum):
        total, before = 0.0, 0.0
        for u in np.unique(rows.time[(stratum == s) & (code == cause)]):
            h = 0.0
            for a in np.unique(rows.arm):
                time, event = (column[(stratum == s) & (rows.arm == a)] for column in (rows.time, code))
                if (time >= u).any():
                    curve = twins.km(time, event > 0)
                    before_u = curve["survival"][curve["time"] < u]
                    h += (time >= u).sum() / (before_u[-1] if len(before_u) else 1.0)
            before = total
            total += ((stratum == s) & (rows.time == u) & (code == cause)).sum() / h
        largest = max(largest, before)
    return largest


@plenty(250)
@given(competing(arms=(2, 4), least=2), st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.sampled_from([1, 2]), st.booleans())
def test_gray(data: Awkward, rho: float, cause: int, stratified: bool) -> None:
    assume(len(set(data.arm.tolist())) > 1)
    stratified = stratified and data.strata is not None
    test = eq.survival.gray(data.tte(), rho=rho, cause=cause, stratified=stratified)
    rows = Rows.of(data)
    code = while_compared(rows, stratified)
    with np.errstate(all="ignore"):
        want = twins_competing.gray(rows.time, code, rows.arm, cause, rho, rows.strata if stratified else None)
    assert test.subjects.tolist() == np.bincount(rows.arm).tolist()
    if "reaches 1" in test.reason:
        assert math.isnan(test.statistic + test.p_value)
        assert pooled_incidence(rows, code, cause, stratified) > 1 - 1e-9
        return
    close(test.observed - test.expected, want["score"])
    # Where the pooled incidence comes close to 1 its logarithm's derivative is large, and rounding with it.
    size = np.abs(want["variance"]).max(initial=0.0)
    close(test.variance, want["variance"], abs_=1e-11 + 1e-10 * size)
    if rho == 0 and not stratified:
        assert test.observed.sum() == (rows.code == cause).sum()
    values = np.linalg.eigvalsh(want["variance"])
    if not test.df:
        assert math.isnan(test.statistic + test.p_value)
        assert test.reason
        assert values[0] < 0 or size < 1e-10
        return
    assert test.reason == ""
    if math.isnan(want["chisq"]):  # a group that tells nothing: R has no test, here it has fewer degrees of freedom
        assert test.df < want["df"]
    elif values[1] > 1e-6 * values[-1]:
        assert test.df == want["df"]
        close(test.statistic, want["chisq"], 1e-8 * max(1.0, 1e-3 * values[-1] / values[1]))
        close(test.p_value, want["p"], 1e-7)
    if test.z is not None:
        close(test.z**2, test.statistic)
        assert test.z * want["score"][1] <= 0


# ------------------------------------------------------------------ Fine and Gray
class Settled(Awkward):
    """Near ties are settled already."""

    def settled(self) -> tuple[np.ndarray, None]:
        return self.time, None


@plenty(200)
@given(competing(least=2), st.data(), st.sampled_from([1, 1, 2]))
def test_fine_gray(data: Awkward, more: st.DataObject, cause: int) -> None:
    columns = more.draw(st.composite(covariates)(data.n), label="covariates")
    assume(columns or len(set(data.arm.tolist())) > 1)
    fit = eq.survival.fine_gray(data.tte(), columns, cause=cause)
    rows = Rows.of(data)
    x = np.repeat(matrix(data, columns), rows.copies, axis=0)
    if not (rows.code == cause).any():
        assert set(fit.reasons) == {f"no event of cause {cause} occurred"}
        assert np.isnan([*fit.coef, *fit.se, fit.wald.statistic]).all()
        return
    # Which terms say nothing, and which run away, does not depend on the weights of those another cause struck: they
    # are asked of a Cox model that follows them for ever.
    struck = (rows.code > 0) & (rows.code != cause)
    never = Settled(np.where(struck, math.inf, rows.time), (rows.code == cause).astype(int), rows.arm)
    aliased = np.isnan(twins.cox_fit(never.time, never.event, x, "breslow")["coef"])
    np.testing.assert_array_equal([r == ALIASED for r in fit.reasons], aliased)
    assert np.isnan(fit.coef[aliased]).all()
    if aliased.all():
        assert math.isnan(fit.wald.statistic)
        return
    reach = recession(never, x[:, ~aliased], "breslow")
    with np.errstate(all="ignore"):
        want = twins_competing.fine_gray(rows.time, rows.code, x[:, ~aliased], cause)
    close(fit.loglik[0], want["loglik"][0])
    if reach.any():
        separated(fit, reach, ~aliased)
        if math.isfinite(want["loglik"][1]):  # the twin stops short of the supremum, or runs over the numbers there are
            assert fit.loglik[1] >= want["loglik"][1] - 1e-7 * (1 + abs(fit.loglik[1]))
        return
    # All but separated: where a standard deviation of x has a standard error of 300 the maximum is lost in rounding.
    assume((np.diagonal(want["inverse_information"]) * x[:, ~aliased].var(axis=0)).max() < 1e5)
    assert want["converged"]
    close(fit.loglik[1], want["loglik"][1])
    close(fit.coef[~aliased], want["coef"], 1e-8, 1e-9)
    spread = np.array([r != NO_SPREAD for r in np.array(fit.reasons)[~aliased]])
    own, naive = np.diagonal(want["var"]), np.diagonal(want["inverse_information"])
    assert (own[~spread] < 1e-11 * naive[~spread]).all()
    kept = np.ix_(np.flatnonzero(~aliased)[spread], np.flatnonzero(~aliased)[spread])
    close(fit.covariance[kept], want["var"][np.ix_(spread, spread)], 1e-7, 1e-9)
    assert fit.events == (data.event == cause).sum()


def separated(fit: Any, reach: np.ndarray, used: np.ndarray) -> None:
    """Infinite exactly where the coefficient can run one way only; any answer but a number where it can run both."""
    for coef, se, reason, (low, high) in zip(
        fit.coef[used], fit.se[used], np.array(fit.reasons)[used], reach, strict=True
    ):
        if low == high == 0:
            assert math.isfinite(coef)
            assert (reason, math.isnan(se)) in (("", False), (NO_SPREAD, True))
            continue
        assert "no finite maximum" in reason or reason == UNDETERMINED
        assert math.isnan(se)
        if low == 0 or high == 0:
            assert coef == math.copysign(math.inf, low + high)
        else:
            assert not math.isfinite(coef)
    assert math.isnan(fit.wald.statistic)
    assert "no finite maximum" in fit.wald.reason
    assert fit.warnings
