"""A row of two subjects who die at once, worked on paper: counts are copies, case weights are R's."""

from __future__ import annotations

import math

import pytest

from equipoise.survival import TimeToEvent, cox, kaplan_meier, logrank, rmst

# Two controls die at 1, one experimental at 2; one control is followed for 3.
ROWS = {"time": [1, 2, 3], "event": [1, 1, 0], "arm": ["A", "B", "A"], "weight": [2, 1, 1]}


def weighted(kind: str) -> TimeToEvent:
    return TimeToEvent(**ROWS, weight_type=kind, control="A", experimental="B", unit="days")  # type: ignore[arg-type]


def test_efron() -> None:
    # Copies: at 1 the sums are 3 + r and 2 + r, at 2 they are 1 + r. The score 1 - r/(3 + r) - r/(2 + r) - r/(1 + r)
    # vanishes where r^3 + 3 r^2 = 3; with r = u - 1 that is u^3 = 3 u + 1, so u = 2 cos 20 degrees.
    assert cox(weighted("count")).hazard_ratio == pytest.approx(2 * math.cos(math.pi / 9) - 1, rel=1e-12)
    # R's case weights: one tied death of weight two, so both find 3 + r: 1 - 2 r/(3 + r) - r/(1 + r) vanishes at 1.
    assert cox(weighted("case")).hazard_ratio == pytest.approx(1, rel=1e-12)
    for kind in ("count", "case"):
        assert cox(weighted(kind), ties="breslow").hazard_ratio == pytest.approx(1, rel=1e-12)


def test_log_likelihood() -> None:
    # at no effect: 1/4 * 1/3 * 1/2, and with Breslow's ties 1/4 * 1/4 * 1/2
    assert cox(weighted("count")).loglik[0] == pytest.approx(-math.log(24), rel=1e-14)
    assert cox(weighted("count"), ties="breslow").loglik[0] == pytest.approx(-math.log(32), rel=1e-14)


def test_everything_else() -> None:
    tte = weighted("count")
    assert str(tte) == "4 subjects, 3 events (A: 3 subjects, 2 events; B: 1 subject, 1 event)"
    # expected under experimental: 2 * 1/4 + 1/2; variance 2 * (1/4)(3/4)(2/3) + 1/4
    test = logrank(tte)
    assert test.expected.tolist() == [2.0, 1.0]
    assert test.variance[1, 1] == pytest.approx(0.25 + 0.25, rel=1e-15)
    assert test.subjects.tolist() == [3, 1]
    assert kaplan_meier(tte)["A"].survival.tolist() == pytest.approx([1 / 3, 1 / 3], rel=1e-15)
    mean = rmst(tte, tau="2 days")["A"]
    assert mean.rmst == pytest.approx(4 / 3, rel=1e-15)
    assert mean.std_error == pytest.approx(math.sqrt((1 / 3) ** 2 * 2 / (3 * 1)), rel=1e-14)


def test_concordance() -> None:
    # r < 1: control is at higher risk. At 1 each of two controls outranks the experimental and ties with the control
    # left; at 2 the experimental is outlived by a control of higher risk.
    c = cox(weighted("count")).concordance
    assert (c.concordant, c.tied_risk, c.discordant) == (2, 2, 1)
    assert c.tied_both == 1  # the two controls with each other
    assert c.estimate == pytest.approx(3 / 5, rel=1e-15)
