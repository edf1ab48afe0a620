"""Accelerated failure times, weights for switching and g-estimation against plain twins, on data drawn at random.

Equality is at 1e-9 relative unless a reason stands beside another number.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize
from tests.oracles import twins_cox, twins_weighting
from tests.properties.examples import plenty
from tests.properties.test_survival_against_twins import Awkward, awkward

from equipoise.analyze.switching import Switches, Weighted, ipcw, ipe, msm, two_stage, two_stage_g
from equipoise.analyze.switching.natural_spline import Knots, natural_spline
from equipoise.analyze.switching.switching_of_psi import martingale
from equipoise.analyze.switching.weighted_logrank import weighted_logrank
from equipoise.survival import TimeToEvent, TimeVarying, accelerated, cox
from equipoise.survival.accelerated import NO_MAXIMUM
from equipoise.survival.inference import NO_EVENTS

SINCE: dict[bool, Literal["randomization", "progression"]] = {False: "randomization", True: "progression"}
LAWS = ["weibull", "exponential", "lognormal", "loglogistic"]


def close(got: Any, want: Any, rel: float = 1e-9, abs_: float = 1e-11) -> None:
    np.testing.assert_allclose(np.asarray(got, dtype=float), np.asarray(want, dtype=float), rtol=rel, atol=abs_)


@plenty(16)
@given(awkward(arms=(1, 2), weights=(None,), late=False), st.sampled_from(LAWS), st.booleans())
def test_accelerated(data: Awkward, law: str, adjusted: bool) -> None:
    """At the maximum: the twin's log-likelihood, no direction that climbs, and errors of its second derivatives."""
    tte = data.rows(data.time > 0).tte() if (data.time > 0).any() else None
    assume(tte is not None)
    assert tte is not None
    covariate = np.sin(np.arange(tte.n) ** 2.0)
    found = accelerated(tte, {"x": covariate} if adjusted else None, distribution=law)  # type: ignore[arg-type]
    if not tte.event.any():
        assert set(found.reasons) == {NO_EVENTS}
        return
    if NO_MAXIMUM in found.reasons or any(found.reasons):
        assert all(math.isnan(s) for s, r in zip(found.se, found.reasons, strict=True) if r)
        return
    indicators = [tte.stratum == s for s in range(1, len(tte.strata))]
    arms = [tte.arm == a for a in range(1, len(tte.arms))]
    x = np.column_stack([np.ones(tte.n), *arms, *indicators, *([covariate] if adjusted else [])]).astype(float)
    free = law != "exponential"

    def loglik(p: np.ndarray) -> float:
        scale = math.exp(min(p[-1], 50.0)) if free else 1.0
        return twins_weighting.aft_loglik(p[: x.shape[1]], scale, tte.time, tte.event, x, law)

    at = np.append(found.coef, [math.log(found.scale)] if free else [])
    # The logarithm of a time around 1e9 is known to 4e-15, of which the likelihood sees the part of its scale.
    close(found.loglik, loglik(at), abs_=1e-9 + 1e-13 / found.scale)
    if found.scale < 1e-3:
        return  # nearly an exact fit: differences of the twin's likelihood are rounding
    errors = np.append(found.se, [found.log_scale_se] if free else [])
    information = -twins_weighting.hessian(lambda p: loglik(at + errors * p), np.zeros(len(at)), 1e-3)
    covariance = np.linalg.inv(information)
    close(np.sqrt(np.diagonal(covariance)), np.ones(len(at)), rel=1e-3)  # by differences
    better = minimize(lambda p: -loglik(at + errors * p), np.zeros(len(at)), method="Nelder-Mead",
                      options={"maxiter": 60})  # fmt: skip
    assert -better.fun <= loglik(at) + 1e-9 * max(1.0, abs(loglik(at)))


def drawn(seed: int, n: int = 40, both: bool = False) -> list[dict[str, Any]]:
    """Subjects with a marker that changes, on whole days with ties; who has it high switches more often."""
    rng = np.random.default_rng(seed)
    out: list[dict[str, Any]] = []
    for i in range(n):
        arm = i % 2
        days = [0.0, *np.unique(rng.integers(1, 60, 4)).astype(float).tolist()]
        visits = [(day, [float(rng.integers(0, 2)), float(rng.integers(0, 5))]) for day in days]
        time = float(rng.integers(3, 80))
        switch = math.inf
        if arm == 0 or both:
            for day, (high, _) in visits[1:]:
                if day <= time and rng.random() < (0.5 if high else 0.25):
                    switch = day + float(rng.integers(0, 2))
                    break
        switch = switch if switch <= time else math.inf
        progression = float(rng.integers(1, int(time) + 1)) if rng.random() < 0.8 else math.inf
        out.append(
            {"id": i, "arm": arm, "time": time, "event": int(rng.random() < 0.75), "switch": switch,
             "progression": progression, "end": time + float(rng.integers(0, 40)), "base": [float(rng.integers(0, 3))],
             "visits": visits}
        )  # fmt: skip
    return out


def from_progression(subjects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, but who switches has progressed a few days before."""
    for s in subjects:
        if s["switch"] < math.inf:
            s["progression"] = float(max(0, s["switch"] - 1 - s["id"] % 7))
    return subjects


def asked(subjects: list[dict[str, Any]], both: bool = False) -> tuple[Switches, dict[str, TimeVarying]]:
    column = {name: [s[name] for s in subjects] for name in subjects[0]}
    tte = TimeToEvent(
        column["time"], column["event"], column["arm"], control=0, experimental=1, unit="days", subject=column["id"]
    )
    record = Switches(
        tte=tte, switch=np.array(column["switch"]), progression=np.array(column["progression"]),
        administrative=np.array(column["end"]), may_switch=("0", "1") if both else (),
        covariates={"base": np.array([s["base"][0] for s in subjects])},
    )  # fmt: skip
    rows = [(s["id"], day, *values) for s in subjects for day, values in s["visits"]]
    ids, starts, first, second = zip(*rows, strict=True)
    paths = {
        name: TimeVarying(subject=ids, start=starts, value=values, unit="days")
        for name, values in (("high", first), ("other", second))
    }
    return record, paths


def finite(found: Weighted) -> bool:
    return all(np.isfinite(m.coef).all() and np.abs(m.coef).max() < 15 for m in found.models)


def agrees(found: Weighted, rows: list[dict[str, Any]], weights: list[float], more: list[list[float]]) -> None:
    """The outcome model and its variance against the twin's, given the rows with their weights."""
    close(found.weighted.used, weights, rel=1e-7)  # two Newton's methods, exponentiated
    time, event = [r["stop"] for r in rows], [r["event"] for r in rows]
    entry, weight = [r["start"] for r in rows], found.weighted.used
    x = np.array([[r["subject"]["arm"], *r["subject"]["base"], *m] for r, m in zip(rows, more, strict=True)])
    fit = twins_cox.cox_fit(time, event, x, entry=entry, weight=weight)
    who = [r["subject"]["id"] for r in rows]
    spread = twins_cox.cox_robust_variance(fit["coef"], time, event, x, weight=weight, entry=entry, cluster=who)
    close(found.model.coef, fit["coef"], rel=1e-8, abs_=1e-9)
    close(found.model.covariance, spread["var"], rel=1e-7, abs_=1e-9)


@plenty(10)
@given(st.integers(0, 10**6), st.integers(0, 3), st.booleans(), st.booleans(), st.booleans())
def test_weights_by_visit(seed: int, df: int, both: bool, structural: bool, late: bool) -> None:
    subjects = from_progression(drawn(seed, both=both)) if late else drawn(seed, both=both)
    record, paths = asked(subjects, both)
    assume(all(any(s["switch"] < math.inf for s in subjects if s["arm"] == a) for a in range(1 + both)))
    method = msm if structural else ipcw
    found = method(record, paths, covariates=["base"], time_df=df, since=SINCE[late])
    assume(finite(found))
    panel = twins_weighting.lines(subjects, late)
    pairs = twins_weighting.weights_by_visit(panel, [0, 1] if both else [0], df)
    kept = [i for i, line in enumerate(panel) if structural or not line["after"]]
    rows = [panel[i] for i in kept]
    more = [[] for _ in rows]
    if structural:
        more = [[float(r["after"]), *([float(r["after"] and r["subject"]["arm"] == 1)] if both else [])] for r in rows]
    assume(not any(found.model.reasons))
    close(found.weighted.unstabilized, [pairs[i][0] for i in kept], rel=1e-7)
    agrees(found, rows, [pairs[i][1] for i in kept], more)


@plenty(10)
@given(st.integers(0, 10**6), st.sampled_from(["efron", "breslow"]), st.booleans())
def test_weights_by_death_time(seed: int, ties: str, late: bool) -> None:
    subjects = from_progression(drawn(seed)) if late else drawn(seed)
    record, paths = asked(subjects)
    assume(any(s["switch"] < math.inf for s in subjects))
    found = ipcw(
        record, paths, covariates=["base"], model="cox", ties=ties, stabilized=False, since=SINCE[late]  # type: ignore[arg-type]
    )  # fmt: skip
    assume(finite(found) and not any(found.model.reasons))
    model = next(m for m in found.models if m.part == "denominator")
    panel = [line for line in twins_weighting.lines(subjects, late) if not line["after"]]
    mine = [line for line in panel if line["subject"]["arm"] == 0 and line["open"]]
    x = np.array([[*line["subject"]["base"], *line["values"]] for line in mine])
    time, event, entry = ([line[k] for line in mine] for k in ("stop", "crossed", "start"))
    close(model.coef, twins_cox.cox_fit(time, event, x, ties=ties, entry=entry)["coef"], rel=1e-7, abs_=1e-8)
    risk = np.exp(x @ model.coef)
    jumps = twins_weighting.hazard_jumps(list(zip(entry, time, event, risk, strict=True)), ties == "efron")
    met: dict[Any, list[tuple[float, float]]] = {}
    for line, r in zip(mine, risk, strict=True):
        met.setdefault(line["subject"]["id"], []).extend(
            (t, jump * r) for t, jump in jumps.items() if line["start"] < t <= line["stop"]
        )
    rows = found.weighted
    for who, stop, weight in zip(rows.subject.tolist(), rows.stop.tolist(), rows.unstabilized.tolist(), strict=True):
        close(weight, math.exp(sum(h for t, h in met.get(who, []) if t <= stop)), rel=1e-8)


@plenty(15)
@given(st.integers(0, 10**6), st.floats(-1.5, 1.5), st.integers(0, 3))
def test_g_estimation(seed: int, psi: float, df: int) -> None:
    subjects = drawn(seed)
    record, paths = asked(subjects)
    assume(any(s["switch"] < math.inf for s in subjects))
    found = two_stage_g(record, paths, covariates=["base"], time_df=df, grid=[psi, psi + 1])
    z = found.effects[0].search.z[0]  # type: ignore[union-attr]
    assume(math.isfinite(z) and abs(z) < 20)
    try:
        want = twins_weighting.g_statistic(subjects, 0, psi, df)
    except np.linalg.LinAlgError:
        assume(False)
    assume(math.isfinite(want))
    close(z, want, rel=1e-5, abs_=1e-6)  # where the model is nearly separated two Newton's methods stop apart


@plenty(60)
@given(awkward(arms=(2, 2), weights=("probability",)))
def test_weighted_log_rank(data: Awkward) -> None:
    time, entry = data.settled()
    start = np.full(data.n, -1.0) if entry is None else entry
    found = weighted_logrank(
        start,
        time,
        data.event > 0,
        data.arm,
        data.weight,
        np.zeros(data.n, dtype=np.int64),  # type: ignore[arg-type]
    )
    rows = list(zip(start, time, data.event, data.arm, data.weight, strict=True))  # type: ignore[arg-type]
    score, variance = twins_weighting.weighted_logrank(rows)
    close(found.variance, variance, abs_=1e-9)
    if variance > 1e-9:
        close(found.score, score, abs_=1e-9)


@plenty(60)
@given(awkward(arms=(1, 1), weights=(None,), late=False))
def test_martingale(data: Awkward) -> None:
    time = data.settled()[0]
    found = martingale(time, data.event > 0)
    close(found, twins_weighting.residual(time.tolist(), data.event.tolist()))
    assert abs(found.sum()) < 1e-9 * len(found)


@plenty(40)
@given(st.lists(st.integers(1, 50), min_size=2, max_size=6, unique=True))
def test_natural_splines(knots: list[int]) -> None:
    """The same functions as truncated powers, the constant beside both: each is a combination of the others."""
    at = sorted(float(k) for k in knots)
    times = np.linspace(-20, 80, 41)
    columns = natural_spline(times, Knots(low=at[0], high=at[-1], inner=np.array(at[1:-1])))
    powers = np.array([twins_weighting.truncated_powers(t, at) for t in times])
    assert columns.shape == powers.shape
    ours, theirs = (np.column_stack([np.ones(len(times)), c]) for c in (columns, powers / np.abs(powers).max(axis=0)))
    fitted = ours @ np.linalg.lstsq(ours, theirs, rcond=None)[0]
    close(fitted, theirs, abs_=1e-7)


@plenty(12)
@given(st.integers(0, 10**6), st.sampled_from(LAWS))
def test_arms_exchanged(seed: int, law: Any) -> None:
    """With control and experimental exchanged the hazard ratio is 1 over what it was, and so is the factor of IPE."""
    record, _ = asked(drawn(seed, both=True), both=True)
    turned = Switches(
        tte=record.tte.swap(), switch=record.switch, progression=record.progression,
        administrative=record.administrative, may_switch=("0", "1"), covariates=record.covariates,
    )  # fmt: skip
    for method in (ipe, two_stage):
        more = {"offset": 1} if method is two_stage else {}
        one, other = (method(r, distribution=law, **more) for r in (record, turned))  # type: ignore[operator]
        assert bool(one.reason) == bool(other.reason)
        if one.reason:
            continue
        close(one.hazard_ratio, 1 / other.hazard_ratio, rel=1e-6)
        psi = {e.arm: e.psi for e in other.effects}
        close([e.psi for e in one.effects], [-psi[""] if e.arm == "" else psi[e.arm] for e in one.effects], 1e-6, 1e-6)


def test_nobody_switches() -> None:
    """Then every method gives what was observed."""
    subjects = drawn(5)
    for s in subjects:
        s["switch"] = math.inf
    record, paths = asked(subjects)
    plain = cox(record.tte, {"base": record.covariates["base"]})
    for method in (ipcw, msm, two_stage_g):
        found = method(record, paths, covariates=["base"])  # type: ignore[operator]
        close(found.hazard_ratio, plain.hazard_ratio, rel=1e-8)
        assert found.notes == ("nobody in 0 switched",)
    found = two_stage(record, covariates=["base"])
    close(found.conf_int, plain.conf_int, rel=1e-8)
    assert found.effects == ()
    close(ipe(record, covariates=["base"]).hazard_ratio, plain.hazard_ratio, rel=1e-8)
    assert pytest.approx(1.0) == ipcw(record, paths).weighted.used.max()


@plenty(25)
@given(st.integers(0, 10**6), st.sampled_from(LAWS), st.booleans(), st.booleans())
def test_iterative_parameter_estimation(seed: int, law: Any, both: bool, recensor: bool) -> None:
    """Times are put back by the twin, and the model of them gives the psi that they were put back with."""
    subjects = drawn(seed, both=both)
    record, _ = asked(subjects, both)
    found = ipe(record, distribution=law, recensor=recensor)
    assume(not found.effects[0].reason)
    assert found.unswitched is not None
    happened = {a for a in (0, 1) if any(s["switch"] < math.inf for s in subjects if s["arm"] == a)}

    def times(psi: float) -> tuple[np.ndarray, np.ndarray]:
        pairs = [
            twins_weighting.restored(
                s, math.exp(psi if s["arm"] == 0 else -psi), s["switch"], recensor and s["arm"] in happened
            )
            for s in subjects
        ]
        time, event = zip(*pairs, strict=True)
        return np.array(time), np.array(event)

    time, event = times(found.psi)
    close(found.unswitched.time, time)
    np.testing.assert_array_equal(found.unswitched.event, event)

    def step(psi: float) -> float:
        time, event = times(psi)
        tte = TimeToEvent(time, event, record.tte.arm, control=0, experimental=1, unit="days", settle_near_ties=False)
        return -float(accelerated(tte, distribution=law).coef[1]) - psi

    # It stays, or the step changes its sign there.
    assert abs(step(found.psi)) < 1e-6 or step(found.psi - 1e-5) * step(found.psi + 1e-5) < 0


@plenty(25)
@given(st.integers(0, 10**6), st.sampled_from(LAWS), st.booleans(), st.sampled_from(["progression", "switch"]))
def test_two_stages(seed: int, law: Any, both: bool, since: Any) -> None:
    subjects = drawn(seed, both=both)
    record, _ = asked(subjects, both)
    found = two_stage(record, distribution=law, since=since, offset=1, covariates=["base"])
    assume(not any(e.reason for e in found.effects) and found.effects)
    assert found.unswitched is not None
    factor = {}
    for e in found.effects:
        left, event, switched, base = zip(*twins_weighting.after_progression(subjects, int(e.arm), 1), strict=True)
        tte = TimeToEvent(left, event, unit="days", settle_near_ties=False)
        fit = accelerated(tte, {"switched": switched, "base": [b[0] for b in base]}, distribution=law)
        close([-e.psi, -e.psi_conf_int[1]], [fit.coef[1], fit.log_limits[1, 0]], rel=1e-6, abs_=1e-7)
        factor[int(e.arm)] = math.exp(e.psi)
    pairs = []
    for s in subjects:
        moved = s["switch"] < math.inf
        base = s["switch"] if since == "switch" else max(min(s["progression"], s["switch"]) - 1, 0.0)
        f = factor.get(s["arm"], 1.0)
        # All of the arm are cut; only who switched is put back.
        u, e = twins_weighting.restored(s, f, base if moved else math.inf, False)
        last = min(1.0, f) * s["end"] if s["arm"] in factor else math.inf
        pairs.append((min(u, last), int(e and u <= last)))
    time, event = zip(*pairs, strict=True)
    close(found.unswitched.time, time, rel=1e-9)
    np.testing.assert_array_equal(found.unswitched.event, event)
