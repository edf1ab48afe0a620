"""The survival functions and their kernels against the plain twins, on data made to be awkward.

Equality is at 1e-9 relative unless a reason stands beside another number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import linprog
from tests.oracles import twins
from tests.properties.examples import plenty

import equipoise as eq
from equipoise import kernels
from equipoise.survival.concordance import concordance
from equipoise.survival.cox_steps import score_rows, steps_at
from equipoise.survival.inference import ALIASED, NO_EVENTS, NO_SPREAD, SEPARATED, UNDETERMINED
from equipoise.survival.risk_sets import risk_sets


def close(got: Any, want: Any, rel: float = 1e-9, abs_: float = 1e-11) -> None:
    np.testing.assert_allclose(np.asarray(got, dtype=float), np.asarray(want, dtype=float), rtol=rel, atol=abs_)


@dataclass(frozen=True)
class Awkward:
    """Rows as given to a TimeToEvent, and the same for the twins, with near ties settled by their own rule."""

    time: np.ndarray
    event: np.ndarray
    arm: np.ndarray
    strata: np.ndarray | None = None
    entry: np.ndarray | None = None
    weight: np.ndarray | None = None
    weight_type: str | None = None

    @property
    def n(self) -> int:
        return len(self.time)

    def tte(self, **more: Any) -> eq.survival.TimeToEvent:
        """Arms 0, 1, ...; arm 0 is control. One arm only: no arm."""
        codes = sorted(set(self.arm.tolist()))
        named: dict[str, Any] = {}
        if len(codes) > 1:
            named["control"] = codes[0]
        if len(codes) == 2:
            named["experimental"] = codes[1]
        columns = {k: getattr(self, k) for k in ("strata", "entry", "weight", "weight_type")}
        arm = self.arm if len(codes) > 1 else None
        return eq.survival.TimeToEvent(self.time, self.event, arm, **{"unit": "days", **columns, **named, **more})

    def settled(self) -> tuple[np.ndarray, np.ndarray | None]:
        if self.entry is None:
            return twins.tie_times(self.time)[0], None
        time, entry = twins.tie_times(self.time, self.entry)
        return time, entry

    def twin(self) -> dict[str, Any]:
        """Named columns for a twin: strata, entry, weight."""
        return {"strata": self.strata, "entry": self.settled()[1], "weight": self.weight}

    def rows(self, pick: Any) -> Awkward:
        values = {k: getattr(self, k) for k in ("time", "event", "arm", "strata", "entry", "weight")}
        return Awkward(**{k: None if v is None else v[pick] for k, v in values.items()}, weight_type=self.weight_type)  # type: ignore[arg-type]


LAST_BIT = [0.3, 0.1 + 0.2, 3.3, 1.1 * 3, 1.0, 1.0 + 2**-52, 2.0, 2.0 - 2**-52, 5.0, 7.0]
TIMES = {
    "few": st.integers(0, 5).map(float),
    "whole": st.integers(1, 40).map(float),
    "cents": st.integers(0, 5000).map(lambda k: k / 100),
    "last bit": st.sampled_from(LAST_BIT),
    "1e9 wide": st.integers(0, 12).map(lambda k: 1e9 + 100.0 * k),
    "1e9 close": st.integers(0, 40).map(lambda k: 1e9 + 1.0 * k),  # closer than 15 is one time
    "one": st.just(4.0),
}


@st.composite
def awkward(
    draw: st.DrawFn,
    least: int = 1,
    most: int = 25,
    arms: tuple[int, int] = (1, 4),
    weights: tuple[str | None, ...] = (None, "case", "probability"),
    late: bool = True,
    kinds: tuple[str, ...] = tuple(TIMES),
) -> Awkward:
    n = draw(st.integers(least, most))
    kind = draw(st.sampled_from(kinds))

    def column(values: st.SearchStrategy[Any]) -> np.ndarray:
        return np.array(draw(st.lists(values, min_size=n, max_size=n)))

    time = column(TIMES[kind]).astype(float)
    event = column(draw(st.sampled_from([st.sampled_from([0, 1, 1]), st.just(1), st.sampled_from([0, 0, 0, 1])])))
    if draw(st.integers(0, 19)) == 0:
        event[:] = 0
    arm = column(st.integers(0, draw(st.integers(arms[0], arms[1])) - 1))
    if arms[0] > 1 and n > 1 and len(set(arm.tolist())) == 1:
        arm[0] = 1 - min(arm[0], 1)
    arm = np.unique(arm, return_inverse=True)[1].reshape(-1)
    strata = column(st.integers(0, 3)) if draw(st.booleans()) else None
    if strata is not None and draw(st.booleans()):
        strata = np.where(arm == 0, np.minimum(strata, 1), strata)  # strata 2 and 3 without the control arm
    entry = None
    if late and kind not in ("last bit", "1e9 close") and draw(st.booleans()):
        width = 100.0 if "1e9" in kind else 1.0
        entry = time - width * column(st.sampled_from([0.5, 1, 1, 2, 3, 30]))
    weight, weight_type = None, draw(st.sampled_from(weights))
    if weight_type == "case":
        weight = column(st.integers(1, 4)).astype(float)
    elif weight_type == "probability":
        weight = column(st.integers(1, 40)) / 16
    return Awkward(time, event, arm, strata, entry, weight, weight_type)


def covariates(draw: st.DrawFn, n: int, most: int = 2) -> dict[str, np.ndarray]:
    """None, one or two columns: small whole numbers, fractions, a constant, around 1e6, or a copy."""
    columns: dict[str, np.ndarray] = {}
    for j in range(draw(st.integers(0, most))):
        kind = draw(st.sampled_from(["whole", "fraction", "constant", "1e6", "copy", "whole", "fraction"]))
        values = np.array(draw(st.lists(st.integers(-40, 40), min_size=n, max_size=n)), dtype=float)
        columns[f"x{j}"] = {
            "whole": np.round(values / 20),
            "fraction": values / 16,
            "constant": np.full(n, 0.1),
            "1e6": 1e6 + values / 16,
            "copy": 2 * columns["x0"] - 1 if "x0" in columns else values,
        }[kind]
    return columns


@st.composite
def with_covariates(draw: st.DrawFn, most_columns: int = 2, **settings_: Any) -> tuple[Awkward, dict[str, np.ndarray]]:
    data = draw(awkward(**settings_))
    columns = covariates(draw, data.n, most_columns)
    assume(columns or len(set(data.arm.tolist())) > 1)
    return data, columns


def matrix(data: Awkward, columns: dict[str, np.ndarray]) -> np.ndarray:
    arms = [(data.arm == a).astype(float) for a in range(1, int(data.arm.max()) + 1)]
    return np.column_stack([*arms, *columns.values()])


# ------------------------------------------------------------------ Kaplan-Meier
@plenty(250)
@given(awkward(), st.sampled_from(["plain", "log", "log-log"]), st.sampled_from([0.8, 0.95, 0.99]))
def test_kaplan_meier(data: Awkward, conf_type: str, level: float) -> None:
    fit = eq.survival.kaplan_meier(data.tte(), conf_type=conf_type, level=level)
    time, entry = data.settled()
    for code, curve in enumerate(fit.values()):
        pick = data.arm == code
        want = twins.km(
            time[pick],
            data.event[pick],
            None if entry is None else entry[pick],
            None if data.weight is None else data.weight[pick],
        )
        close(curve.time, want["time"], 0, 0)
        close(curve.at_risk, want["n_risk"])
        close(curve.event, want["n_event"])
        close(curve.censored, want["n_censor"])
        close(curve.survival, want["survival"])
        se = want["robust_se"] if data.weight_type == "probability" else want["greenwood_se"]
        above = curve.survival > 0
        assert not curve.std_error[~above].any()
        close(curve.std_error[above], se[above])
        lower, upper = twins.km_limits(want["survival"], np.where(above, se, math.nan), level, conf_type)
        close(curve.lower, lower)
        close(curve.upper, upper)
        for p in (0.1, 0.25, 0.5, 0.75):
            q = curve.quantile(p)
            curves = (want["survival"], lower, upper)
            for got, height in zip((q.time, q.lower, q.upper), curves, strict=True):
                expected = twins.quantile(want["time"], height, p)
                close(got, math.inf if math.isnan(expected) else expected, 1e-15, 0)


@plenty(100)
@given(awkward(kinds=("few", "whole", "one")), st.lists(st.integers(0, 45), min_size=1, max_size=5))
def test_landmarks_and_risk_table(data: Awkward, days: list[int]) -> None:
    marks = [f"{d} days" for d in days]
    w = np.ones(data.n) if data.weight is None else data.weight
    for code, curve in enumerate(eq.survival.kaplan_meier(data.tte()).values()):
        pick = data.arm == code
        t, dead, wi = data.time[pick], data.event[pick] > 0, w[pick]
        start = np.full(len(t), -math.inf) if data.entry is None else data.entry[pick]
        table = curve.risk_table(marks)
        for j, (day, mark) in enumerate(zip(days, curve.at(marks), strict=True)):
            risk = wi[(start < day) & (t >= day)].sum()
            close([mark.at_risk, table.at_risk[j]], [risk, risk], abs_=1e-12 * wi.sum())
            close(mark.events, wi[dead & (t <= day)].sum())
            close(table.events[j], wi[dead & (t < day)].sum())
            close(table.censored[j], wi[~dead & (t < day)].sum())
            if data.entry is None:
                close(table.at_risk[j] + table.events[j] + table.censored[j], wi.sum())
            before = np.flatnonzero(curve.time <= day)
            survival = curve.survival[before[-1]] if len(before) else 1.0
            if day > curve.time[-1] and survival > 0:
                assert math.isnan(mark.survival)
                assert "follow-up ends" in mark.reason
            else:
                assert mark.survival == survival


# ---------------------------------------------------------------------- log-rank
@plenty(250)
@given(awkward(least=2, arms=(2, 4), weights=(None, "case")), st.sampled_from([(0, 0), (1, 0), (0, 1), (0.5, 0.5)]))
def test_logrank(data: Awkward, powers: tuple[float, float]) -> None:
    rho, gamma = powers
    arms = int(data.arm.max()) + 1
    assume(arms > 1)
    time, _ = data.settled()
    for stratified in (False, True) if data.strata is not None else (False,):
        fit = eq.survival.logrank(data.tte(), rho=rho, gamma=gamma, stratified=stratified)
        columns = data.twin() | {"strata": data.strata if stratified else None}
        want = twins.logrank(time, data.event, data.arm, arms, rho=rho, gamma=gamma, **columns)
        close(fit.observed, want["observed"])
        close(fit.expected, want["expected"])
        close(fit.variance, want["variance"])
        if not want["variance"].any():
            assert math.isnan(fit.statistic)
            assert fit.reason
            continue
        # the reference inverts the whole matrix: the pseudo-inverse knows the rank by itself
        difference = want["observed"] - want["expected"]
        inverse = np.linalg.pinv(want["variance"], rcond=1e-10, hermitian=True)
        close(fit.statistic, difference @ inverse @ difference, abs_=1e-9)
        assert fit.df == np.linalg.matrix_rank(want["variance"], tol=1e-10 * np.trace(want["variance"]), hermitian=True)
        if arms == 2:
            close(fit.z, -difference[1] / math.sqrt(want["variance"][1, 1]))
        if stratified:
            silent = {
                str(s)
                for s in np.unique(data.strata)
                if not twins.logrank(
                    time, data.event * (data.strata == s), data.arm, arms, rho=rho, gamma=gamma, **columns
                )["variance"].any()
            }
            assert set(fit.uninformative_strata) == silent


# ------------------------------------------------------- Cox: kernels at any beta
def likelihood(data: Awkward, x: np.ndarray, beta: np.ndarray, ties: str) -> tuple[float, np.ndarray, np.ndarray]:
    sets = risk_sets(data.tte(), stratified=data.strata is not None)
    x = np.ascontiguousarray(x[sets.order])
    if ties == "discrete":
        return kernels.discrete_likelihood(beta, x, sets.time, sets.event, sets.starts, sets.entry)
    if ties == "exact-marginal":
        return kernels.marginal_likelihood(beta, x, sets.time, sets.event, sets.starts, sets.entry)
    return kernels.partial_likelihood(
        beta, x, sets.time, sets.event, sets.weight, sets.starts, sets.entry, sets.leaving, ties == "efron"
    )


def assert_likelihood(data: Awkward, x: np.ndarray, beta: np.ndarray, ties: str) -> None:
    """Loglik, score, information. Their terms are sums of x and x x', whose rounding sets the absolute part."""
    time, _ = data.settled()
    columns = data.twin()
    if ties in ("discrete", "exact-marginal"):
        columns["weight"] = None
    loglik, score, information = likelihood(data, x, beta, ties)
    size = 1e-12 * (1 + np.abs(x).max() ** 2) * data.n
    close(loglik, twins.cox_loglik(beta, time, data.event, x, ties, **columns), abs_=1e-11)
    want_score, want_information = twins.cox_derivatives(beta, time, data.event, x, ties, **columns)
    close(score, want_score, abs_=size)
    close(information, want_information, abs_=size)


SLOPES = st.lists(st.sampled_from([0.0, 0.3, -0.7, 1.5, -3.0]), min_size=5, max_size=5)


@plenty(120)
@given(with_covariates(), SLOPES, st.sampled_from(["efron", "breslow"]))
def test_partial_likelihood_kernel(case: tuple[Awkward, dict[str, np.ndarray]], slopes: list[float], ties: str) -> None:
    data, columns = case
    x = matrix(data, columns)
    x = x - x.mean(axis=0)  # what the kernel is given, and what keeps the absolute part of the tolerance small
    assert_likelihood(data, x, np.array(slopes[: x.shape[1]]), ties)


@plenty(40)
@given(with_covariates(most=9, arms=(1, 2), most_columns=1, weights=(None,)), SLOPES)
def test_discrete_kernel(case: tuple[Awkward, dict[str, np.ndarray]], slopes: list[float]) -> None:
    data, columns = case
    x = matrix(data, columns)
    x = x - x.mean(axis=0)
    assert_likelihood(data, x, np.array(slopes[: x.shape[1]]), "discrete")


@plenty(25)
@given(with_covariates(most=7, arms=(1, 2), most_columns=1, weights=(None,)), SLOPES)
def test_exact_marginal_kernel(case: tuple[Awkward, dict[str, np.ndarray]], slopes: list[float]) -> None:
    data, columns = case
    x = matrix(data, columns)
    x = x - x.mean(axis=0)
    assert_likelihood(data, x, np.array(slopes[: x.shape[1]]), "exact-marginal")


@plenty(120)
@given(with_covariates(), SLOPES, st.sampled_from(["efron", "breslow"]))
def test_score_residuals(case: tuple[Awkward, dict[str, np.ndarray]], slopes: list[float], ties: str) -> None:
    data, columns = case
    x = matrix(data, columns)
    x = x - x.mean(axis=0)
    beta = np.array(slopes[: x.shape[1]])
    sets = risk_sets(data.tte(), stratified=data.strata is not None)
    got = np.empty_like(x)
    rows = np.ascontiguousarray(x[sets.order])
    got[sets.order] = score_rows(beta, rows, sets, steps_at(beta, rows, sets, ties == "efron"))
    want = twins.cox_score_residuals(beta, data.settled()[0], data.event, x, ties, **data.twin())
    # A residual under late entry is a difference of two cumulative hazards, the first of which may be larger than
    # the difference by as much as the risks differ: rounding grows by that much
    risk = np.exp(np.ptp(x @ beta)) if data.entry is not None else 1.0
    assume(risk < 1e6)
    close(got, want, abs_=1e-11 + 1e-14 * risk * np.abs(x).max())


# ------------------------------------------------------------- Cox: public results
def recession(data: Awkward, x: np.ndarray, ties: str) -> np.ndarray:
    """How far each coefficient can go, (p, 2), along directions in which no term of the likelihood falls.

    Within the box -1 .. 1, by linear programming: a death's x d must be the largest of its risk set (with the exact
    methods, no survivor's may be larger). All zeros: the maximum is finite (Albert and Anderson 1984).
    """
    time, entry = data.settled()
    start = np.full(data.n, -math.inf) if entry is None else entry
    stratum = np.zeros(data.n) if data.strata is None else data.strata
    scale = np.maximum(np.ptp(x, axis=0), 1e-300)
    falls = []
    for i in np.flatnonzero(data.event):
        for j in np.flatnonzero((stratum == stratum[i]) & (start < time[i]) & (time[i] <= time)):
            tied = time[i] == time[j] and data.event[j]
            if not (tied and ties in ("discrete", "exact-marginal")):
                falls.append((x[j] - x[i]) / scale)
    a = np.unique(np.array(falls), axis=0)
    out = np.zeros((x.shape[1], 2))
    for k in range(x.shape[1]):
        for side, sign in enumerate((1.0, -1.0)):
            goal = sign * np.eye(x.shape[1])[k]
            best = linprog(goal, A_ub=a, b_ub=np.zeros(len(a)), bounds=(-1, 1), method="highs")
            out[k, side] = sign * best.fun
    return np.where(np.abs(out) < 1e-7, 0.0, out)


def assert_cox(data: Awkward, columns: dict[str, np.ndarray], ties: str) -> None:
    weight = None if ties in ("discrete", "exact-marginal") else data.weight
    fit = eq.survival.cox(data.tte(), columns, ties=ties)
    time, _ = data.settled()
    x = matrix(data, columns)
    want = twins.cox_fit(time, data.event, x, ties, **(data.twin() | {"weight": weight}))
    assert fit.subjects == data.n
    close(fit.loglik[0], want["loglik"][0])
    aliased = np.isnan(want["coef"])
    np.testing.assert_array_equal([r in (ALIASED, NO_EVENTS) for r in fit.reasons], aliased)
    assert np.isnan(fit.coef[aliased]).all()
    if aliased.all():
        assert math.isnan(fit.likelihood_ratio.statistic)
        assert fit.likelihood_ratio.reason
        return
    assert fit.likelihood_ratio.df == int((~aliased).sum())
    # where the arms do no more than differ by rounding the score statistic is a square of it
    close(fit.score.statistic, want["score_test"], abs_=1e-9)
    reach = recession(data, x[:, ~aliased], ties)
    if reach.any():
        assert_separated(fit, reach, ~aliased)
        # Some 1e-11 of gain is left here when the steps end. The twin ends where its information is singular, which
        # can be well short of the supremum: so it is a lower bound, as what is attained here is below the supremum.
        assert fit.loglik[1] >= want["loglik"][1] - 1e-9 * (1 + abs(fit.loglik[1]))
        return
    close(fit.loglik[1], want["loglik"][1])
    # 1e-8: with n as small as 2 the likelihood can be so flat that its maximum is known no better
    close(fit.coef[~aliased], want["coef"][~aliased], 1e-8, 1e-9)
    close(fit.likelihood_ratio.statistic, want["lr"], abs_=1e-9)
    if data.weight_type == "probability" and weight is not None:
        return
    kept = np.ix_(~aliased, ~aliased)
    close(fit.covariance[kept], want["var"][kept], 1e-8, 1e-10)
    close(fit.wald.statistic, want["wald"], 1e-8, 1e-9)


def assert_separated(fit: eq.survival.Cox, reach: np.ndarray, used: np.ndarray) -> None:
    """Infinite exactly where the coefficient can run one way only; any answer but a number where it can run both."""
    for coef, se, limits, reason, (low, high) in zip(
        fit.coef[used], fit.se[used], fit.limits()[used], np.array(fit.reasons)[used], reach, strict=True
    ):
        if low == high == 0:
            assert math.isfinite(coef)
            assert (reason, math.isnan(se)) in (("", False), (NO_SPREAD, True))
            continue
        assert reason in (SEPARATED, UNDETERMINED)
        assert np.isnan([se, *limits]).all()
        if low == 0 or high == 0:
            assert coef == math.copysign(math.inf, low + high)
        else:
            assert not math.isfinite(coef)
    assert math.isnan(fit.wald.statistic)
    assert fit.wald.reason == SEPARATED
    assert math.isfinite(fit.score.statistic + fit.likelihood_ratio.statistic)
    assert fit.warnings


@plenty(200)
@given(with_covariates(), st.sampled_from(["efron", "breslow"]))
def test_cox(case: tuple[Awkward, dict[str, np.ndarray]], ties: str) -> None:
    assert_cox(*case, ties)


@plenty(20)
@given(with_covariates(most=8, arms=(2, 2), least=3, most_columns=1, weights=(None,)))
def test_cox_discrete(case: tuple[Awkward, dict[str, np.ndarray]]) -> None:
    assert_cox(*case, "discrete")


@plenty(12)
@given(with_covariates(most=6, arms=(2, 2), least=3, most_columns=0, weights=(None,)))
def test_cox_exact_marginal(case: tuple[Awkward, dict[str, np.ndarray]]) -> None:
    assert_cox(*case, "exact-marginal")


@plenty(150)
@given(with_covariates(least=4), st.sampled_from(["efron", "breslow"]), st.data())
def test_robust_variance(case: tuple[Awkward, dict[str, np.ndarray]], ties: str, more: st.DataObject) -> None:
    data, columns = case
    cluster = None
    if more.draw(st.booleans()):
        cluster = np.array(more.draw(st.lists(st.integers(0, 6), min_size=data.n, max_size=data.n)))
    fit = eq.survival.cox(data.tte(), columns, ties=ties, robust=True, cluster=cluster)
    assume(not any(fit.reasons))
    x = matrix(data, columns)
    time, _ = data.settled()
    x = x - x.mean(axis=0)
    assume(np.exp(np.ptp(x @ fit.coef)) < 1e6)  # see test_score_residuals
    want = twins.cox_robust_variance(fit.coef, time, data.event, x, ties, cluster=cluster, **data.twin())
    # A sandwich around an inverse: a large variance keeps fewer digits, so the scale is that of the largest entry
    scale = np.abs(want["naive_var"]).max()
    close(fit.naive_covariance, want["naive_var"], 1e-8, 1e-9 * scale)
    close(fit.covariance, want["var"], 1e-7, 1e-8 * scale)
    u = twins.cox_score_residuals(np.zeros(x.shape[1]), time, data.event, x, ties, **data.twin())
    parts = twins.cluster_sums(u * (np.ones(data.n) if data.weight is None else data.weight)[:, None], cluster)
    rank = np.linalg.matrix_rank(parts / np.sqrt(np.diagonal(want["naive_var"]) ** -1), tol=1e-6)
    if rank == x.shape[1]:  # the pseudo-inverse of a singular matrix hangs on its rounding
        close(fit.robust_score.statistic, want["robust_score"], 1e-7, 1e-8)


@plenty(200)
@given(with_covariates(), st.data())
def test_concordance(case: tuple[Awkward, dict[str, np.ndarray]], more: st.DataObject) -> None:
    """The kernel's counts of any risk score, tied or not, against a count of pairs."""
    data, _ = case
    risk = np.array(more.draw(st.lists(st.integers(0, 4), min_size=data.n, max_size=data.n)))
    cluster = np.array(more.draw(st.lists(st.integers(0, 6), min_size=data.n, max_size=data.n)))
    cluster = cluster if more.draw(st.booleans()) else None
    sets = risk_sets(data.tte(), stratified=data.strata is not None)
    levels, rank = np.unique(risk[sets.order], return_inverse=True)
    got = concordance(sets, rank.astype(np.int64), len(levels), None if cluster is None else cluster[sets.order])
    want = twins.concordance(data.settled()[0], data.event, risk, cluster=cluster, **data.twin())
    counts = ("concordant", "discordant", "tied_x", "tied_y", "tied_xy")
    close([got.concordant, got.discordant, got.tied_risk, got.tied_time, got.tied_both], [want[k] for k in counts])
    close([got.estimate, got.std_error], [want["C"], want["se"]])
    assert bool(got.reason) == math.isnan(got.estimate)


@plenty(80)
@given(with_covariates(most=15))
def test_concordance_of_the_model(case: tuple[Awkward, dict[str, np.ndarray]]) -> None:
    data, columns = case
    fit = eq.survival.cox(data.tte(), columns)
    assume(not np.isinf(fit.coef).any())
    x = matrix(data, columns)
    # x has few digits and the risk score rounding only: equal scores are equal to 9 digits
    risk = np.round((x - x.mean(axis=0)) @ np.nan_to_num(fit.coef), 9)
    assume(len(np.unique(np.round(risk, 7))) == len(np.unique(risk)))
    want = twins.concordance(data.settled()[0], data.event, risk, **data.twin())
    close([fit.concordance.estimate, fit.concordance.std_error], [want["C"], want["se"]])


# -------------------------------------------------------------------------- RMST
@plenty(120)
@given(awkward(arms=(1, 2), weights=(None,), late=False, kinds=("few", "whole", "cents", "one")), st.integers(1, 60))
def test_rmst(data: Awkward, tau: int) -> None:
    tte = data.tte()
    ends = []
    for code in range(len(tte.arms)):
        curve = twins.km(data.time[data.arm == code], data.event[data.arm == code])
        ends.append(math.inf if curve["survival"][-1] == 0 else curve["time"][-1])
    fit = eq.survival.rmst(tte, tau=f"{tau} days", stratified=False)
    assert (f"the largest tau that every arm supports is {min(ends):g} days" in fit.reason) == (tau > min(ends))
    means = []
    for code, arm in enumerate(tte.arms):
        area, variance = twins.rmst(data.time[data.arm == code], data.event[data.arm == code], tau)
        if tau > ends[code]:
            area = variance = math.nan
        close([fit[arm].rmst, fit[arm].std_error ** 2], [area, variance])
        means.append((area, variance))
    if len(means) == 2:
        close(fit.difference, means[1][0] - means[0][0])
        se = math.sqrt(means[0][1] + means[1][1])
        if se > 0:  # neither zero nor nan
            close(fit.conf_int[1] - fit.difference, 1.959963984540054 * se)


# -------------------------------------------------------- laws, whatever the twins say
def numbers(tte: eq.survival.TimeToEvent, columns: dict[str, np.ndarray], ties: str, pairs: bool = True) -> list[float]:
    """Every number of the analyses of one endpoint."""
    out: list[float] = []
    for curve in eq.survival.kaplan_meier(tte).values():
        for name in ("time", "at_risk", "event", "censored", "survival", "std_error", "lower", "upper"):
            out += getattr(curve, name).tolist()
    if len(tte.arms) > 1 and tte.weight_type != "probability":
        test = eq.survival.logrank(tte)
        out += [*test.observed, *test.expected, *test.variance.ravel(), test.statistic, test.df]
    fit = eq.survival.cox(tte, columns, ties=ties)
    out += [*fit.loglik, fit.score.statistic]
    if not any(r in (SEPARATED, UNDETERMINED) for r in fit.reasons):
        out += [*fit.coef, *fit.covariance.ravel(), fit.wald.statistic]
        out += [fit.concordance.estimate, fit.concordance.std_error] if pairs else []
    return out


@plenty(80)
@given(with_covariates(), st.sampled_from(["efron", "breslow"]), st.randoms(use_true_random=False))
def test_row_order_does_not_matter(case: tuple[Awkward, dict[str, np.ndarray]], ties: str, random: Any) -> None:
    data, columns = case
    rows = list(range(data.n))
    random.shuffle(rows)
    one = numbers(data.tte(), columns, ties)
    two = numbers(data.rows(rows).tte(), {k: v[rows] for k, v in columns.items()}, ties)
    # beyond rounding: of sums in another order, which also stops the steps to an infinite maximum sooner or later
    close(one, two, 1e-8, 1e-8)


@plenty(60)
@given(awkward(least=2, arms=(2, 2), weights=(None, "case")))
def test_swap_inverts(data: Awkward) -> None:
    assume(len(set(data.arm.tolist())) == 2)
    tte = data.tte()
    other = tte.swap()
    assert (other.control, other.experimental) == (tte.experimental, tte.control)
    one, two = eq.survival.logrank(tte), eq.survival.logrank(other)
    close(one.z, -two.z)
    close(one.statistic, two.statistic)
    a, b = eq.survival.cox(tte), eq.survival.cox(other)
    np.testing.assert_allclose(a.coef, -b.coef, rtol=1e-8, atol=1e-9)  # infinite: of the other sign
    if np.isfinite(a.coef).all():
        close(a.hazard_ratio, 1 / b.hazard_ratio, 1e-8)
        close(a.conf_int, (1 / b.conf_int[1], 1 / b.conf_int[0]), 1e-7)
        close(a.p_one_sided, 1 - b.p_one_sided)
    close(a.loglik, b.loglik)
    twice = other.swap()
    np.testing.assert_array_equal(twice.arm, tte.arm)


@plenty(80)
@given(with_covariates(weights=("case",)))
def test_case_weights_are_copies(case: tuple[Awkward, dict[str, np.ndarray]]) -> None:
    data, columns = case
    copies = np.repeat(np.arange(data.n), data.weight.astype(int))
    long = Awkward(
        data.time[copies],
        data.event[copies],
        data.arm[copies],
        None if data.strata is None else data.strata[copies],
        None if data.entry is None else data.entry[copies],
    )
    many = {k: v[copies] for k, v in columns.items()}
    # Breslow only: two tied copies are two tied deaths for Efron, a weight of 2 is one (as in R).
    # The concordance is left out too: copies make pairs among themselves.
    one = numbers(data.tte(), columns, "breslow", pairs=False)
    two = numbers(long.tte(), many, "breslow", pairs=False)
    close(one, two, 1e-8, 1e-8)


@plenty(60)
@given(with_covariates(weights=("case", "probability")), st.sampled_from([0.25, 0.5]))
def test_splitting_a_weight(case: tuple[Awkward, dict[str, np.ndarray]], share: float) -> None:
    """A subject of weight w, or two like it in one cluster of weights sw and (1 - s)w: Breslow's sandwich is one."""
    data, columns = case
    w = data.weight
    both = np.concatenate([np.arange(data.n), [0]])
    halves = np.concatenate([w, [w[0] * (1 - share)]])
    halves[0] = w[0] * share
    values = {k: getattr(data, k) for k in ("time", "event", "arm", "strata", "entry")}
    split = Awkward(
        **{k: None if v is None else v[both] for k, v in values.items()}, weight=halves, weight_type="probability"
    )
    whole = Awkward(**values, weight=w, weight_type="probability")
    one = eq.survival.cox(whole.tte(), columns, ties="breslow", cluster=np.arange(data.n))
    two = eq.survival.cox(split.tte(), {k: v[both] for k, v in columns.items()}, ties="breslow", cluster=both)
    assume(not any(one.reasons) and np.linalg.cond(one.naive_covariance) < 1e8)
    close(one.loglik, two.loglik)
    close(one.coef, two.coef, 1e-8, 1e-9)
    close(one.covariance, two.covariance, 1e-7, 1e-9 * np.abs(one.naive_covariance).max())
    for a, b in zip(
        eq.survival.kaplan_meier(whole.tte()).values(), eq.survival.kaplan_meier(split.tte()).values(), strict=True
    ):
        close(a.survival, b.survival)


@plenty(60)
@given(with_covariates(kinds=("few", "whole", "cents", "one")), st.sampled_from(["weeks", "months", "years"]))
def test_the_unit_of_time_changes_times_only(case: tuple[Awkward, dict[str, np.ndarray]], unit: str) -> None:
    data, columns = case
    one = data.tte()
    two = data.tte(unit=unit)
    if len(one.arms) > 1 and data.weight_type != "probability":
        assert eq.survival.logrank(one).statistic == pytest.approx(
            eq.survival.logrank(two).statistic, rel=1e-14, nan_ok=True
        )
    a, b = eq.survival.cox(one, columns), eq.survival.cox(two, columns)
    np.testing.assert_array_equal(a.coef, b.coef)
    np.testing.assert_array_equal(a.covariance, b.covariance)
    per = eq.units.days_per(unit)
    for x, y in zip(eq.survival.kaplan_meier(one).values(), eq.survival.kaplan_meier(two).values(), strict=True):
        np.testing.assert_array_equal(x.survival, y.survival)
        close(x.median * per, y.median, 1e-14)


@plenty(80)
@given(awkward(least=2, arms=(2, 4), weights=(None,)))
def test_the_score_test_of_the_discrete_model_is_the_logrank_test(data: Awkward) -> None:
    assume(len(set(data.arm.tolist())) > 1)
    test = eq.survival.logrank(data.tte())
    fit = eq.survival.cox(data.tte(), ties="discrete")
    if test.df == 0:
        assert math.isnan(fit.score.statistic)
        return
    # with more arms than the rank the model leaves out aliased terms, and the statistic is the same
    close(fit.score.statistic, test.statistic, 1e-8, 1e-9)
    assert fit.score.df == test.df


@plenty(80)
@given(with_covariates(least=2), SLOPES, st.integers(1, 9), st.sampled_from(["efron", "breslow"]))
def test_the_likelihood_sees_no_shift(
    case: tuple[Awkward, dict[str, np.ndarray]], slopes: list[float], shift: int, ties: str
) -> None:
    """A shift of x by stratum changes nothing; and with times replaced by their ranks nothing changes."""
    data, columns = case
    x = matrix(data, columns)
    x = x - x.mean(axis=0)
    beta = np.array(slopes[: x.shape[1]])
    by = np.zeros(data.n) if data.strata is None else data.strata
    one = likelihood(data, x, beta, ties)
    two = likelihood(data, x + shift * (1 + by)[:, None], beta, ties)
    size = 1e-12 * (100 * shift**2 + np.abs(x).max() ** 2) * data.n
    for a, b in zip(one, two, strict=True):
        close(a, b, abs_=size)
    time, entry = data.settled()
    if entry is None:
        ranks = Awkward(
            np.unique(time, return_inverse=True)[1] * 1.0, data.event, data.arm, data.strata, None, data.weight,
            data.weight_type,
        )  # fmt: skip
        for a, b in zip(one, likelihood(ranks, x, beta, ties), strict=True):
            close(a, b, abs_=size)


@pytest.mark.parametrize("entry", [[0, 0, 0, 0, 0, 6, 6, 6, 6, 6], [0, 0, 0, 0, 0, 3.5, 2.5, 1.5, 3.5, 1.5]])
@pytest.mark.parametrize("late_risk", [0, 30])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_a_large_risk_that_leaves_no_trace(ties: str, late_risk: float, entry: list[float]) -> None:
    """Late entry takes subjects out of running sums: one with e^30 times the risk must not blur those who stay."""
    x = np.array([3.0, 2, 1, 0, 1, 0, 1, 0, 1, 0])
    x += np.where(np.arange(10) < 5, 30 - late_risk, late_risk)
    time = np.array([1.0, 2, 3, 4, 5, 10, 11, 12, 13, 14])
    data = Awkward(time, np.ones(10, dtype=int), np.zeros(10, dtype=int), entry=np.array(entry, dtype=float))
    assert_likelihood(data, (x - x.mean())[:, None], np.array([1.0]), ties)


def test_a_risk_that_no_event_meets_does_not_underflow_the_others() -> None:
    """Who leaves before the first event has no part in the likelihood, however large x."""
    time, x = np.array([1.0, 2, 3, 4, 5]), np.array([2000.0, 3, 1, 2, 0])
    data = Awkward(time, np.array([0, 1, 1, 1, 0]), np.zeros(5, dtype=int))
    want = twins.cox_loglik([1.0], time[1:], data.event[1:], x[1:, None], "efron")
    for ties in ("efron", "breslow"):
        close(likelihood(data, x[:, None], np.array([1.0]), ties)[0], want)
