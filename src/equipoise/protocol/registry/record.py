"""A study record of ClinicalTrials.gov (API v2 JSON): opened, refused in one sentence, and asked for its fields.

Every field may be missing, and every text may hold anything. So a field that is not there, or is of another type than
the registry's, reads as empty; texts come without line breaks, control characters and HTML entities; numbers stay the
text that the record prints.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import ProtocolError

Node = Mapping[str, Any]

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_ADDRESS = "https://clinicaltrials.gov/api/v2/studies/NCT..."
_FETCH = f"Fetch one study from {_ADDRESS}, and give that file."


def record_of(source: str | Path | Node) -> Node:
    """The record of one study that has posted results, from a file or from what a program has read already."""
    if isinstance(source, Mapping):
        content: Any = source
        where = "record"
    else:
        where = Path(source).name
        content = _parsed(Path(source))
    if isinstance(content, list) or (isinstance(content, Mapping) and isinstance(content.get("studies"), list)):
        found = content if isinstance(content, list) else content["studies"]
        many = "1 study" if len(found) == 1 else f"{len(found)} studies"
        raise ProtocolError(f"the file holds a list of {many}, not one record", where=where, remedy=_FETCH)
    if not isinstance(content, Mapping):
        raise ProtocolError("the JSON is no study record", where=where, remedy=_FETCH)
    if any(key in content for key in ("FullStudiesResponse", "FullStudy", "Study", "StudyFieldsResponse")):
        raise ProtocolError("the record is of the registry's old service (version 1)", where=where, remedy=_FETCH)
    if not any(key in content for key in ("protocolSection", "resultsSection", "hasResults")):
        raise ProtocolError("the JSON is no study record: it has no protocolSection", where=where, remedy=_FETCH)
    results = table(content, "resultsSection")
    if content.get("hasResults") is False or not any(results.values()):
        name = text(table(content, "protocolSection", "identificationModule"), "nctId") or "the record"
        raise ProtocolError(
            f"{name} has no posted results, so that there are no numbers to draft from",
            where=where,
            remedy="Write the protocol by hand, with the numbers of the paper under [published].",
        )
    return content


def _parsed(path: Path) -> Any:
    """What the file says; numbers as the text that stands there."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ProtocolError(f"there is no file {str(path)!r}", remedy=f"Save a record of {_ADDRESS} there.") from None
    except OSError as error:
        raise ProtocolError(f"the record {str(path)!r} cannot be read: {error.strerror}") from None
    try:
        written = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ProtocolError(f"{path.name} is not UTF-8, as JSON is", remedy=_FETCH) from None
    if written.lstrip().startswith("<"):
        what = f"{path.name} is XML or a web page, not the JSON of the registry's API v2"
        raise ProtocolError(what, remedy=_FETCH)
    try:
        return json.loads(written, parse_int=str, parse_float=str, parse_constant=str)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        raise ProtocolError(f"{path.name} is not JSON ({where})", remedy=_FETCH) from None


def table(node: Node, *keys: str) -> Node:
    """The table at the end of these keys; an empty one if there is none."""
    for key in keys:
        inner = node.get(key)
        node = inner if isinstance(inner, Mapping) else {}
    return node


def tables(node: Node, key: str) -> list[Node]:
    """The tables of a list; what is no table is passed over."""
    found = node.get(key)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def texts(node: Node, key: str) -> list[str]:
    """The texts of a list."""
    found = node.get(key)
    return [clean(item) for item in found if clean(item)] if isinstance(found, list) else []


def text(node: Node, key: str) -> str:
    """A text, or the text of a number; empty if there is none."""
    return clean(node.get(key))


def clean(value: object) -> str:
    """One line of text as a person reads it.

    >>> clean(" P &lt;0.001,\\n two-sided ")
    'P <0.001, two-sided'
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    written = _ENTITY.sub(lambda found: html.unescape(found.group()), str(value))
    shown = {"Cc": " ", "Cs": "\N{REPLACEMENT CHARACTER}"}
    return " ".join("".join(shown.get(unicodedata.category(c), c) for c in written).split())


def shortened(words: str, most: int = 160) -> str:
    """A text of at most so many characters, with dots where it was cut."""
    return words if len(words) <= most else words[: most - 3].rstrip() + "..."


def denominators(node: Node) -> dict[str, int]:
    """Participants by group of an outcome, a class or the baseline, where the record counts participants."""
    for denominator in tables(node, "denoms"):
        units = text(denominator, "units").casefold()
        if units.startswith(("participant", "patient", "subject")) or not units:
            counted = {text(c, "groupId"): whole(text(c, "value")) for c in tables(denominator, "counts")}
            return {group: count for group, count in counted.items() if count is not None}
    return {}


def whole(printed: str) -> int | None:
    """A whole number from its text, or None."""
    return int(printed) if printed.isascii() and printed.isdigit() and len(printed) <= 9 else None
