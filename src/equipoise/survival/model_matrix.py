"""Covariates as columns of numbers: text becomes indicators against its first level, and one level a constant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..data import TimeToEvent
from ..data.columns import as_array
from ..data.factor import factor, missing_values
from ..errors import DataError, UnsupportedError
from .time_varying import TimeVarying, periods

_LARGEST = 1e100
_NO_COVARIATE = (date, timedelta, complex, np.datetime64, np.timedelta64, np.complexfloating)


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariate:
    """A covariate as the model holds it: its number of columns, and its levels if it is a factor."""

    name: str
    width: int
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelMatrix:
    """The ``terms`` of a model for the rows of ``tte``: ``arm_terms`` indicators, then ``covariates`` (n,).

    Rows are subjects, or their periods where a covariate varies with time: then ``owner`` (n,) says whose. ``layout``
    says which covariate has how many of the terms.
    """

    tte: TimeToEvent
    covariates: tuple[NDArray[np.float64], ...]
    terms: tuple[str, ...]
    arm_terms: int
    dropped: tuple[str, ...]
    kept: NDArray[np.bool_] | None
    layout: tuple[Covariate, ...]
    owner: NDArray[np.int64] | None

    @property
    def subjects(self) -> int:
        """Number of subjects."""
        return self.tte.subjects if self.owner is None else int(self.owner[-1]) + 1

    def refuse_periods(self, what: str, remedy: str) -> None:
        """For methods that take a row for a subject."""
        if self.owner is not None:
            raise UnsupportedError(
                f"{what} baseline covariates, none that vary with time", where="covariates", remedy=remedy
            )

    def covariate_columns(self) -> dict[str, NDArray[np.int64]]:
        """Which columns of ``x`` belong to the arm ("arm") and to each covariate."""
        sizes = (("arm", self.arm_terms), *((c.name, c.width) for c in self.layout))
        ends = np.cumsum([size for _, size in sizes])
        return {name: np.arange(end - size, end) for (name, size), end in zip(sizes, ends, strict=True) if size}

    @property
    def columns(self) -> tuple[NDArray[np.float64], ...]:
        """Every term's values, (n,)."""
        arms = ((self.tte.arm == code).astype(np.float64) for code in range(1, self.arm_terms + 1))
        return (*arms, *self.covariates)

    @property
    def x(self) -> NDArray[np.float64]:
        """The terms side by side, (n, p), as given."""
        return np.column_stack(self.columns)


def model_matrix(tte: TimeToEvent, covariates: Any, missing: Literal["refuse", "drop"] = "refuse") -> ModelMatrix:
    """Arm indicators (each arm against the first), then the covariates in the order given."""
    columns, paths = _columns(tte, covariates)
    kept: NDArray[np.bool_] | None = None
    dropped: tuple[str, ...] = ()
    absent: NDArray[np.bool_] | None = None
    for name, column in columns.items():
        gone = missing_values(column)
        if not gone.any():
            continue
        if missing != "drop":
            raise DataError(
                f"{name} is missing for {int(gone.sum())} of {tte.n} subjects",
                column=name,
                subjects=tte.subject[gone].tolist(),
                remedy='Complete them; from Python, missing="drop" leaves them out, counted and named.',
            )
        absent = gone if absent is None else absent | gone
    if absent is not None:
        kept = ~absent
        dropped = tuple(str(s) for s in tte.subject[absent])
        tte = tte.select(kept)
        columns = {name: column[kept] for name, column in columns.items()}
    owner: NDArray[np.int64] | None = None
    if paths:
        tte, owner, varying = periods(tte, paths)
        columns = {name: column[owner] for name, column in columns.items()} | varying
        columns = {str(name): columns[str(name)] for name in covariates}
    terms = [f"{arm} v {tte.arms[0]}" for arm in tte.arms[1:]]
    values: list[NDArray[np.float64]] = []
    layout: list[Covariate] = []
    for name, column in columns.items():
        numeric, levels = _numeric(name, column, tte)
        layout.append(Covariate(name=name, width=len(numeric), levels=levels))
        for term, numbers in numeric:
            terms.append(term)
            values.append(numbers)
    return ModelMatrix(
        tte=tte, covariates=tuple(values), terms=tuple(terms), arm_terms=len(tte.arms) - 1, dropped=dropped, kept=kept,
        layout=tuple(layout), owner=owner,
    )  # fmt: skip


def _columns(tte: TimeToEvent, covariates: Any) -> tuple[dict[str, NDArray[Any]], dict[str, TimeVarying]]:
    """The covariates as arrays, one entry a subject, and those that vary with time."""
    if covariates is None:
        return {}, {}
    paths: dict[str, TimeVarying] = {}
    if isinstance(covariates, Mapping):
        paths = {str(name): column for name, column in covariates.items() if isinstance(column, TimeVarying)}
        given = {str(name): as_array(column) for name, column in covariates.items() if str(name) not in paths}
    else:
        import narwhals as nw

        try:
            frame = nw.from_native(covariates, eager_only=True)
        except TypeError:
            raise DataError(
                "covariates is neither a frame nor a mapping from name to array",
                column="covariates",
                remedy='Pass a polars or pandas frame, or {"age": ages}.',
            ) from None
        given = {name: frame[name].to_numpy() for name in frame.columns}
    columns: dict[str, NDArray[Any]] = {}
    for name, column in given.items():
        if column.shape == (tte.n,):
            columns[name] = column
        elif column.shape == (tte.rows_given,) and tte.kept is not None:
            columns[name] = column[tte.kept]
        else:
            raise DataError(
                f"{name} has shape {column.shape}, the endpoint has {tte.n} subjects", column=name, remedy="Align them."
            )
    return columns, paths


def _numeric(
    name: str, column: NDArray[Any], tte: TimeToEvent
) -> tuple[list[tuple[str, NDArray[np.float64]]], tuple[str, ...]]:
    """Columns of numbers with their terms, and the levels of a factor."""
    if column.dtype.kind == "O" and all(isinstance(v, Real | Decimal) for v in column.tolist()):
        column = column.astype(np.float64)
    if column.dtype.kind in "mMc" or (column.dtype.kind == "O" and any(isinstance(v, _NO_COVARIATE) for v in column)):
        raise DataError(
            f"{name} holds dates, time spans or complex numbers",
            column=name,
            remedy="Give a number and say of what, such as years since the date.",
        )
    if column.dtype.kind in "fiub":
        values = column.astype(np.float64)
        if not np.isfinite(values).all():
            raise DataError(
                f"{name} is not finite",
                column=name,
                subjects=tte.subject[~np.isfinite(values)].tolist(),
                remedy="Mend the values, or leave the subjects out.",
            )
        size = np.abs(values)
        beyond = size > _LARGEST
        if not beyond.any() and 0 < size.max(initial=0.0) < 1 / _LARGEST:
            beyond = size > 0
        if beyond.any():
            raise DataError(
                f"{name} is of a size ({size[beyond][0]:g}) that leaves no room for its squares",
                column=name,
                subjects=tte.subject[beyond].tolist(),
                remedy="Mend the values, or give the covariate in another unit.",
            )
        return [(name, values)], ()
    levels = factor(column)
    if len(levels.levels) == 1:
        # A term of its own, which says nothing, as a constant number has one: nothing is left out without a word.
        return [(f"{name}: {levels.levels[0]} alone", np.zeros(len(column)))], levels.levels
    indicators = [(f"{name}: {level} v {levels.levels[0]}", (levels.codes == i).astype(np.float64))
                  for i, level in enumerate(levels.levels) if i > 0]  # fmt: skip
    return indicators, levels.levels
