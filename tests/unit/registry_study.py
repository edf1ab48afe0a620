"""The invented registry record, in copies that a test may edit, and the protocol that is drafted from one."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

from equipoise.protocol import Draft, Protocol, PublishedNumber, drafted, read, synopsis

FILE = Path(__file__).parent / "registry_record.json"
E, C = "Novatinib + Letrozole", "Placebo + Letrozole"
PFS, OS, RATES, ORR, BENEFIT, DOR, SCALE = range(7)
_RECORD = json.loads(FILE.read_text(encoding="utf-8"))

Study = dict[str, Any]


def study() -> Study:
    return copy.deepcopy(_RECORD)


def outcome(record: Study, which: int) -> Study:
    return record["resultsSection"]["outcomeMeasuresModule"]["outcomeMeasures"][which]


def analysis(record: Study, which: int = PFS) -> Study:
    return outcome(record, which)["analyses"][0]


def measured(record: Study, which: int, row: int = 0) -> list[Study]:
    return outcome(record, which)["classes"][row]["categories"][0]["measurements"]


def arm_groups(record: Study) -> list[Study]:
    return record["protocolSection"]["armsInterventionsModule"]["armGroups"]


def safety(record: Study) -> Study:
    return record["resultsSection"]["adverseEventsModule"]


def read_draft(record: Study | Path) -> tuple[Draft, Protocol]:
    """The draft, and the protocol that reading its text gives."""
    found = drafted(record)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trial.toml"
        path.write_text(found.text, encoding="utf-8", newline="\n")
        trial = read(path)
    assert synopsis(trial)  # what `equipoise check` prints of it
    return found, trial


def printed(trial: Protocol, **keys: object) -> list[str]:
    """What is printed of all numbers with these keys."""
    return [n.printed.text for n in numbers(trial, **keys)]


def numbers(trial: Protocol, **keys: object) -> list[PublishedNumber]:
    return [n for n in trial.published.numbers if all(getattr(n, key) == value for key, value in keys.items())]
