"""Residuals, the test of proportional hazards, baseline hazard and prediction, worked on paper.

Three subjects: x = 1 dies at 1, x = 0 dies at 2, x = 1 is censored at 3. With r = e^b the likelihood is
r / (2 r + 1) times 1 / (1 + r), largest where 2 r^2 = 1.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from equipoise.survival import (
    Cox,
    TimeToEvent,
    TimeVarying,
    baseline_hazard,
    counting_process,
    cox,
    predicted_survival,
    residuals,
    schoenfeld,
    zph,
)

R = 1 / math.sqrt(2)
H1, H2 = 1 / (2 * R + 1), 1 / (1 + R)  # hazard of x = 0 at the two deaths
MEAN1, MEAN2 = 2 * R * H1, R * H2
V1, V2 = MEAN1 * (1 - MEAN1), MEAN2 * (1 - MEAN2)
SAME = {"rel": 1e-12, "abs": 1e-14}


@pytest.fixture(scope="module")
def fit() -> Cox:
    tte = TimeToEvent([1, 2, 3], [1, 1, 0], unit="days")
    found = cox(tte, {"x": [1.0, 0.0, 1.0]})
    assert found.coef[0] == pytest.approx(math.log(R), rel=1e-12)
    return found


def test_martingale(fit: Cox) -> None:
    want = [1 - R * H1, 1 - H1 - H2, -R * (H1 + H2)]
    assert residuals(fit, "martingale") == pytest.approx(want, **SAME)
    assert sum(want) == pytest.approx(0, abs=1e-15)


def test_deviance(fit: Cox) -> None:
    """sign(M) sqrt(-2 (M + d log(d - M))); at the maximum H1 + H2 = 1, so that the second is 0."""
    m = [1 - R * H1, 0, -R]
    assert pytest.approx(1, **SAME) == H1 + H2
    want = [math.sqrt(-2 * (m[0] + math.log(R * H1))), 0, -math.sqrt(-2 * m[2])]
    assert residuals(fit, "deviance") == pytest.approx(want, **SAME)


def test_schoenfeld(fit: Cox) -> None:
    found = schoenfeld(fit)
    assert found.value[:, 0] == pytest.approx([1 - MEAN1, -MEAN2], **SAME)
    assert found.time.tolist() == [1, 2]
    assert found.subject.tolist() == [1, 2]
    scaled = schoenfeld(fit, scaled=True)
    want = [math.log(R) + 2 * s / (V1 + V2) for s in (1 - MEAN1, -MEAN2)]
    assert scaled.value[:, 0] == pytest.approx(want, **SAME)


def test_score_and_dfbeta(fit: Cox) -> None:
    want = np.array(
        [
            (1 - MEAN1) - R * (1 - MEAN1) * H1,
            -MEAN2 - (-MEAN1 * H1 - MEAN2 * H2),
            -R * ((1 - MEAN1) * H1 + (1 - MEAN2) * H2),
        ]
    )
    assert residuals(fit, "score")[:, 0] == pytest.approx(want, **SAME)
    assert residuals(fit, "dfbeta")[:, 0] == pytest.approx(want / (V1 + V2), **SAME)
    assert residuals(fit, "dfbetas")[:, 0] == pytest.approx(want / math.sqrt(V1 + V2), **SAME)


@pytest.mark.parametrize("transform", ["identity", "log", "rank", "km"])
def test_proportional_hazards(fit: Cox, transform: str) -> None:
    """Two deaths: whatever g, the statistic is (1 - mean1)^2 (V1 + V2) / (V1 V2)."""
    test = zph(fit, transform=transform).tests["global"]  # type: ignore[arg-type]
    assert test.statistic == pytest.approx((1 - MEAN1) ** 2 * (V1 + V2) / (V1 * V2), rel=1e-12)
    assert test.df == 1


def test_baseline_and_prediction(fit: Cox) -> None:
    (base,) = baseline_hazard(fit)
    assert base.time.tolist() == [1, 2]
    assert base.cumulative_hazard == pytest.approx([H1, H1 + H2], **SAME)
    found = predicted_survival(fit, {"x": [0, 1]}, conf_type="plain")
    for curve, x, risk in zip(found.curves, (0, 1), (1.0, R), strict=True):
        hazard = risk * (H1 + H2)
        slope = risk * ((x - MEAN1) * H1 + (x - MEAN2) * H2)
        se = math.sqrt(risk**2 * (H1**2 + H2**2) + slope**2 / (V1 + V2))
        assert curve.survival[1] == pytest.approx(math.exp(-hazard), **SAME)
        assert curve.std_error[1] == pytest.approx(math.exp(-hazard) * se, **SAME)
    assert found.curves[0].at(["2 days"])[0].survival == pytest.approx(math.exp(-H1 - H2), **SAME)
    assert found.curves[0].at(["0.5 days"])[0].survival == 1
    assert "nobody is followed for 4 days" in found.curves[0].at(["4 days"])[0].reason


def test_efrons_ties() -> None:
    """Two of three die at 1, all alike: terms 1/3 and 1/2; the dead meet 1/3 + 1/2 * 1/2, the survivor 1/3 + 1/2."""
    tte = TimeToEvent([1, 1, 2], [1, 1, 0], [*"ABA"], control="A", experimental="B", unit="days")
    fit = cox(tte)
    zero = cox(tte, ties="breslow")
    # r solves the Efron score 1 - r/(2+r) - (r/2)/(3/2 + r/2) ... at its root the residuals still sum to zero.
    assert residuals(fit, "martingale").sum() == pytest.approx(0, abs=1e-12)
    r = math.exp(fit.coef[0])
    first, second = 1 / (2 + r), 1 / (1 + 0.5 * (1 + r))
    want = [1 - (first + second / 2), 1 - r * (first + second / 2), -(first + second)]
    assert residuals(fit, "martingale") == pytest.approx(want, rel=1e-9)
    r = math.exp(zero.coef[0])
    assert residuals(zero, "martingale") == pytest.approx(
        [1 - 2 / (2 + r), 1 - 2 * r / (2 + r), -2 / (2 + r)], rel=1e-9, abs=1e-9
    )


def test_a_covariate_that_changes() -> None:
    """a dies at 5 with x = 1, b at 8 with 0, c at 9 with 1; d has 1 until 6, then 0. Score: 1 - 3r/(3r + 1)
    - r/(2 + r) + 1 - r/(1 + r) = 0."""
    tte = TimeToEvent([5, 8, 9, 12], [1, 1, 1, 0], unit="days", subject=[*"abcd"])
    path = TimeVarying(subject=[*"abcdd"], start=[0, 0, 0, 0, 6], value=[1, 0, 1, 1, 0], unit="days")
    fit = cox(tte, {"x": path})
    r = math.exp(fit.coef[0])
    assert 2 - 3 * r / (3 * r + 1) - r / (2 + r) - r / (1 + r) == pytest.approx(0, abs=1e-13)
    assert fit.subjects == 4
    assert fit.events == 3
    h5, h8, h9 = 1 / (3 * r + 1), 1 / (2 + r), 1 / (1 + r)
    want = [1 - r * h5, 1 - h5 - h8, 1 - r * (h5 + h8 + h9), -(r * h5 + h8 + h9)]
    assert residuals(fit, "martingale") == pytest.approx(want, rel=1e-9)
    assert residuals(fit, "score").shape == (4, 1)


def test_a_value_of_the_day_counts_from_after_the_day() -> None:
    """A change on the day of a death does not touch that death's risk set."""
    tte = TimeToEvent([5, 8, 9], [1, 1, 0], unit="days", subject=[*"abc"])
    late = TimeVarying(subject=[*"abcc"], start=[0, 0, 0, 5], value=[1, 0, 1, 0], unit="days")
    fit = cox(tte, {"x": late})
    r = math.exp(fit.coef[0])
    # At 5: r / (2 r + 1); at 8 both have 0: no information. The maximum is at infinity.
    assert math.isinf(r)
    early = TimeVarying(subject=[*"abcc"], start=[0, 0, 0, 4.9], value=[1, 0, 1, 0], unit="days")
    assert cox(tte, {"x": early}).loglik[0] == fit.loglik[0]


def test_rows_of_a_counting_process() -> None:
    rows = {
        "id": [1, 1, 2, 3, 4, 4], "from": [0, 6, 0, 0, 0, 6], "to": [6, 12, 5, 8, 6, 9], "died": [0, 0, 1, 1, 0, 1],
        "x": [1.0, 0.0, 1.0, 0.0, 1.0, 1.0],
    }  # fmt: skip
    import polars as pl

    tte, covariates = counting_process(
        pl.DataFrame(rows), subject="id", start="from", stop="to", event="died", covariates=["x"], unit="days"
    )
    assert tte.time.tolist() == [12, 5, 8, 9]
    assert tte.event.tolist() == [0, 1, 1, 1]
    assert tte.entry is None
    r = math.exp(cox(tte, covariates).coef[0])
    assert 2 - 3 * r / (3 * r + 1) - r / (2 + r) - r / (1 + r) == pytest.approx(0, abs=1e-13)
