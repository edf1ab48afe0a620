"""What every section of a protocol is: frozen, typed, and closed to keys nobody defined."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints

from ..errors import ProtocolError
from ..units import days

T = TypeVar("T")

Table = Annotated[Mapping[str, T], AfterValidator(lambda m: MappingProxyType(dict(m)))]
"""Named entries of one kind, in the order of the file; read-only."""

Many = Annotated[tuple[T, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)]
"""A TOML array of one kind of item; read-only."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _check_duration(value: Any) -> Any:
    days(value)
    return value


Duration = Annotated[str, BeforeValidator(_check_duration)]
"""A duration as written, with its unit ("8 weeks"); ``units.days`` gives its days."""


def _check_span(value: str) -> str:
    if days(value) > 100 * days("1 year"):
        raise ValueError(f"{value!r} is longer than any trial: give 100 years or less")
    return value


Span = Annotated[Duration, AfterValidator(_check_span)]
"""A duration that a trial can have."""


def zero_or_more_than_a_speck(value: float) -> float:
    """Refuse a number so near to zero that what it is divided into is no number any more."""
    if 0 < value < 1e-9:
        raise ValueError(f"{value:g} is neither zero nor a number that counts: give 0, or 1e-9 or more")
    return value


def _check_whole(value: Any) -> Any:
    if isinstance(value, bool | float):  # true would pass for 1, which it equals
        raise ValueError(f"{str(value).lower()} is no number of sides: give 1 or 2")
    return value


Sided = Annotated[Literal[1, 2], BeforeValidator(_check_whole)]
"""Whether a test or a P is one-sided or two-sided."""


class Section(BaseModel):
    """A part of the protocol. ``None`` means that the file says ``unknown`` or says nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=False)


def known(name: str, among: Collection[str], kind: str, path: str) -> None:
    """Refuse a name that another section does not have, with the one that is meant."""
    if name in among:
        return
    close = get_close_matches(name, list(among), n=1)
    hint = f'Did you mean "{close[0]}"?' if close else f"Known: {', '.join(among) or 'none'}."
    raise ProtocolError(f"there is no {kind} {name!r}", where=path, remedy=hint)


def quoted(key: str) -> str:
    """A TOML key as it stands in a path: quoted unless it is bare.

    >>> quoted("primary"), quoted("PFS, ITT")
    ('primary', '"PFS, ITT"')
    """
    bare = key != "" and key.isascii() and all(c.isalnum() or c in "-_" for c in key)
    return key if bare else f'"{key}"'
