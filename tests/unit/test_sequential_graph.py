"""What an alpha graph with group sequential tests refuses, and says of itself."""

from __future__ import annotations

import dataclasses
import math
import pickle
import time
from typing import Any

import numpy as np
import pytest

from equipoise.design import (
    AlphaGraph,
    HaybittlePeto,
    HwangShihDeCani,
    LanDeMets,
    PampallonaTsiatis,
    UserSpending,
    group_sequential,
    sequential_graph,
)
from equipoise.errors import DesignError

GRAPH = AlphaGraph(weights={"PFS": 0.2, "OS": 0.8}, transitions={"PFS": {"OS": 1}, "OS": {"PFS": 1}})
OF, HSD = LanDeMets("obrien-fleming"), HwangShihDeCani(-4)
PFS = group_sequential(alpha=0.025, sided=1, information_fractions=[0.8, 1], efficacy=OF)
OS = group_sequential(alpha=0.025, sided=1, information_fractions=[0.494, 0.701, 1], efficacy=HSD)
USUAL: dict[str, Any] = {
    "graph": GRAPH, "tests": {"PFS": PFS, "OS": OS}, "z": {"PFS": [3.0], "OS": [1.2]}, "alpha": 0.025,
}  # fmt: skip


def other(**changed: Any) -> Any:
    return group_sequential(**{"alpha": 0.025, "sided": 1, "information_fractions": [0.5, 1], "efficacy": OF} | changed)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"graph": {"PFS": 1}}, "{'PFS': 1} is no alpha graph (graph). Give an AlphaGraph."),
        ({"alpha": 0}, "alpha = 0 is not between 0 and 0.317 (alpha). Give the one-sided, such as 0.025."),
        ({"alpha": 0.4}, "alpha = 0.4 is not between"),
        ({"alpha": math.nan}, "alpha = nan is not between"),
        ({"alpha": "0.025"}, "alpha = '0.025' is not between"),
        ({"tests": {"PFS": PFS}}, "tests are given for PFS (tests). Give one for each of PFS, OS."),
        ({"tests": {}}, "tests are given for nobody"),
        ({"tests": [PFS, OS]}, "tests are given for [GroupSequential"),
        ({"tests": {"PFS": PFS, "OS": 0.02}}, "0.02 is no group sequential test (tests, OS). Give that of"),
        (
            {"tests": {"PFS": PFS, "OS": other(alpha=0.05, sided=2)}},
            "a two-sided test hands on no alpha of one side (tests, OS). Take sided=1 with half of alpha.",
        ),
        ({"tests": {"PFS": other(efficacy=HaybittlePeto()), "OS": OS}}, "do not all fall as alpha rises (tests, PFS)"),
        (
            {"tests": {"PFS": other(efficacy=PampallonaTsiatis(), power=0.9), "OS": OS}},
            "do not all fall as alpha rises",
        ),
        (
            {"tests": {"PFS": other(futility=OF, power=0.9, binding=True), "OS": OS}},
            "bounds are found anew for efficacy alone, which is not the test with binding futility that is given",
        ),
        ({"z": {"PFS": [3.0]}}, "z are given for PFS (z). Give those so far for each of PFS, OS; [] before a look."),
        ({"z": {"PFS": [3.0], "OS": [], "ORR": [1]}}, "z are given for PFS, OS, ORR"),
        ({"z": 3.0}, "z are given for 3.0"),
        ({"z": {"PFS": [1, 2, 3], "OS": []}}, "[1, 2, 3] are not one z a look so far (z, PFS). Give up to 2 numbers"),
        ({"z": {"PFS": [math.nan], "OS": []}}, "[nan] are not one z a look so far"),
        ({"z": {"PFS": [math.inf], "OS": []}}, "[inf] are not one z a look so far"),
        ({"z": {"PFS": "3", "OS": []}}, "'3' are not one z a look so far"),
        ({"z": {"PFS": ["3"], "OS": []}}, "['3'] are not one z a look so far"),
        ({"z": {"PFS": None, "OS": []}}, "None are not one z a look so far"),
        ({"z": {"PFS": [[1.0]], "OS": []}}, "[[1.0]] are not one z a look so far"),
    ],
)
def test_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DesignError) as refused:
        sequential_graph(**USUAL | changed)
    assert sentence in str(refused.value)


def test_what_it_says() -> None:
    none = sequential_graph(**USUAL | {"z": {"PFS": [], "OS": []}})
    assert str(none) == (
        "Alpha graph with group sequential tests at one-sided alpha 0.025: "
        "PFS is not rejected and holds alpha 0.005, next bound 2.929 at look 1; "
        "OS is not rejected and holds alpha 0.02, next bound 2.831 at look 1"
    )
    done = sequential_graph(**USUAL | {"z": {"PFS": [0.1, 0.2], "OS": [1, 2, 3]}})
    assert str(done) == (
        "Alpha graph with group sequential tests at one-sided alpha 0.025: OS is rejected at look 3 (alpha 0.02); "
        "PFS is not rejected and holds alpha 0.025"
    )
    shut = AlphaGraph(weights={"PFS": 1, "OS": 0}, transitions={"PFS": {"OS": 1}})
    assert str(sequential_graph(**USUAL | {"graph": shut, "z": {"PFS": [0], "OS": [9]}})).endswith(
        "OS is not rejected and holds no alpha"
    )


def test_before_a_look_there_is_no_p() -> None:
    found = sequential_graph(**USUAL | {"z": {"PFS": [3.0], "OS": []}}).standings["OS"]
    assert math.isnan(found.sequential_p)
    assert math.isnan(found.adjusted_p)
    assert found.reason == "it has not been looked at yet"
    assert found.z.tolist() == []


def test_rows() -> None:
    found = sequential_graph(**USUAL)
    rows = {(r.endpoint, r.statistic, r.at): r for r in found.rows()}
    assert rows["PFS", "alpha at rejection", None].text == "0.005"
    assert rows["PFS", "look of rejection", 0.8].value == 1
    assert rows["OS", "alpha held", None].text == "0.025"
    assert rows["OS", "z", 0.494].text == "1.200"
    assert rows["OS", "efficacy bound", 0.701].text == "2.520"
    assert ("OS", "z", 0.701) not in rows
    assert found.table().height == len(found.rows()) == 14
    shut = AlphaGraph(weights={"PFS": 1, "OS": 0}, transitions={"PFS": {"OS": 1}})
    rows = {
        (r.endpoint, r.statistic, r.at): r
        for r in sequential_graph(**USUAL | {"graph": shut, "z": {"PFS": [0], "OS": []}}).rows()
    }
    bound, p = rows["OS", "efficacy bound", 1.0], rows["OS", "adjusted P", None]
    assert (bound.value, bound.text, bound.reason) == (None, "not reached", "nothing is spent")
    assert (p.value, p.reason) == (None, "it has not been looked at yet")


def test_frozen() -> None:
    found = sequential_graph(**USUAL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.alpha = 1.0  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        found.standings["OS"].efficacy_bounds[0] = 0
    again = pickle.loads(pickle.dumps(found))
    assert str(again) == str(found)
    assert found.graph.weights == {"OS": 1.0}


def test_the_alpha_of_the_tests_counts_for_nothing() -> None:
    tests = {"PFS": other(alpha=0.2, information_fractions=[0.8, 1]), "OS": OS}
    assert str(sequential_graph(**USUAL | {"tests": tests})) == str(sequential_graph(**USUAL))


@pytest.mark.parametrize("z", [-40.0, -9.0, 0.0, 5.0, 9.0, 20.0, 38.5, 60.0, 1e6])
@pytest.mark.parametrize("fractions", [[1.0], [0.02, 1], [0.5, 0.51, 1]])
def test_any_z_has_a_p(z: float, fractions: list[float]) -> None:
    for efficacy in (OF, HSD, LanDeMets("pocock"), UserSpending((0.0,) * (len(fractions) - 1) + (1.0,))):
        test = other(information_fractions=fractions, efficacy=efficacy)
        for looks in range(1, len(fractions) + 1):
            found = sequential_graph(
                AlphaGraph(weights={"OS": 1}, transitions={}), {"OS": test}, {"OS": [z] * looks}, alpha=0.025
            ).standings["OS"]
            assert 1e-12 <= found.sequential_p <= 1
            assert found.rejected == (found.sequential_p <= 0.025) == (found.adjusted_p <= 0.025)
            assert found.rejected == bool((found.z >= found.efficacy_bounds[:looks]).any())


@pytest.mark.parametrize("look", [0, 1, 2])
def test_a_z_on_its_bound_has_crossed(look: int) -> None:
    bound = float(OS.efficacy_bounds[look])
    alone = AlphaGraph(weights={"OS": 1}, transitions={})
    for z, rejected in ((bound, True), (math.nextafter(bound, 0), False)):
        found = sequential_graph(alone, {"OS": OS}, {"OS": [0.0] * look + [z]}, alpha=0.025).standings["OS"]
        assert found.rejected == rejected == (found.adjusted_p <= 0.025)
        assert found.sequential_p == pytest.approx(0.025, rel=1e-10)


def test_it_is_fast_enough_for_a_meeting() -> None:
    begun = time.perf_counter()
    sequential_graph(**USUAL | {"z": {"PFS": np.array([1.0, 2.0]), "OS": (1, 2, 3)}})
    assert time.perf_counter() - begun < 1.0  # 0.02 s on a quiet machine
