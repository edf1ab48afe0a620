"""The committed calibration table has every method and rate; what is written, marked and kept."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from tests.calibration import counted, enumerated, families, table
from tests.calibration.rates import Rate, coverage, misses, power, size
from tests.calibration.register import METHODS, by_scenario
from tests.calibration.simulated import (
    CAUSES_EFFECT,
    DELAYED,
    EFFECT,
    NO_EFFECT,
    average_of_weighted_cox,
    first_to_fail,
    grouped_ratio,
    limit_of_cox,
    trial,
    trials,
)

PAGE = table.ROOT / "docs" / "calibration.md"


def test_the_page_has_every_rate() -> None:
    section = PAGE.read_text(encoding="utf-8").split(table.BEGIN)[1].split(table.END)[0]
    for scenario, methods in by_scenario().items():
        part = section.split(f"**{scenario.name[0].upper()}{scenario.name[1:]}**")[1].split("**")[0]
        for method in methods:
            for name, rate in method.rates.items():
                nominal = "power" if rate.nominal is None else table.share(rate.nominal).rstrip("0")
                assert f"| {method.name}: {name} | {nominal} |" in part
    for name in (m.name for m in (*enumerated.METHODS, *families.PROCEDURES)):
        assert f"\n| {name} |" in section
    assert " 0 differences" in section


def test_no_two_methods_share_an_address() -> None:
    addresses = [(m.scenario.purpose, m.name) for m in METHODS]
    assert len(set(addresses)) == len(addresses)
    assert len({s.purpose for s in by_scenario()}) == len(by_scenario())


@pytest.mark.parametrize(
    ("rate", "hits", "values", "text"),
    [
        (size(), 512, 10_000, ".0512"),
        (size(), 600, 10_000, ".0600\\*"),  # 4.6 errors of .0022
        (size(), 598, 10_000, ".0598"),
        (size(), 49, 1_000, ".0490 (1,000)"),
        (coverage(1.0), 9_390, 10_000, ".9390\\*"),
        (power(), 10_000, 10_000, "1.0000"),
        (size(), 0, 0, ""),
    ],
)
def test_cells(rate: Rate, hits: int, values: int, text: str) -> None:
    assert table.cell(rate, hits, values, 10_000) == text


def test_one_point_and_chance() -> None:
    assert not misses(size(), 590, 10_000)  # .059
    assert not misses(size(), 690, 10_000)  # one point and 4.1 errors
    assert misses(size(), 700, 10_000)  # one point and 4.6
    assert misses(size(allowed=(0.02, 0.05), reason="conservative"), 600, 10_000)
    assert not misses(size(allowed=(0.02, 0.05), reason="conservative"), 250, 10_000)


def test_the_rest_of_the_page_stays(tmp_path: Path) -> None:
    out = tmp_path / "page.md"
    out.write_text(f"# Page\n\n{table.BEGIN}\nold\n{table.END}\n\n## Other\n", encoding="utf-8")
    table.write(out, f"{table.BEGIN}\nnew\n{table.END}")
    assert out.read_text(encoding="utf-8") == f"# Page\n\n{table.BEGIN}\nnew\n{table.END}\n\n## Other\n"


def test_what_is_kept(tmp_path: Path) -> None:
    """Of the code as it stands, and by method: another one of the same trials is asked for alone."""
    names = tuple(m.name for m in by_scenario()[NO_EFFECT][:2])
    task = counted.Task("trials", names, NO_EFFECT.purpose, 50, 0, 3)
    one, other = task.addresses()
    state = tmp_path / "state.jsonl"
    now = counted.digests()[counted.file_of(one)]
    records = [{"key": k, "digest": d, "found": {"two-sided": [0, 3]}} for k, d in ((one, now), (other, "older"))]
    state.write_text("\n".join([*map(json.dumps, records), '{"key": ["cut sh']), encoding="utf-8")
    kept = table.read(state)
    assert list(kept) == [one]
    left = counted.without(task, set(kept))
    assert left is not None
    assert left.names == names[1:]
    found = counted.perform(left)
    assert list(found) == [other]
    assert all(values == 3 for _, values in found[other].values())


def test_a_trial_has_an_address() -> None:
    """The third alone is the third of five; other sizes and scenarios are other trials."""
    third = trial(EFFECT, 50, 2)
    again = list(trials(EFFECT, 50, range(5)))[2]
    assert (third.time == again.time).all()
    assert (third.event == again.event).all()
    assert (trial(NO_EFFECT, 50, 2).time != third.time).any()
    assert sorted(third.arm.tolist()) == [0] * 25 + [1] * 25


def test_true_values() -> None:
    """Without an effect every ratio is 1; with one they differ as theory says; the trials have these laws."""
    for value in (grouped_ratio(NO_EFFECT), first_to_fail(NO_EFFECT, 150), average_of_weighted_cox(NO_EFFECT)):
        assert value == pytest.approx(1, abs=1e-12)
    assert limit_of_cox(EFFECT) == pytest.approx(0.63, abs=1e-4)
    assert average_of_weighted_cox(EFFECT) == pytest.approx(grouped_ratio(EFFECT), abs=1e-12)
    assert first_to_fail(EFFECT, 150) == pytest.approx(0.63, abs=1e-4)
    assert 0.5 < limit_of_cox(DELAYED) < average_of_weighted_cox(DELAYED) < first_to_fail(DELAYED, 150) < 1
    many = trial(DELAYED, 40_000, 0)
    for arm in (0, 1):
        time, event = many.rows(arm)
        # everybody is followed to day 50, and those censored later are as many of each day
        known = time[time <= 50].size / time.size
        assert known == pytest.approx(1 - DELAYED.survival(50, arm), abs=0.012)
        assert event.mean() == pytest.approx(0.77 if arm == 0 else 0.64, abs=0.012)
    causes = trial(CAUSES_EFFECT, 40_000, 0)
    for arm in (0, 1):
        time, cause = causes.rows(arm)
        by_50 = np.mean((time <= 50) & (cause == 1))
        assert by_50 == pytest.approx(CAUSES_EFFECT.incidence(50, arm), abs=0.012)
    assert math.isclose(EFFECT.mean(3, 0), 1 + math.exp(-1 / 150) + math.exp(-2 / 150))
