"""Residuals, zph, baseline hazard, predicted survival and covariates that change, against the plain twins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.oracles import twins_cox_more as twins
from tests.oracles.twins_cox import cox_derivatives, cox_loglik
from tests.properties.examples import plenty
from tests.properties.test_survival_against_twins import Awkward, awkward, with_covariates

import equipoise as eq
from equipoise.survival import Cox, TimeVarying, cox

WEIGHTS = (None, "case")
KINDS = ("few", "whole", "cents", "last bit", "one")


def close(got: Any, want: Any, rel: float = 1e-8, abs_: float = 1e-9) -> None:
    """The twin is put at our coefficients: what is left is rounding, where risks differ by much more of it."""
    np.testing.assert_allclose(np.asarray(got, dtype=float), np.asarray(want, dtype=float), rtol=rel, atol=abs_)


def fitted(data: Awkward, columns: dict[str, np.ndarray], ties: str) -> Cox:
    tte = data.tte()
    assume(len(tte.arms) > 1 or columns)
    fit = cox(tte, columns, ties=ties)  # type: ignore[arg-type]
    assume(np.isfinite(fit.coef).all() and (np.abs(fit.coef * fit.fitted.scale) < 8).all())
    # Nearly singular information leaves few digits to both programs.
    spread = fit.covariance / np.outer(fit.se, fit.se)
    assume(np.linalg.cond(spread) < 1e4)
    return fit


def twin_data(data: Awkward, fit: Cox, ties: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    x = fit.fitted.matrix.x
    return (data.settled()[0], data.event, x - x.mean(axis=0)), {"ties": ties, **data.twin()}


CASES = with_covariates(weights=WEIGHTS, kinds=KINDS, least=3)


@plenty(120)
@given(CASES, st.sampled_from(["efron", "breslow"]))
def test_residuals(case: tuple[Awkward, dict[str, np.ndarray]], ties: str) -> None:
    data, columns = case
    fit = fitted(data, columns, ties)
    rows, more = twin_data(data, fit, ties)
    got = eq.survival.residuals(fit, "martingale")
    want = twins.martingale(fit.coef, *rows, **more)
    close(got, want)
    # At a residual of 0 the root of rounding is left of the twin's.
    close(eq.survival.residuals(fit, "deviance"), twins.deviance(got, data.event), 1e-7, 1e-7)
    size = float(np.abs(rows[2]).max())
    close(eq.survival.residuals(fit, "dfbeta"), per_weight(twins.dfbeta(fit.coef, *rows, **more), data), 1e-7)
    found = eq.survival.schoenfeld(fit)
    want_s = twins.schoenfeld(fit.coef, *rows, **more)
    close(found.time, want_s["time"])
    close(found.value, want_s["value"], 1e-8, 1e-9 * max(size, 1.0))
    close(eq.survival.schoenfeld(fit, scaled=True).value, twins.scaled_schoenfeld(fit.coef, *rows, **more), 1e-7, 1e-7)


def per_weight(change: np.ndarray, data: Awkward) -> np.ndarray:
    """The twin's change is per unit of weight, ours of the whole weight."""
    return change if data.weight is None else change * data.weight[:, None]


@plenty(120)
@given(CASES, st.sampled_from(["efron", "breslow"]), st.sampled_from(["km", "rank", "identity", "log"]))
def test_proportional_hazards(case: tuple[Awkward, dict[str, np.ndarray]], ties: str, transform: str) -> None:
    data, columns = case
    fit = fitted(data, columns, ties)
    rows, more = twin_data(data, fit, ties)
    if transform == "log":
        assume((data.settled()[0][data.event > 0] > 0).all())
    found = eq.survival.zph(fit, transform=transform).tests  # type: ignore[arg-type]
    arms = fit.fitted.matrix.arm_terms
    groups = ([list(range(arms))] if arms else []) + [[arms + j] for j in range(len(columns))]
    want = twins.zph(fit.coef, *rows, transform=transform, groups=groups, **more)
    for test, statistic, df, p in zip(found.values(), want["chisq"], want["df"], want["p"], strict=True):
        if test.reason:
            assert not statistic > 1e-6 or df == 0
            continue
        if test.df == df:
            close(test.statistic, statistic, 1e-6, 1e-7)
            close(test.p_value, p, 1e-6, 1e-6)


@plenty(120)
@given(CASES, st.sampled_from(["efron", "breslow"]), st.sampled_from(["plain", "log", "log-log"]))
def test_prediction(case: tuple[Awkward, dict[str, np.ndarray]], ties: str, conf_type: Any) -> None:
    data, columns = case
    fit = fitted(data, columns, ties)
    (time, event, centred), more = twin_data(data, fit, ties)
    x = fit.fitted.matrix.x
    first = {name: [column[0]] for name, column in columns.items()}
    if fit.fitted.matrix.arm_terms:
        first["arm"] = [data.arm[0]]
    found = eq.survival.predicted_survival(fit, first, conf_type=conf_type)
    assume(all((c.std_error < 100 * c.survival).all() for c in found.curves))  # the twin's limits leave its numbers
    want = twins.predicted_survival(
        centred[0], fit.coef, time, event, centred, covariance=fit.covariance, conf_type=conf_type, **more
    )
    base = eq.survival.baseline_hazard(fit)
    offset = float(x.mean(axis=0) @ fit.coef)
    plain = twins.baseline_hazard(fit.coef, time, event, centred, **more) if abs(offset) < 12 else {}
    for s, curve in enumerate(found.curves):
        twin = want[sorted(want)[s]]
        at = np.searchsorted(curve.time, twin["time"], side="right")
        close(np.concatenate([[1.0], curve.survival])[at], twin["survival"])
        log_se = np.zeros(len(curve.time))
        np.divide(curve.std_error, curve.survival, out=log_se, where=curve.survival > 0)
        shown = np.concatenate([[0.0], log_se])[at]
        alive = twin["survival"] > 1e-200
        close(shown[alive], np.asarray(twin["std_error"])[alive], 1e-7)
        assert bool(base[s].reason) == np.isnan(base[s].cumulative_hazard).any()
        if abs(offset) < 12:
            cumulative = np.concatenate([[0.0], base[s].cumulative_hazard])[at]
            close(cumulative * math.exp(offset), plain[sorted(plain)[s]]["hazard"], 1e-8, 1e-9)


@st.composite
def paths(draw: st.DrawFn) -> tuple[Awkward, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Subjects with a covariate that changes at times around those of the data."""
    data = draw(awkward(least=4, most=16, arms=(2, 2), weights=(None,), kinds=("few", "whole", "cents")))
    subject, start, value = [], [], []
    for i in range(data.n):
        begin = 0.0 if data.entry is None else float(data.entry[i])
        marks = draw(st.lists(st.integers(0, 12).map(lambda k: k / 2), max_size=3, unique=True))
        for s in [begin - draw(st.sampled_from([0.0, 1.0])), *sorted({begin + m for m in marks if m > 0})]:
            subject.append(i)
            start.append(s)
            value.append(draw(st.integers(-3, 3)))
    return data, (np.array(subject), np.array(start), np.array(value, dtype=float))


@plenty(75)
@given(paths(), st.sampled_from(["efron", "breslow"]))
def test_covariates_that_change(case: Any, ties: str) -> None:
    data, (subject, start, value) = case
    assume((data.settled()[0] > 0).all())
    tte = data.tte(subject=np.arange(data.n))
    path = TimeVarying(subject=subject, start=start, value=value, unit="days")
    fit = cox(tte, {"x": path}, ties=ties)  # type: ignore[arg-type]
    assume(np.isfinite(fit.coef).all() and (np.abs(fit.coef) < 6).all())
    assume(np.linalg.cond(fit.covariance / np.outer(fit.se, fit.se)) < 1e4)
    time, entry = data.settled()
    arm = (data.arm == 1).astype(float)[:, None]
    rows = twins.split_rows(time, data.event, arm, [(subject, start, value)], data.strata, entry)
    x = rows["X"] - rows["X"].mean(axis=0)
    d = (rows["time"], rows["event"], x)
    more = {"ties": ties, "strata": rows["strata"], "entry": rows["entry"]}
    score, information = cox_derivatives(fit.coef, *d, ties, rows["strata"], rows["entry"], None)
    close(score, np.zeros(2), abs_=1e-7)
    close(fit.covariance, np.linalg.inv(information), 1e-7)
    close(fit.loglik[1], cox_loglik(fit.coef, *d, ties, rows["strata"], rows["entry"], None))
    want = twins.by_subject(twins.martingale(fit.coef, *d, **more), rows["subject"])
    close(eq.survival.residuals(fit, "martingale"), want)
    want = twins.by_subject(twins.dfbeta(fit.coef, *d, **more), rows["subject"])
    close(eq.survival.residuals(fit, "dfbeta"), want, 1e-7)
    robust = cox(tte, {"x": path}, ties=ties, robust=True)  # type: ignore[arg-type]
    if not any(robust.reasons):
        change = eq.survival.residuals(robust, "dfbeta")
        close(robust.covariance, change.T @ change, 1e-7)
    assert fit.subjects == data.n
