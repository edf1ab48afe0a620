"""Covariates as columns of numbers: text becomes indicators against its first level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..data import TimeToEvent
from ..data.factor import factor, missing_values
from ..errors import DataError
from .time_varying import TimeVarying, periods


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariate:
    """A covariate as the model holds it: its number of columns, and its levels if it is a factor."""

    name: str
    width: int
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelMatrix:
    """``x`` (n, p) with named ``terms``; ``tte`` are the rows it belongs to; ``arm_terms`` come first.

    Rows are subjects, or their periods where a covariate varies with time: then ``owner`` (n,) says whose.
    """

    tte: TimeToEvent
    x: NDArray[np.float64]
    terms: tuple[str, ...]
    arm_terms: int
    dropped: tuple[str, ...]
    kept: NDArray[np.bool_] | None
    covariates: tuple[Covariate, ...]
    owner: NDArray[np.int64] | None

    @property
    def subjects(self) -> int:
        """Number of subjects."""
        return self.tte.n if self.owner is None else int(self.owner[-1]) + 1

    def covariate_columns(self) -> dict[str, NDArray[np.int64]]:
        """Which columns of ``x`` belong to the arm ("arm") and to each covariate."""
        sizes = (("arm", self.arm_terms), *((c.name, c.width) for c in self.covariates))
        ends = np.cumsum([size for _, size in sizes])
        return {name: np.arange(end - size, end) for (name, size), end in zip(sizes, ends, strict=True) if size}


def model_matrix(tte: TimeToEvent, covariates: Any, missing: Literal["refuse", "drop"] = "refuse") -> ModelMatrix:
    """Arm indicators (each arm against the first), then the covariates in the order given."""
    columns, paths = _columns(tte, covariates)
    kept: NDArray[np.bool_] | None = None
    dropped: tuple[str, ...] = ()
    absent = np.zeros(tte.n, dtype=bool)
    for name, column in columns.items():
        gone = missing_values(column)
        if gone.any() and missing != "drop":
            raise DataError(
                f"{name} is missing for {int(gone.sum())} of {tte.n} subjects",
                column=name,
                subjects=tte.subject[gone].tolist(),
                remedy='Complete them; from Python, missing="drop" leaves them out, counted and named.',
            )
        absent |= gone
    if absent.any():
        kept = ~absent
        dropped = tuple(str(s) for s in tte.subject[absent])
        tte = tte.select(kept)
        columns = {name: column[kept] for name, column in columns.items()}
    owner: NDArray[np.int64] | None = None
    if paths:
        tte, owner, values = periods(tte, paths)
        given = list(covariates)
        columns = {name: column[owner] for name, column in columns.items()} | values
        columns = {name: columns[name] for name in given}
    parts: list[NDArray[np.float64]] = []
    terms: list[str] = []
    for code, arm in enumerate(tte.arms[1:], start=1):
        parts.append((tte.arm == code).astype(np.float64))
        terms.append(f"{arm} v {tte.arms[0]}")
    arm_terms = len(parts)
    held: list[Covariate] = []
    for name, column in columns.items():
        numeric, levels = _numeric(name, column, tte)
        held.append(Covariate(name=name, width=len(numeric), levels=levels))
        for term, values_ in numeric:
            parts.append(values_)
            terms.append(term)
    x = np.column_stack(parts) if parts else np.empty((tte.n, 0))
    return ModelMatrix(
        tte=tte,
        x=x,
        terms=tuple(terms),
        arm_terms=arm_terms,
        dropped=dropped,
        kept=kept,
        covariates=tuple(held),
        owner=owner,
    )


def _columns(tte: TimeToEvent, covariates: Any) -> tuple[dict[str, NDArray[Any]], dict[str, TimeVarying]]:
    """The covariates as arrays, one entry a subject, and those that vary with time."""
    if covariates is None:
        return {}, {}
    paths: dict[str, TimeVarying] = {}
    if isinstance(covariates, Mapping):
        paths = {name: column for name, column in covariates.items() if isinstance(column, TimeVarying)}
        given = {name: np.asarray(column) for name, column in covariates.items() if name not in paths}
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
    if column.dtype.kind == "O" and all(isinstance(v, int | float) for v in column.tolist()):
        column = column.astype(np.float64)
    if column.dtype.kind in "fiub":
        values = column.astype(np.float64)
        if not np.isfinite(values).all():
            raise DataError(
                f"{name} is not finite",
                column=name,
                subjects=tte.subject[~np.isfinite(values)].tolist(),
                remedy="Mend the values, or leave the subjects out.",
            )
        return [(name, values)], ()
    levels = factor(column)
    indicators = [(f"{name}: {level} v {levels.levels[0]}", (levels.codes == i).astype(np.float64))
                  for i, level in enumerate(levels.levels) if i > 0]  # fmt: skip
    return indicators, levels.levels
