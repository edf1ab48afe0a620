"""TOML text of tables, with reasons where something is unknown or assumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ESCAPED = {"\\": "\\\\", '"': '\\"'}


def unknown(reason: str) -> dict[str, Any]:
    """An item that the record does not say."""
    return {"unknown": reason}


def assumed(value: object, reason: str) -> dict[str, Any]:
    """An item that was chosen, with the reason."""
    return {"value": value, "assumed": reason}


def string(text: str) -> str:
    """A basic string; whatever it holds is read back as it is.

    >>> print(string('5" \\\\ 6'))
    "5\\" \\\\ 6"
    """
    return '"' + "".join(_ESCAPED.get(c) or (c if " " <= c != "\x7f" else f"\\u{ord(c):04X}") for c in text) + '"'


def key(name: str) -> str:
    """A key: bare where TOML allows it."""
    bare = name != "" and name.isascii() and all(c.isalnum() or c in "-_" for c in name)
    return name if bare else string(name)


def value(item: object) -> str:
    """Text, a truth value, a number, a list or an inline table."""
    if isinstance(item, Mapping):
        return "{ " + ", ".join(f"{key(k)} = {value(v)}" for k, v in item.items()) + " }"
    if isinstance(item, list | tuple):
        return "[" + ", ".join(map(value, item)) + "]"
    if isinstance(item, bool):
        return "true" if item else "false"
    return string(item) if isinstance(item, str) else repr(item)


def table(path: tuple[str, ...], items: Mapping[str, object]) -> list[str]:
    """The lines of a table with its header; what is None or empty is not written."""
    lines = [f"[{'.'.join(map(key, path))}]"]
    return lines + [f"{key(k)} = {value(v)}" for k, v in items.items() if v is not None and v != ""]
