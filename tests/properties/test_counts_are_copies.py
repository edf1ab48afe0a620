"""A row of weight k, type "count", has the numbers of k rows, whatever the ties, strata and arms."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from tests.properties.examples import plenty
from tests.properties.test_survival_against_twins import Awkward, awkward, close

import equipoise as eq


def copies(data: Awkward) -> Awkward:
    assert data.weight is not None
    rows = data.rows(np.repeat(np.arange(data.n), data.weight.astype(int)))
    return Awkward(rows.time, rows.event, rows.arm, rows.strata, rows.entry)


@plenty(250)
@given(awkward(least=2, arms=(2, 4), weights=("case",)))
def test_tests_and_curves(data: Awkward) -> None:
    assume(len(set(data.arm.tolist())) > 1)
    few, many = data.tte(weight_type="count"), copies(data).tte()
    assert str(few) == str(many)
    one, two = eq.survival.logrank(few), eq.survival.logrank(many)
    for name in ("subjects", "observed", "expected", "variance", "statistic"):
        close(getattr(one, name), getattr(two, name), 1e-12, 1e-12)
    for a, b in zip(eq.survival.kaplan_meier(few).values(), eq.survival.kaplan_meier(many).values(), strict=True):
        for name in ("time", "at_risk", "event", "censored", "survival", "std_error", "lower", "upper"):
            close(getattr(a, name), getattr(b, name), 1e-12, 0)
        close(a.median, b.median, 0, 0)


@plenty(250)
@given(awkward(least=2, arms=(2, 4), weights=("case",), late=False))
def test_cox(data: Awkward) -> None:
    assume(len(set(data.arm.tolist())) > 1)
    few, many = data.tte(weight_type="count"), copies(data).tte()
    for ties in ("efron", "breslow"):
        one, two = eq.survival.cox(few, ties=ties), eq.survival.cox(many, ties=ties)  # type: ignore[arg-type]
        assert (one.subjects, one.events, one.reasons) == (two.subjects, two.events, two.reasons)
        for name in ("coef", "se", "loglik", "log_limits"):
            close(getattr(one, name), getattr(two, name), 1e-12, 1e-13)
        for name in ("likelihood_ratio", "score", "wald"):
            close(getattr(one, name).statistic, getattr(two, name).statistic, 1e-11, 1e-12)
        for name in ("estimate", "std_error", "concordant", "discordant", "tied_risk", "tied_time", "tied_both"):
            close(getattr(one.concordance, name), getattr(two.concordance, name), 1e-11, 1e-12)
