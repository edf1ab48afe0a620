"""Further published trials, rebuilt from a protocol alone: every number ties out, and no code knows of them.

The whole command, `equipoise run tests/end_to_end/keynote024.toml`, also calibrates the strain on 200 rebuilt trials;
what it does before that is done here with two cohorts.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from equipoise import run as stages
from equipoise.analyze import tie_out
from equipoise.data import check, read_adam, write_adam
from equipoise.protocol import read
from equipoise.reconstruct import Calibration, reconstruction
from equipoise.reconstruct.ensemble import as_patients, search_all, tasks

HERE = Path(__file__).parent
TRIALS = {"keynote024": 18, "cou_aa_301": 13, "gist": 5, "record1": 20, "flaura": 18, "paloma3": 11, "emilia": 7}


@pytest.mark.parametrize("name", TRIALS)
def test_every_number_ties_out(name: str, tmp_path: Path) -> None:
    trial = read(HERE / f"{name}.toml")
    for found in search_all(trial, tasks(trial, "A", 2, 2), seed=1):
        assert found.agrees, [found.targets.searched[j].name for j, gap in enumerate(found.gaps) if gap]
        data = as_patients(trial, found)
        ties = tie_out(trial, data)
        assert len(ties) == TRIALS[name]
        assert [(t.name, t.number.printed.text, t.computed) for t in ties if not t.agrees] == []
        assert [str(f) for f in check(data, trial) if f.severity in ("error", "warning")] == []
    write_adam(data, tmp_path, ["csv"])
    assert all(t.agrees for t in tie_out(trial, read_adam(tmp_path / "csv", trial)))


def test_survival_alone_is_rebuilt_analyzed_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two to one, no progression: the control without effect has none on death either, and strains more."""
    trial = read(HERE / "cou_aa_301.toml")
    known = Calibration(digest="", reference=(0.5, 1.0), seed=1, version="")
    monkeypatch.setattr(reconstruction, "_calibration", lambda *_: known)
    monkeypatch.setattr(reconstruction, "COHORTS", 2)
    rebuilt = stages.rebuild(trial, out=tmp_path, cohorts=2)
    done = stages.run(trial, rebuilt.patients, tmp_path, rebuilt=rebuilt)
    assert all(t.agrees for t in done.ties)
    assert done.results.warnings == ()
    strains = {r.group: r.value for r in rebuilt.rows if r.statistic == "strain"}
    met = {r.group: r.text for r in rebuilt.rows if r.statistic == "cohorts that meet every number"}
    assert met["stated model"] == "2 of 2"
    control = strains["no treatment effect (control)"]
    assert control is None or control > float(strains["stated model"] or 0)
    assert (tmp_path / "report.html").is_file()
    assert rebuilt.patients.adtte["PARAMCD"].unique().to_list() == ["OS"]
