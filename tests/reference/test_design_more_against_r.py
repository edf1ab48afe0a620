"""Group sequential tests with futility bounds that are given, and at the information observed, against rpact
(design_more.json, made by design_more.R). rpact iterates to about 1e-8 in alpha, so equality is at 1e-6 relative.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equipoise.design import (
    FutilityBounds,
    HaybittlePeto,
    HwangShihDeCani,
    LanDeMets,
    WangTsiatis,
    group_sequential,
    obrien_fleming,
    pocock,
)

RPACT = {c["id"]: c["outputs"] for c in json.loads((Path(__file__).parent / "design_more.json").read_text())}
OF, P = LanDeMets("obrien-fleming"), LanDeMets("pocock")
LOOKS = [0.3, 0.6, 1]
GIVEN: dict[str, dict[str, Any]] = {
    "z.asOF.binding": {"efficacy": OF},
    "z.asOF.free": {"efficacy": OF, "binding": False},
    "z.P.binding": {"efficacy": pocock()},
    "z.OF.binding": {
        "alpha": 0.05, "efficacy": obrien_fleming(), "information_fractions": [0.25, 0.5, 0.75, 1],
        "futility": FutilityBounds(z=[-1, 0.5, 1]),
    },
    "z.WT.binding": {"efficacy": WangTsiatis(0.3), "futility": FutilityBounds(z=[0.3, 0.9])},
    "z.asHSD.none": {"efficacy": HwangShihDeCani(-2), "futility": FutilityBounds(z=[None, 0.5])},
    "z.HP.binding": {"efficacy": HaybittlePeto(3)},
}  # fmt: skip


def close(got: Any, want: Any, rel: float = 1e-6, abs_: float = 1e-8) -> None:
    np.testing.assert_allclose(np.asarray(got, dtype=float), np.array(want, dtype=float), rtol=rel, atol=abs_)


@pytest.mark.parametrize("name", GIVEN)
def test_futility_on_z(name: str) -> None:
    usual: dict[str, Any] = {
        "alpha": 0.025, "sided": 1, "information_fractions": LOOKS, "futility": FutilityBounds(z=[0, 0.5]),
        "binding": True,
    }  # fmt: skip
    test, want = group_sequential(**usual | GIVEN[name]), RPACT[name]
    close(test.efficacy_bounds, want["efficacy"])
    close(test.alpha_spent, want["alpha_spent"])
    close([test.crossing(d).upper.sum() for d in (0.0, 3.3)], want["power"])
    close([test.expected_information(d) for d in (0.0, 3.3)], want["expected"])


SEEN: dict[str, tuple[dict[str, Any], list[float], list[float]]] = {
    "seen.under": ({"efficacy": OF}, [0.5, 1], [105, 190]),
    "seen.over": ({"efficacy": OF}, [0.5, 0.75, 1], [105, 150, 230]),
    "seen.added": ({"efficacy": OF}, [0.5, 0.75, 1], [55, 105, 160, 200]),
    "seen.far.under": ({"efficacy": OF}, [0.5, 1], [60, 120]),
    "seen.pocock": ({"efficacy": P, "alpha": 0.02}, [0.4, 0.6, 0.8, 1], [80, 170, 215]),
    "seen.hsd": ({"efficacy": HwangShihDeCani(-4)}, [0.5, 1], [80, 170, 215]),
    "seen.two": ({"efficacy": OF, "alpha": 0.05, "sided": 2}, LOOKS, [90, 130, 185]),
}


@pytest.mark.parametrize("name", SEEN)
def test_observed_information(name: str) -> None:
    """By rpact's own recipe: what the function has spent at the looks seen, and at the last all that is left. rpact
    ends its search 1e-8 below alpha."""
    changed, planned, seen = SEEN[name]
    usual: dict[str, Any] = {"alpha": 0.025, "sided": 1, "information_fractions": planned}
    test, want = group_sequential(**usual | changed).observed(seen, planned=200, final=True), RPACT[name]
    close(test.efficacy_bounds, want["efficacy"])
    close(test.alpha_spent, want["alpha_spent"], abs_=2e-8)


def test_every_case_is_taken() -> None:
    assert set(RPACT) == set(GIVEN) | set(SEEN)
