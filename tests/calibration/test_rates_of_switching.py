"""What structural models and naive analyses do over simulated trials with switching whose truth is known.

Times without treatment are exponential, the same law in both arms; treatment multiplies the time left by 1.5 whenever
it is taken, so that the hazard ratio without switching is 2/3. Seven in ten of control would switch after a random part
of their time: who lives longer switches later, which censoring at the switch does not survive and randomization does.
Administrative censoring depends on the day of entry. Each rate stands with its Monte Carlo error; bounds other than
those of nominal say why.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.calibration.rates import coverage, misses

from equipoise.analyze.switching import Switches, naive, rpsftm
from equipoise.survival import TimeToEvent

SEED, SUBJECTS, RATIO = 20261128, 300, 2 / 3
TRIALS, DRAWS = 1000, 200


def trial(number: int, *, after: float = 1 / RATIO) -> Switches:
    """Time ratio 1.5 in the experimental arm, and ``after`` of what is left at the switch in control."""
    rng = np.random.default_rng([SEED, number])
    arm = np.arange(SUBJECTS) % 2
    free = rng.exponential(500, SUBJECTS)
    end = np.floor(1100 - rng.uniform(0, 550, SUBJECTS))
    go = np.where((arm == 0) & (rng.random(SUBJECTS) < 0.7), rng.beta(2, 2, SUBJECTS) * free, math.inf)
    with np.errstate(invalid="ignore"):
        death = np.where(arm == 1, free / RATIO, np.where(np.isfinite(go), go + (free - go) * after, free))
    time = np.minimum(death, end)
    tte = TimeToEvent(time, death <= end, arm, control=0, experimental=1, unit="days")
    return Switches(tte=tte, switch=np.where(go < tte.time, go, math.inf), administrative=end)


def holds(limits: tuple[float, float], truth: float) -> bool:
    """Whether limits hold the truth; a limit that the grid does not reach is beyond it."""
    low, high = limits
    return not low > truth and not high < truth


@pytest.fixture(scope="module")
def counted() -> dict[str, Any]:
    found: dict[str, list[Any]] = {}

    def note(name: str, value: Any) -> None:
        found.setdefault(name, []).append(value)

    for number in range(TRIALS):
        switches = trial(number)
        model = rpsftm(switches, draws=DRAWS, seed=number)
        assert model.bootstrap is not None
        note("psi by inversion", holds(model.psi_conf_int, math.log(RATIO)))
        note("psi by bootstrap", holds(model.bootstrap.psi_conf_int, math.log(RATIO)))
        note("hazard ratio by inversion", holds(model.conf_int, RATIO))
        note("hazard ratio by bootstrap", holds(model.bootstrap.conf_int, RATIO))
        note("psi", model.psi)
        note("log hazard ratio", math.log(model.hazard_ratio))
        note("failed", model.bootstrap.failed)
        note("not recensored", math.log(rpsftm(switches, recensor=False).hazard_ratio))
        for way in ("as observed", "censored at switch", "switchers excluded"):
            analysis = naive(switches, way)  # type: ignore[arg-type]
            note(way, holds(analysis.conf_int, RATIO))
            note(f"log of {way}", math.log(analysis.hazard_ratio))
        waning = rpsftm(trial(number, after=1.0))
        note("no common effect", holds(waning.psi_conf_int, math.log(RATIO)) and holds(waning.conf_int, RATIO))
        note("log of no common effect", math.log(waning.hazard_ratio))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("psi by inversion", coverage(math.log(RATIO))),
        ("psi by bootstrap", coverage(math.log(RATIO))),
        ("hazard ratio by bootstrap", coverage(RATIO)),
        (
            "hazard ratio by inversion",
            coverage(RATIO, allowed=(0.92, 0.96), reason="the P that it inverts is that of another hazard ratio"),
        ),
    ],
)
def test_coverage_where_the_assumption_holds(counted: dict[str, Any], name: str, rate: Any) -> None:
    assert not misses(rate, sum(counted[name]), TRIALS), np.mean(counted[name])


@pytest.mark.slow
def test_estimates_where_the_assumption_holds(counted: dict[str, Any]) -> None:
    for name in ("psi", "log hazard ratio"):
        values = np.array(counted[name])
        error = values.std() / math.sqrt(TRIALS)
        assert abs(values.mean() - math.log(RATIO)) < 4.5 * error + 0.01, (name, values.mean())
    assert np.sum(counted["failed"]) < 0.001 * TRIALS * DRAWS


@pytest.mark.slow
def test_failure_is_visible_where_an_assumption_does_not_hold(counted: dict[str, Any]) -> None:
    """Coverage is far below 95% for the naive analyses, and for RPSFTM if the drug does nothing after the switch."""
    truth = math.log(RATIO)
    mean = {name: float(np.mean(counted[name])) for name in counted}
    assert mean["log of as observed"] > truth + 0.1  # diluted
    assert mean["as observed"] < 0.9
    assert mean["censored at switch"] < 0.9
    assert mean["switchers excluded"] < 0.9
    assert mean["log of no common effect"] < truth - 0.05  # a benefit is taken away that was not there
    assert mean["not recensored"] > truth + 0.02  # censoring of U depends on prognosis: biased towards no effect
