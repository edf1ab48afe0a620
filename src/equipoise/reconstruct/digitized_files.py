"""Files of digitized curves: what WebPlotDigitizer writes, and plain tables of time and survival."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..results import read_only
from .clicks import refuse_other_scales

_KINDS = (
    "Known are two columns without a header, WebPlotDigitizer's export of all datasets (a row of names above X,Y,X,Y) "
    "and a table with the header time,survival or time,survival,arm."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clicks:
    """The clicks on one curve as a file holds them: ``time`` in the unit of its axis and ``survival``, both (k,)."""

    name: str
    time: NDArray[np.float64]
    survival: NDArray[np.float64]

    def __post_init__(self) -> None:
        read_only(self)


def read_digitized(path: str | Path, *, percent: bool = False) -> dict[str, Clicks]:
    """The digitized curves of a file by name.

    A file of WebPlotDigitizer is one dataset of ``x, y`` without a header (named as the file), or all datasets side by
    side under a row of their names and a row of X,Y; columns may end early. Where the decimal sign is a comma, fields
    are parted by semicolons. A plain table has the header ``time,survival`` and may have ``arm``, whose values are the
    names. ``percent`` says that the axis of survival went from 0 to 100.

    Raises ``DataError`` for a file that is none of these, text where a number should be, half a point, percentages
    that nobody announced (or the other way about) and exchanged axes.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "wpd_datasets.csv"
    ...     _ = file.write_text("new,,old,\\nX,Y,X,Y\\n0,1,0,1\\n3.1,0.9,2.8,0.8\\n,,6.2,0.55\\n")
    ...     curves = read_digitized(file)
    >>> list(curves), curves["old"].survival.tolist()
    (['new', 'old'], [1.0, 0.8, 0.55])
    """
    path = Path(path)
    rows = _rows(path)
    curves: dict[str, Clicks] = {}
    for name, points in _columns(path, rows).items():
        if not points:
            continue
        x, y = (np.array(values, dtype=np.float64) for values in zip(*points, strict=True))
        curves[name] = Clicks(name=name, time=x, survival=_survival(path, name, x, y, percent))
    if not curves:
        raise DataError("the file holds no point of a curve", file=path.name, remedy=_KINDS)
    return curves


def _survival(
    path: Path, name: str, x: NDArray[np.float64], y: NDArray[np.float64], percent: bool
) -> NDArray[np.float64]:
    """Survival from 0 to 1."""
    if percent and len(y) and y.max() <= 1.5:
        raise DataError(
            f"survival is said to be percentages, but is never above {y.max():g}",
            file=path.name, column=name, remedy="Leave percent out.",
        )  # fmt: skip
    scaled = y / 100 if percent else y
    try:
        refuse_other_scales(x, scaled)
    except DataError as error:
        raise DataError(error.what, file=path.name, column=name, remedy=error.remedy) from None
    return scaled


def _rows(path: Path) -> list[list[str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"the file of the curve cannot be read: {error.strerror}",
            file=str(path), remedy="Name a file that exists, relative to the protocol.",
        ) from None  # fmt: skip
    except UnicodeDecodeError:
        raise DataError("the file is no text in UTF-8", file=path.name, remedy="Export it as CSV again.") from None
    sign = ";" if ";" in text else "\t" if "\t" in text else ","
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=sign)]
    return [row for row in rows if any(row)]


def _columns(path: Path, rows: list[list[str]]) -> dict[str, list[tuple[float, float]]]:
    """Points by curve."""
    if not rows:
        raise DataError("the file is empty", file=path.name, remedy="Export the curves again.")
    head = [cell.casefold() for cell in rows[0]]
    if "time" in head and "survival" in head:
        return _of_table(path, rows, head)
    second = [cell.casefold() for cell in rows[1]] if len(rows) > 1 else []
    pairs = len(second) // 2
    if pairs and second[: 2 * pairs] == ["x", "y"] * pairs and not any(second[2 * pairs :]):
        names = [*rows[0], *[""] * len(second)][: 2 * pairs : 2]
        named = [name or f"dataset {k + 1}" for k, name in enumerate(names)]
        for name in named:
            if named.count(name) > 1:
                raise DataError(
                    f"two curves are called {name!r}", file=path.name, remedy="Rename the datasets, and export again."
                )
        return {name: _points(path, rows, 2, 2 * k, 2 * k + 1) for k, name in enumerate(named)}
    start = 1 if head[:2] == ["x", "y"] else 0
    two = all(len([cell for cell in row if cell]) == 2 for row in rows[start:])
    if not two or (not start and _number(head[0]) is None):
        begins = ",".join(rows[0])[:40]
        raise DataError(f"a file that begins {begins!r} is no curve as they are known", file=path.name, remedy=_KINDS)
    return {path.stem: _points(path, rows, start, 0, 1)}


def _of_table(path: Path, rows: list[list[str]], head: list[str]) -> dict[str, list[tuple[float, float]]]:
    x, y = head.index("time"), head.index("survival")
    if "arm" not in head:
        return {path.stem: _points(path, rows, 1, x, y)}
    by_arm: dict[str, list[list[str]]] = {}
    for row in rows[1:]:
        by_arm.setdefault(_cell(row, head.index("arm")), []).append(row)
    return {arm: _points(path, own, 0, x, y) for arm, own in by_arm.items()}


def _points(path: Path, rows: Sequence[Sequence[str]], start: int, x: int, y: int) -> list[tuple[float, float]]:
    """The points of two columns; a row where both are empty belongs to a longer curve beside."""
    points = []
    for line, row in enumerate(rows[start:], start=start + 1):
        texts = _cell(row, x), _cell(row, y)
        if not any(texts):
            continue
        found = [_number(text) for text in texts]
        if found[0] is None or found[1] is None:
            wrong = next(text for text, value in zip(texts, found, strict=True) if value is None)
            if wrong.endswith("%"):
                raise DataError(
                    f"row {line} holds the percentage {wrong!r}",
                    file=path.name, remedy="Take the percent signs away, and say percent = true.",
                )  # fmt: skip
            raise DataError(
                f"row {line} holds {wrong!r} where a number should be" if wrong else f"row {line} holds half a point",
                file=path.name, remedy="Export the curves again, or mend the row.",
            )  # fmt: skip
        points.append((found[0], found[1]))
    return points


def _cell(row: Sequence[str], place: int) -> str:
    return row[place] if place < len(row) else ""


def _number(text: str) -> float | None:
    """A number with either decimal sign; a percent sign behind it is none."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None
