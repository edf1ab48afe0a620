"""What a result promises, and the one place where numbers become text.

A result is a frozen record: its fields are the numbers, ``.table()`` is the same as a long table with
the schema below, ``str()`` is one sentence as it would stand in a report. A quantity that cannot be
estimated is a value with its reason: ``inf`` for a time that is not reached, ``nan`` beside a
non-empty ``reason`` otherwise; in the long table both are an empty ``value`` with a ``text`` and a ``reason``.

Rounding is half away from zero on the shortest decimal that names the number, so that 0.125 prints as
0.13 and 2.5 as 3 (Python's own ``round`` gives 0.12 and 2).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, make_dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

from .errors import DataError
from .units import TimeUnit, days_per

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

Origin = Literal["observed", "simulated", "reconstructed", "dummy"]

NOT_REACHED = "not reached"
NOT_ESTIMABLE = "not estimable"
ROUNDING_NOTE = "numbers are rounded half away from zero"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number of a study's results: the fields are the columns of the long table, in order."""

    analysis: str = ""
    role: str = ""
    estimand: str = ""
    population: str = ""
    endpoint: str = ""
    group: str = ""
    statistic: str
    at: float | None = None
    level: float | None = None
    value: float | None = None
    text: str = ""
    unit: str = ""
    method: str = ""
    reason: str = ""
    toml_path: str = ""
    origin: str = "observed"


COLUMNS: tuple[str, ...] = tuple(f.name for f in fields(Row))
_NUMERIC = ("at", "level", "value")
_DEFAULTS = {f.name: f.default for f in fields(Row)}
# A row before it is closed: the same slots, which take half of the time to fill as long as they are not frozen.
_Open = make_dataclass("_Open", COLUMNS, slots=True)


def rows_of(**columns: object) -> list[Row]:
    """Rows from columns: a list holds a value a row, anything else is the same in all of them.

    What ``Row`` makes of each, in a fifth of the time: the points of a figure are hundreds.

    >>> rows_of(statistic="at risk", at=[0.0, 30.5], value=[12.0, 7.0])[1]  # doctest: +ELLIPSIS
    Row(analysis='', ..., statistic='at risk', at=30.5, level=None, value=7.0, text='', ..., origin='observed')
    """
    lengths = {len(held) for held in columns.values() if isinstance(held, list)}
    if "statistic" not in columns or not columns.keys() <= _DEFAULTS.keys() or len(lengths) != 1:
        raise DataError(
            f"no rows can be made of the columns {', '.join(columns)}",
            remedy="Give fields of Row, statistic among them, and lists of one length.",
        )
    n = lengths.pop()
    held = (columns.get(name, default) for name, default in _DEFAULTS.items())
    rows: list[Row] = list(map(_Open, *(one if isinstance(one, list) else repeat(one, n) for one in held)))
    for row in rows:
        row.__class__ = Row  # closed
    return rows


def placed(rows: Iterable[Row], **columns: object) -> list[Row]:
    """The same rows with other values of some fields, given as to ``rows_of``; as fast for hundreds of them.

    >>> [row.group for row in placed([Row(statistic="a"), Row(statistic="b")], group="new")]
    ['new', 'new']
    """
    given = list(rows)
    return rows_of(**{name: list(map(attrgetter(name), given)) for name in COLUMNS if name not in columns}, **columns)


class Entry(NamedTuple):
    """A row without what all rows of its part share, which takes a fifth of the time to make."""

    statistic: str
    group: str = ""
    population: str = ""
    endpoint: str = ""
    at: float | None = None
    level: float | None = None
    value: float | None = None
    text: str = ""
    unit: str = ""
    method: str = ""
    reason: str = ""


def rows_from(entries: Iterable[Entry], **columns: object) -> list[Row]:
    """Rows from entries and what all of them hold, given as to ``rows_of``.

    >>> [row.group for row in rows_from([Entry("a", group="x"), Entry("b")], role="safety")]
    ['x', '']
    """
    held = dict(zip(Entry._fields, map(list, zip(*entries, strict=True)), strict=False))
    return rows_of(**{**held, **columns}) if held else []


def number(value: float, text: str, reason: str = "") -> dict[str, object]:
    """``value``, ``text`` and ``reason`` of a row: what is not finite becomes an empty value with a reason.

    >>> number(2.5, "2.5")
    {'value': 2.5, 'text': '2.5', 'reason': ''}
    >>> number(math.inf, "", "the curve stays above 0.5")["text"]
    'not reached'
    """
    if math.isfinite(value):
        return {"value": float(value), "text": text, "reason": reason}
    missing = NOT_REACHED if math.isinf(value) else NOT_ESTIMABLE
    return {"value": None, "text": missing, "reason": reason or missing}


def read_only(record: object) -> None:
    """Close every array of a frozen record to writing, so that it is frozen all the way."""
    for name in record.__dataclass_fields__:  # type: ignore[attr-defined]
        value = getattr(record, name)
        if hasattr(value, "setflags"):
            value.setflags(write=False)


def long_table(rows: Iterable[Row]) -> pl.DataFrame:
    """The long table of results with its fixed schema (one row a number)."""
    import polars as pl

    rows = list(rows)
    schema = {name: (pl.Float64 if name in _NUMERIC else pl.String) for name in COLUMNS}
    return pl.DataFrame({name: [getattr(r, name) for r in rows] for name in COLUMNS}, schema=schema)


def fixed(value: float, digits: int) -> str:
    """A number with a fixed count of decimals, half away from zero.

    >>> fixed(2.5, 0), fixed(0.125, 2), fixed(-0.125, 2), fixed(-0.001, 2)
    ('3', '0.13', '-0.13', '0.00')
    """
    if 0 <= digits <= _FEW and (scaled := abs(value) * _SCALES[digits]) < _EXACT and abs(scaled % 1 - 0.5) > _NEAR_HALF:
        # No half is near, so that the float and its shortest decimal round alike: Python's own rounding, in a fifth of
        # the time of exact decimals.
        return format(float(value), _FORMATS[digits])
    if math.isnan(value):
        return NOT_ESTIMABLE
    if math.isinf(value):
        return NOT_REACHED
    rounded = Decimal(repr(float(value))).quantize(_quantum(digits), context=_WIDE)
    return format(rounded if rounded else rounded.copy_abs(), "f")


def fixed_each(values: NDArray[np.float64], digits: int) -> list[str]:
    """``fixed`` of each number of an array (n,), in half of the time: the points of a figure are hundreds.

    >>> import numpy as np
    >>> fixed_each(np.array([0.125, 0.1249, math.nan]), 2)
    ['0.13', '0.12', 'not estimable']
    """
    numbers = values.tolist()
    if not 0 <= digits <= _FEW:
        return [fixed(number, digits) for number in numbers]
    size = abs(values)
    size[~(size < _EXACT)] = math.nan  # what is large, infinite or no number goes one by one, as what lies near a half
    scaled = size * _SCALES[digits]
    alike = (scaled < _EXACT) & (abs(scaled % 1 - 0.5) > _NEAR_HALF)
    texts = list(map(f"{{:{_FORMATS[digits]}}}".format, numbers))
    for i in (~alike).nonzero()[0].tolist():
        texts[i] = fixed(numbers[i], digits)
    return texts


_FEW, _EXACT, _NEAR_HALF = 6, 1e9, 1e-6  # scaled numbers below 1e9 are known to 1e-7
_SCALES = tuple(10.0**digits for digits in range(_FEW + 1))
_FORMATS = tuple(f"z.{digits}f" for digits in range(_FEW + 1))


@cache
def _quantum(digits: int) -> Decimal:
    return Decimal(1).scaleb(-digits)


_WIDE = Context(prec=350, rounding=ROUND_HALF_UP)  # every finite float with its decimals
_DURATION_DIGITS = {"days": 1, "weeks": 1, "months": 1, "years": 2}


def duration(value: float, unit: TimeUnit) -> str:
    """A time in days as a number of ``unit``: days whole or with a half (a median may be one), the others rounded.

    >>> duration(52.5, "days"), duration(103.0, "days"), duration(146.1, "months")
    ('52.5', '103', '4.8')
    """
    text = fixed(value / days_per(unit), _DURATION_DIGITS[unit])
    return text.removesuffix(".0") if unit == "days" else text


def duration_interval(limits: tuple[float, float], unit: TimeUnit) -> str:
    """Limits in days as ``(a, b)`` in ``unit``."""
    if all(math.isnan(x) for x in limits):
        return NOT_ESTIMABLE
    return f"({duration(limits[0], unit)}, {duration(limits[1], unit)})"


def interval(limits: tuple[float, float], digits: int) -> str:
    """An interval as ``(a, b)``; a limit that is not reached says so.

    >>> interval((0.468, 0.84), 2), interval((3.7, math.inf), 1)
    ('(0.47, 0.84)', '(3.7, not reached)')
    """
    if all(math.isnan(x) for x in limits):
        return NOT_ESTIMABLE
    return f"({fixed(limits[0], digits)}, {fixed(limits[1], digits)})"


def p_value(p: float) -> str:
    """A P value with four decimals, bounded at both ends.

    >>> p_value(0.00159), p_value(0.00001), p_value(0.99999), p_value(1.0)
    ('0.0016', '<0.0001', '>0.9999', '1.0000')
    """
    if math.isnan(p):
        return NOT_ESTIMABLE
    if p < 0.0001:
        return "<0.0001"
    if 0.9999 < p < 1.0:
        return ">0.9999"
    return fixed(p, 4)


def p_equals(p: float) -> str:
    """A P value in a sentence.

    >>> p_equals(0.0123), p_equals(1e-9)
    ('P = 0.0123', 'P < 0.0001')
    """
    text = p_value(p)
    if text[0] in "<>":
        return f"P {text[0]} {text[1:]}"
    return f"P {text}" if text == NOT_ESTIMABLE else f"P = {text}"


def percent(count: int, total: int, digits: int = 1) -> str:
    """A percentage from counts, in exact arithmetic.

    >>> percent(1, 8), percent(0, 8), percent(8, 8), percent(1, 8, 0)
    ('12.5', '0', '100', '13')
    """
    if total == 0:
        return NOT_ESTIMABLE
    if count in (0, total):
        return "0" if count == 0 else "100"
    part = 10**digits
    whole, rest = divmod((200 * part * count + total) // (2 * total), part)
    return f"{whole}.{rest:0{digits}d}" if digits else str(whole)


def count_percent(count: int, total: int) -> str:
    """``n (xx.x)``, as counts stand in a table.

    >>> count_percent(24, 103), count_percent(0, 103)
    ('24 (23.3)', '0')
    """
    return "0" if count == 0 else f"{count} ({percent(count, total)})"


def significant(value: float, digits: int = 4) -> str:
    """A number to so many significant digits, never in exponent form.

    >>> significant(25.4444356), significant(0.00012345), significant(1234567.0)
    ('25.44', '0.0001235', '1234567')
    """
    if not math.isfinite(value) or value == 0:
        return fixed(value, 0 if value == 0 else digits)
    return fixed(value, max(0, digits - 1 - math.floor(math.log10(abs(value)))))
