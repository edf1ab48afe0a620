"""Labels as codes: arms, strata and text covariates; and what counts as missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """``codes`` (n,) point into ``levels``."""

    codes: NDArray[np.int64]
    levels: tuple[str, ...]


def missing_values(column: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values are missing: NaN, None, NaT, or empty text (ADaM's missing character value).

    >>> missing_values(np.array(["a", "", None], dtype=object)).tolist()
    [False, True, True]
    """
    kind = column.dtype.kind
    if kind == "f":
        return np.isnan(column)
    if kind in "iub":
        return np.zeros(column.shape, dtype=bool)
    if kind in "mM":
        return np.isnat(column)
    if kind in "UST":
        return column == np.zeros((), dtype=column.dtype)
    if set(map(type, column.ravel().tolist())) <= {str, type(None)}:
        return ~column.astype(bool)
    flat = [_absent(v) for v in column.ravel().tolist()]
    return np.array(flat, dtype=bool).reshape(column.shape)


def _absent(value: Any) -> bool:
    """None, empty text, or what is not equal to itself: NaN, NaT; pandas.NA answers neither yes nor no."""
    if value is None or isinstance(value, str):
        return not value
    same = value == value
    return not (isinstance(same, bool | np.bool_) and same)


def factor(column: NDArray[Any]) -> Factor:
    """Codes by sorted label; numbers sort as numbers. A whole float prints as a whole number.

    >>> factor(np.array(["b", "a", "b"])).levels
    ('a', 'b')
    """
    if column.dtype.kind == "O":
        values = column.tolist()
        distinct = set(values)
        try:
            levels = sorted(distinct)
        except TypeError:
            levels = sorted(distinct, key=str)
        index = {v: i for i, v in enumerate(levels)}
        named = _told_apart(tuple(label(v) for v in levels))
        codes = np.fromiter((index[v] for v in values), dtype=np.int64, count=len(values))
        return Factor(codes, named)
    found, codes = np.unique(column, return_inverse=True)
    return Factor(codes.astype(np.int64).reshape(-1), tuple(label(v) for v in found.tolist()))


def _told_apart(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse levels that a reader could not tell apart, such as 1 and "1"."""
    twice = sorted({name for name in labels if labels.count(name) > 1}) if len(set(labels)) < len(labels) else []
    if twice:
        raise DataError(
            f"different levels print alike: {', '.join(map(repr, twice[:3]))}",
            remedy="Give them labels that a reader can tell apart.",
        )
    return labels


def label(value: object) -> str:
    """A level as text.

    >>> label(1.0), label("A"), label(True)
    ('1', 'A', 'True')
    """
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def strata_factor(columns: Mapping[str, NDArray[Any]], n: int) -> Factor:
    """The combinations of stratification factors that occur, labelled "a, b"."""
    codes = np.zeros(n, dtype=np.int64)
    labels: tuple[str, ...] = ("",)
    for column in columns.values():
        levels = factor(column)
        combined = codes * len(levels.levels) + levels.codes
        present, codes = np.unique(combined, return_inverse=True)
        codes = codes.astype(np.int64).reshape(-1)
        pairs = [divmod(int(c), len(levels.levels)) for c in present]
        labels = tuple((f"{labels[i]}, " if labels[i] else "") + levels.levels[j] for i, j in pairs)
    return Factor(codes, _told_apart(labels))
