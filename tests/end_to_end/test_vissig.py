"""A phase III trial of 2,199 patients in four arms through a protocol of its own, equal to R to every printed digit.

R 4.2.2, survival 3.5.3: survfit(conf.type = "log-log"), survdiff, coxph on the two arms, event = CNSR == 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import equipoise as eq

FOLDER = Path(__file__).parent / "vissig"


@pytest.fixture(scope="module")
def study() -> tuple[eq.protocol.Protocol, eq.data.Patients]:
    trial = eq.protocol.read(FOLDER / "vissig.toml")
    return trial, eq.data.read_adam(None, trial)


@pytest.fixture(scope="module")
def pfs(study: tuple[eq.protocol.Protocol, eq.data.Patients]) -> eq.survival.TimeToEvent:
    return eq.analyze.endpoint(*study, estimand="PFS")


R = {
    "T": {
        "subjects": 551, "events": 220, "median": (1007, 807, 1159), "lower quartile": (572, 492, 605),
        365: (0.853839, 0.819030, 0.882436, 381, 71), 730: (0.609758, 0.559956, 0.655730, 196, 165),
    },
    "T+V": {
        "subjects": 536, "events": 153, "median": (1392, 1182, 1478), "lower quartile": (784, 655, 877),
        365: (0.963959, 0.94261, 0.977461, 421, 17), 730: (0.772451, 0.72695, 0.811369, 247, 89),
    },
}  # fmt: skip


@pytest.mark.parametrize("arm", R)
def test_curves(pfs: eq.survival.TimeToEvent, arm: str) -> None:
    curve, want = eq.survival.kaplan_meier(pfs)[arm], R[arm]
    assert (curve.subjects, curve.events) == (want["subjects"], want["events"])
    for p, name in ((0.5, "median"), (0.25, "lower quartile")):
        q = curve.quantile(p)
        assert (q.time, q.lower, q.upper) == want[name]
    for mark in curve.at(["365 days", "730 days"]):
        survival, lower, upper, at_risk, events = want[int(mark.time)]
        assert (mark.at_risk, mark.events) == (at_risk, events)
        assert [mark.survival, mark.lower, mark.upper] == pytest.approx([survival, lower, upper], abs=5e-7)


@pytest.mark.parametrize(
    ("settings", "want"),
    [
        ({"stratified": False}, (0.60230808, 0.48978126, 0.74068783)),
        ({"stratified": False, "ties": "breslow"}, (0.60225921, 0.48973933, 0.74063104)),
        ({}, (0.58708794, 0.47621686, 0.72377162)),
    ],
    ids=["efron", "breslow", "stratified"],
)
def test_hazard_ratio(pfs: eq.survival.TimeToEvent, settings: dict[str, object], want: tuple[float, ...]) -> None:
    fit = eq.survival.cox(pfs, **settings)  # type: ignore[arg-type]
    assert [fit.hazard_ratio, *fit.conf_int] == pytest.approx(want, abs=5.1e-9)
    turned = eq.survival.cox(pfs.swap(), **settings)  # type: ignore[arg-type]
    assert turned.hazard_ratio == pytest.approx(1 / fit.hazard_ratio, rel=1e-12)


def test_log_rank(pfs: eq.survival.TimeToEvent) -> None:
    assert eq.survival.logrank(pfs).statistic == pytest.approx(25.4444356, abs=5.1e-8)
    assert eq.survival.logrank(pfs, stratified=False).statistic == pytest.approx(23.608377, abs=5.1e-7)


def test_the_whole_protocol(study: tuple[eq.protocol.Protocol, eq.data.Patients]) -> None:
    results = eq.analyze.run(*study)
    assert results.origin == "simulated"
    assert [w for w in results.warnings if w.startswith("TTE-08")]  # four reasons of censoring under one code
    assert [w for w in results.warnings if "1112 patients are in no arm of the protocol" in w]
    found = {(r.analysis, r.statistic): r.text for r in results.rows}
    assert found["primary", "strata without information"] == "none"
    assert found["primary", "test decision"].startswith("significant at 2-sided 0.05")
    assert found["unstratified", "test decision"].startswith("nominal")
