"""Inverse probability weighting for treatment switching against trtswitch: every output of its IPCW and MSM cases."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from tests.reference.switching_cases import CASES, compare, from_panel

from equipoise.analyze.switching import Weighted, ipcw, msm

ASKED: dict[str, dict[str, Any]] = {
    "sw.ipcw.logistic.stab.both_arms": {},
    "sw.ipcw.logistic.unstab.trunc": {"time_df": 2, "stabilized": False, "truncate": (0.03, 0.97)},
    "sw.ipcw.cox.stab": {"model": "cox"},
    "sw.ipcw.cox.unstab.both_arms.trunc": {
        "model": "cox", "stabilized": False, "truncate": (0, 0.98), "ties": "breslow",
    },
    "sw.msm.logistic.both_arms": {},
}  # fmt: skip
NAMES = {"bprog": "bprog", "L": "L", "intercept": "(Intercept)", "switched": "crossed", "1 v 0": "treated",
         "switched x 1": "treated_crossed"}  # fmt: skip
NAMES |= {f"time, spline {j}": f"ns{j}" for j in (1, 2, 3)}


@cache
def fitted(case: str) -> Weighted:
    record, marker = from_panel(case)
    method = msm if ".msm." in case else ipcw
    return method(record, marker, covariates=["bprog"], **ASKED[case])


def test_every_case_is_here() -> None:
    assert set(ASKED) == {c for c in CASES if ".ipcw." in c or ".msm." in c}


@pytest.mark.parametrize("case", ASKED)
def test_hazard_ratio(case: str) -> None:
    found = fitted(case)
    compare(case, ("hr",), found.hazard_ratio)
    compare(case, ("hr_CI",), found.conf_int)
    compare(case, ("pvalue",), found.p_value)


@pytest.mark.parametrize("case", ASKED)
def test_outcome_model(case: str) -> None:
    model = fitted(case).model
    want = CASES[case]["outputs"]["fit_outcome"]
    order = [[NAMES[t] for t in model.terms].index(p) for p in want["param"]]
    found = {
        "beta": model.coef, "sebeta": model.se, "z": model.z, "p": model.p, "expbeta": np.exp(model.coef),
        "lower": model.log_limits[:, 0], "upper": model.log_limits[:, 1],
        "sebeta_naive": np.sqrt(np.diagonal(model.naive_covariance)),
    }  # fmt: skip
    for name, values in found.items():
        compare(case, ("fit_outcome", name), values[order])


@pytest.mark.parametrize("case", ASKED)
def test_log_rank(case: str) -> None:
    """Its z is above 0 where control does better; ours where the experimental arm does."""
    test = fitted(case).log_rank
    found = {"uscore": test.score, "vscore": test.variance, "logRankZ": -test.z, "logRankPValue": test.p_value}
    for name, value in found.items():
        compare(case, ("lr_outcome", name), value)


@pytest.mark.parametrize("case", ASKED)
def test_models_of_switching(case: str) -> None:
    models = {(int(m.arm), m.part): m for m in fitted(case).models}
    wanted = {(w["arm"], part): w[part] for w in CASES[case]["outputs"]["fit_switch"] for part in w if part != "arm"}
    assert set(models) == set(wanted)
    for key, want in wanted.items():
        model, path = models[key], ("fit_switch", key[1])
        assert [NAMES[t] for t in model.terms] == want["param"]
        for name, value in (
            ("n", model.rows), ("nevents", model.switches), ("loglik0", model.loglik[0]),
            ("loglik1", model.loglik[1]), ("beta", model.coef), ("sebeta", model.se),
        ):  # fmt: skip
            compare(case, (*path, name), value, want[name])


@pytest.mark.parametrize("case", ASKED)
def test_weights(case: str) -> None:
    found = fitted(case)
    want = CASES[case]["outputs"]["weight_summary"]
    for i, arm in enumerate(want["trtrand"]):
        mine = next(s for s in found.summaries if s.arm == str(arm))
        for name, value in (
            ("N", mine.rows), ("Min", mine.minimum), ("Q1", mine.lower_quartile), ("Median", mine.median),
            ("Mean", mine.mean), ("Q3", mine.upper_quartile), ("Max", mine.maximum),
        ):  # fmt: skip
            compare(case, ("weight_summary", name), value, want[name][i])
    sample, rows = CASES[case]["outputs"]["weights_sample"], found.weighted
    at = {(s, t): i for i, (s, t) in enumerate(zip(rows.subject.tolist(), rows.stop.tolist(), strict=True))}
    picked = [at[key] for key in zip(sample["id"], sample["tstop"], strict=True)]
    np.testing.assert_array_equal(rows.start[picked], sample["tstart"])
    for name, values in (("unstabilized_weight", rows.unstabilized), ("stabilized_weight", rows.stabilized)):
        compare(case, ("weights_sample", name), values[picked])


@pytest.mark.parametrize("case", ASKED)
def test_events(case: str) -> None:
    want = CASES[case]["outputs"]["event_summary"]
    found = {int(s.arm): s for s in fitted(case).summaries}
    for arm, subjects, events in zip(want["trtrand"], want["n"], want["event_out_n"], strict=True):
        assert (found[arm].subjects, found[arm].events) == (subjects, events)
