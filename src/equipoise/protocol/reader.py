"""protocol.toml -> Protocol. Unknown keys, doses without a unit and names that lead nowhere are refused."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ..errors import ProtocolError
from .section import quoted
from .trial import Protocol, check_references

_EXAMPLES = Path(__file__).parent / "examples"
_IN_TOML_WORDS = {
    "a valid tuple": "an array",
    "a valid dictionary": "a table",
    "a valid string": "text",
    "a valid number": "a number",
    "a valid boolean": "true or false",
    "a valid integer": "a whole number",
    " after validation": "",
}


# Of numbers outside of what is allowed: where pydantic holds the limit, and the remedy.
_LIMITS = {
    "greater_than_equal": ("ge", "Give {} or more."),
    "greater_than": ("gt", "Give more than {}."),
    "less_than_equal": ("le", "Give {} or less."),
    "less_than": ("lt", "Give less than {}."),
}

# Of values of another kind than is wanted: how they are written.
_FORMS = {
    "tuple_type": "Write it in brackets, even if it is one: [...].",
    "dict_type": "Write a table, as in { name = ... }.",
    "model_type": "Write a table, as in { key = ... }.",
    "model_attributes_type": "Write a table, as in { key = ... }.",
    "string_type": "Give text, in quotes.",
    "bool_type": "Write true or false, without quotes.",
    "int_type": "Give a whole number, without quotes and without a point.",
    "int_from_float": "Give a number without a fraction.",
    "float_type": "Give a number, without quotes.",
    "finite_number": "Give a number such as 1, not inf or nan.",
}


def read(path: str | Path) -> Protocol:
    """Read a protocol file.

    Raises ``ProtocolError`` with the TOML path (or the line, where the file is not TOML at all).

    >>> example("veteran").name
    'veteran'
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ProtocolError(
            f"there is no protocol file {str(path)!r}",
            remedy=f"Give a file, or the name of a bundled example: {', '.join(examples())}.",
        ) from None
    except OSError as error:
        raise ProtocolError(f"the protocol file {str(path)!r} cannot be read: {error.strerror}") from None
    try:
        content = tomllib.loads(raw.decode("utf-8-sig"))  # editors on Windows put a byte order mark first
    except UnicodeDecodeError:
        raise ProtocolError(f"{path.name} is not UTF-8, as TOML files are", remedy="Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError(
            f"{path.name} is not a TOML file: {error}", remedy="Mend the line named; the rest was not read."
        ) from None
    except ValueError:  # Python reads no whole number of more than 4300 digits
        raise ProtocolError(f"{path.name} has a number of too many digits", remedy="Give a smaller one.") from None
    return _protocol(content, path, hashlib.sha256(raw).hexdigest())


def example(name: str) -> Protocol:
    """A bundled protocol by name, as in ``eq.protocol.example("tandem")``."""
    path = _EXAMPLES / f"{name}.toml"
    if name not in examples():
        raise ProtocolError(f"there is no bundled example {name!r}", remedy=f"Known: {', '.join(examples())}.")
    return read(path)


def examples() -> tuple[str, ...]:
    """Names of the bundled protocols."""
    return tuple(sorted(p.stem for p in _EXAMPLES.glob("*.toml")))


def find(protocol: str) -> Protocol:
    """A protocol file (which wins) or the name of a bundled example."""
    return example(protocol) if not Path(protocol).is_file() and protocol in examples() else read(protocol)


def _protocol(content: dict[str, Any], path: Path, digest: str) -> Protocol:
    for reserved in ("unknown", "assumed", "source", "digest"):
        if reserved in content:
            raise ProtocolError(f"unknown key {reserved!r}", where=reserved, remedy="Remove it.")
    unknown: dict[str, str] = {}
    assumed: dict[str, str] = {}
    content = _take_out_reasons(content, (), unknown, assumed)
    _complete_scenarios(content.get("scenario"))
    try:
        protocol = Protocol.model_validate(
            {**content, "unknown": unknown, "assumed": assumed, "source": path, "digest": digest}
        )
    except ValidationError as error:
        raise _first_error(error, content, unknown) from None
    check_references(protocol)
    return protocol


def _take_out_reasons(node: Any, at: tuple[str | int, ...], unknown: dict[str, str], assumed: dict[str, str]) -> Any:
    """Replace ``{unknown = "reason"}`` by None and ``{value = v, assumed = "reason"}`` by v, keeping the reasons."""
    if isinstance(node, list):
        return [_take_out_reasons(item, (*at, i), unknown, assumed) for i, item in enumerate(node)]
    if not isinstance(node, dict):
        return node
    for word, keys, reasons in (
        ("unknown", {"unknown"}, unknown),
        ("assumed", {"value", "assumed"}, assumed),
    ):
        if word not in node or (word == "assumed" and "value" not in node):
            continue
        reason = node[word]
        if set(node) != keys or not isinstance(reason, str) or not reason.strip():
            raise ProtocolError(
                f"an {word} item carries its reason and nothing else",
                where=dotted(at),
                remedy='Write { unknown = "why" } or { value = ..., assumed = "why" }.',
            )
        reasons[dotted(at)] = reason
        return node.get("value")
    rest: dict[str, Any] = {}
    for key, value in node.items():
        if key == "assumed" and isinstance(value, str):
            assumed[dotted(at)] = value  # a whole section that is assumed
        else:
            rest[key] = _take_out_reasons(value, (*at, key), unknown, assumed)
    return rest


def _complete_scenarios(scenarios: Any) -> None:
    """A scenario that is ``based_on`` another takes every key from it that it does not give itself."""
    if not isinstance(scenarios, dict):
        return
    for name, own in scenarios.items():
        base = own.get("based_on") if isinstance(own, dict) else None
        if base is None:
            continue
        taken = scenarios.get(base)
        if not isinstance(taken, dict) or base == name or "based_on" in taken:
            raise ProtocolError(
                f"a scenario can be based on one that stands by itself, which {base!r} does not",
                where=f"scenario.{quoted(name)}.based_on",
                remedy="Name a scenario that has no based_on.",
            )
        scenarios[name] = {**{key: value for key, value in taken.items() if key != "role"}, **own}


_DERIVED = {"unknown", "assumed", "source", "digest"}  # not keys of the file itself


def dotted(path: tuple[str | int, ...]) -> str:
    """A TOML path as text.

    >>> dotted(("arms", "T+A", "regimen", 0, "drug"))
    'arms."T+A".regimen[0].drug'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + quoted(part)
    return text


def _first_error(error: ValidationError, content: Any, unknown: dict[str, str]) -> ProtocolError:
    """The first thing pydantic found, as one sentence with the TOML path."""
    all_found = error.errors(include_url=False)
    # A misspelt key also leaves its right spelling missing: the misspelling is the cause.
    found = next((e for e in all_found if e["type"] == "extra_forbidden"), all_found[0])
    loc, kind = _in_file(found["loc"], content), found["type"]
    where = dotted(loc)
    if kind == "extra_forbidden":
        here = _keys_of(Protocol, loc[:-1])
        close = get_close_matches(str(loc[-1]), sorted(here), n=1)
        hint = f'Did you mean "{close[0]}"?' if close else f"Known here: {', '.join(sorted(here))}."
        if loc[-1] in _all_keys():
            hint = "The key belongs to another table; move it there."
        return ProtocolError(f"unknown key {loc[-1]!r}", where=where, remedy=hint)
    if kind == "missing":
        return ProtocolError(f"{loc[-1]!r} is missing", where=where, remedy="Add it.")
    if where in unknown:
        return ProtocolError("the item is unknown, but needed", where=where, remedy="Give it a value.")
    given = "" if isinstance(found.get("input"), dict | list) else f"{found.get('input')!r}: "
    message = found["msg"].removeprefix("Value error, ")
    for python, toml in _IN_TOML_WORDS.items():
        message = message.replace(python, toml)
    message = message.partition(" or instance of ")[0]
    if kind == "value_error":
        return ProtocolError(message.rstrip("."), where=where)
    name, remedy = _LIMITS.get(kind, ("", ""))
    remedy = remedy.format(_plain(found["ctx"][name])) if name else _FORMS.get(kind, "")
    return ProtocolError(f"{given}{message[0].lower()}{message[1:]}", where=where, remedy=remedy)


def _plain(limit: float) -> str:
    """A limit as one reads it: 1,000,000,000 rather than 1e+09."""
    return f"{int(limit):,}" if limit >= 1e6 else f"{limit:g}"


def _in_file(loc: tuple[str | int, ...], content: Any) -> tuple[str | int, ...]:
    """The part of pydantic's location that the file has, and its last key where that is what is missing."""
    path: tuple[str | int, ...] = ()
    for part in loc:
        if isinstance(content, list) and isinstance(part, int):
            path, content = (*path, part), content[part]
        elif isinstance(content, dict) and not str(part).startswith("function-"):
            path, content = (*path, part), content.get(part)
    return path


def _keys_of(annotation: Any, path: tuple[str | int, ...]) -> set[str]:
    """The keys that the table at a path may have."""
    sections = set(_sections(annotation))
    if not path:
        return {key for one in sections for key in one.model_fields} - (_DERIVED if annotation is Protocol else set())
    fields = [one.model_fields[str(path[0])].annotation for one in sections if path[0] in one.model_fields]
    # A number in a list and a name that the user gives lead to the same sections.
    return {key for one in fields or [annotation] for key in _keys_of(one, path[1:])}


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in _arguments(annotation):
        yield from _sections(inner)


def _all_keys() -> set[str]:
    keys: set[str] = set()

    def visit(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            fields = annotation.model_fields
            if not set(fields) <= keys or not fields:
                keys.update(fields)
                for field in fields.values():
                    visit(field.annotation)
            return
        for inner in _arguments(annotation):
            visit(inner)

    visit(Protocol)
    return keys - _DERIVED


def _arguments(annotation: Any) -> Iterator[Any]:
    yield from getattr(annotation, "__args__", ())
