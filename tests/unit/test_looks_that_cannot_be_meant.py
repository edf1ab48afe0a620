"""Looks and cuts that nobody can have meant are refused, and a cut that never comes says so."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from equipoise.errors import DesignError, ProtocolError
from equipoise.protocol import read
from equipoise.simulate import Cut, Looks, trial

TOML = Path(__file__).parent / "simulated_trial.toml"


@pytest.mark.parametrize(
    ("cuts", "given", "words"),
    [
        ((80,), {"efficacy": [-2.0], "sided": 2}, "in a 2-sided test are above zero"),
        ((80,), {"efficacy": [0.0], "sided": 2}, "in a 2-sided test are above zero"),
        ((80,), {"efficacy": [-math.inf], "sided": 1}, "in a 1-sided test are numbers"),
        ((80,), {"efficacy": [math.nan], "sided": 1}, "in a 1-sided test are numbers"),
        ((80,), {"efficacy": ["a"], "sided": 1}, "are no bounds on Z"),
        ((80,), {"efficacy": 2.0, "sided": 1}, "1 looks need as many bounds, not 2.0"),
        ((80,), {"efficacy": [2.0], "futility": [math.nan], "sided": 1}, "futility = .* no bounds on Z"),
        ((80, 40), {"efficacy": [2.0, 2.0], "sided": 1}, "looks come in order, and these are at 80, 40 events"),
        ((80, 80), {"efficacy": [2.0, 2.0], "sided": 1}, "at 80, 80 events"),
    ],
)
def test_looks_are_refused(cuts: tuple[int, ...], given: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        Looks(cuts=tuple(Cut(events=n) for n in cuts), **given)


def test_no_bound_at_a_look_is_infinity() -> None:
    assert Looks(cuts=(Cut(events=40), Cut(events=80)), efficacy=[math.inf, 2.0], sided=2).efficacy[0] == math.inf
    assert Looks(cuts=(Cut(events=40),), efficacy=[-9.0], sided=1).efficacy[0] == -9.0


def test_a_cut_that_never_comes_is_noted() -> None:
    protocol = read(TOML)
    whole = trial(protocol, "survival alone", seed=1)
    never = trial(protocol, "survival alone", seed=1, cut=Cut(events=1000))
    assert never.adtte.equals(whole.adtte)
    assert not whole.notes
    assert never.notes == ("the cut at 1000 events does not come by the cut-off, at which these data are cut",)
    assert not trial(protocol, "survival alone", seed=1, cut=Cut(events=50), estimand="OS").notes


@pytest.mark.parametrize("key", ["dropout", "entry", "crossover"])
def test_what_is_unknown_of_a_scenario_stops_its_trials(tmp_path: Path, key: str) -> None:
    file = tmp_path / "trial.toml"
    text = TOML.read_text().replace('[scenario."survival alone"]\n', f'[scenario."survival alone"]\n{key} = UNKNOWN\n')
    for line in ('entry = "even"\n', 'dropout = { median = "80 months" }\n'):
        text = text.replace(line, "")
    file.write_text(text.replace("UNKNOWN", '{ unknown = "not agreed" }'))
    protocol = read(file)
    with pytest.raises(ProtocolError, match="what is to be simulated is unknown: not agreed") as refused:
        trial(protocol, "survival alone", seed=1)
    assert refused.value.where == f'scenario."survival alone".{key}'
    assert trial(protocol, "everything", seed=1).adtte.height > 0
