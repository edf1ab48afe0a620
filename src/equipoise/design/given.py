"""What callers give: real numbers and numbers by name; and the mapping that frozen results hold."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from numbers import Integral, Real
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", covariant=True)


class FrozenMapping(Mapping[K, V]):
    """A mapping that nobody can change, and that can be hashed, copied and sent to another process.

    >>> import copy
    >>> weights = FrozenMapping({"PFS": 1.0})
    >>> weights, copy.deepcopy(weights) == weights, weights == {"PFS": 1.0}
    (FrozenMapping({'PFS': 1.0}), True, True)
    """

    __slots__ = ("_held",)
    _held: dict[K, V]

    def __init__(self, held: Mapping[K, V]) -> None:
        object.__setattr__(self, "_held", dict(held))

    def __getitem__(self, key: K) -> V:
        return self._held[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __hash__(self) -> int:
        return hash(frozenset(self._held.items()))

    def __repr__(self) -> str:
        return f"FrozenMapping({self._held!r})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a frozen mapping cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a frozen mapping cannot be changed")

    def __reduce__(self) -> tuple[type[FrozenMapping[K, V]], tuple[dict[K, V]]]:
        return type(self), (dict(self._held),)


def real_number(value: object) -> float:
    """A number of Python or NumPy as a float; ``nan`` for what is none: text, None, True, a list, 10**400.

    >>> real_number(3), real_number("3"), real_number(True)
    (3.0, nan, nan)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def is_p_value(value: object) -> bool:
    """A number from 0 to 1, or ``nan``, which stands for a P that is not estimable."""
    return 0 <= real_number(value) <= 1 or (isinstance(value, Real) and bool(value != value))


def whole_number(value: object) -> int | None:
    """A whole number of Python or NumPy; None for what is none: 2.0, text, True, a list.

    >>> whole_number(3), whole_number(3.0), whole_number(True)
    (3, None, None)
    """
    return None if isinstance(value, bool) or not isinstance(value, Integral) else int(value)


def named(given: object) -> bool:
    """Whether it is a mapping by names, which are text."""
    return isinstance(given, Mapping) and all(isinstance(name, str) for name in given)
