"""Plans that are saved and read again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib.metadata import version  # noqa: TID251 - reads the version number, imports nothing
from pathlib import Path
from typing import Any

from ..errors import DesignError
from .plan import Plan
from .plan_document import decoded, encoded
from .survival_design import survival

_FORMAT = 1
_SAME = 1e-9


def save_plan(plan: Plan, path: str | Path) -> None:
    """Writes a plan as JSON: what was given, what was solved, and the version that solved it.

    Raises ``DesignError`` for what is no plan, and where no file can be written.
    """
    if not isinstance(plan, Plan):
        raise DesignError(f"{plan!r} is no plan", where="plan", remedy="Give what survival() returns.")
    document = {"equipoise": version("equipoise"), "format": _FORMAT, **encoded_plan(plan)}
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise DesignError(f"{path} cannot be written", remedy=str(error)) from None


def encoded_plan(plan: Plan) -> dict[str, object]:
    """What was given and what was solved."""
    whole = encoded(plan)
    assert isinstance(whole, dict)
    solved = {name: value for name, value in whole.items() if name not in ("record", "inputs")}
    return {"inputs": whole["inputs"], "solved": solved}


def read_plan(path: str | Path) -> Plan:
    """The plan that was saved, solved again from what was given.

    Raises ``DesignError`` for a file that is no plan, and where what is solved now is not what was saved: a file that
    was changed by hand, or a version with other numbers.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        inputs, solved, saved_by = document["inputs"], document["solved"], document["equipoise"]
        given: dict[str, Any] = {name: decoded(value) for name, value in inputs.items()}
        plan = survival(**given)
    except (OSError, UnicodeDecodeError) as error:
        raise DesignError(f"{path} cannot be read", remedy=str(error)) from None
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise DesignError(f"{path} is no saved plan", remedy=f"Save one with save_plan: {error}.") from None
    now = encoded_plan(plan)["solved"]
    where = _differs(solved, now, "solved")
    if where:
        raise DesignError(
            f"{path} was solved by equipoise {saved_by}; solved again it differs",
            where=where,
            remedy="Design the trial anew, or read it with that version; a plan must not change unnoticed.",
        )
    return plan


def _differs(saved: object, now: object, where: str) -> str:
    """Where two documents first differ by more than rounding; empty where they do not."""
    if isinstance(saved, Mapping) and isinstance(now, Mapping):
        if set(saved) != set(now):
            return where
        return next((found for name in now if (found := _differs(saved[name], now[name], f"{where}.{name}"))), "")
    if isinstance(saved, list) and isinstance(now, list):
        if len(saved) != len(now):
            return where
        pairs = enumerate(zip(saved, now, strict=True))
        return next((found for i, (a, b) in pairs if (found := _differs(a, b, f"{where}[{i}]"))), "")
    if isinstance(saved, float) and isinstance(now, float):
        return "" if math.isclose(saved, now, rel_tol=_SAME, abs_tol=1e-12) else where
    return "" if saved == now else where
