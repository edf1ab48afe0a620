"""The baseline columns that an analysis is adjusted for, once it is sure that each is a measurement or a category."""

from __future__ import annotations

import polars as pl

from ..data import Patients
from ..data.adam import strays
from ..errors import DataError
from ..protocol import Analysis, Protocol
from .estimand import population_rows

_FEW, _EACH = 20, 5  # so many levels are never too many; beyond them each must stand for so many subjects on average


def covariates_of(
    trial: Protocol, data: Patients, analysis: Analysis, rows: pl.DataFrame | None = None
) -> pl.DataFrame | None:
    """The covariates of an analysis by subject, in the order of its endpoint; None where it has none. ``rows`` are its
    estimand's ``population_rows``, where they are at hand.

    Raises ``DataError`` for a column that is not there, one of numbers with text in some cells, which would become a
    category of as many levels, and one of text with a level for nearly every subject.

    >>> from equipoise.data import read_adam
    >>> from equipoise.protocol import example
    >>> trial = example("veteran")
    >>> covariates_of(trial, read_adam(None, trial), trial.analyses["adjusted"]).columns
    ['CELLTYPE', 'KARNO', 'AGE', 'DIAGTIME', 'PRIORTRT']
    """
    if not analysis.covariates:
        return None
    rows = population_rows(trial, data, analysis.estimand) if rows is None else rows
    columns = [c.upper() for c in analysis.covariates]
    for name in columns:
        if name not in rows.columns:
            raise DataError(
                "the covariate is not in the data",
                column=name,
                remedy=f"Columns: {', '.join(c for c in rows.columns if c != '__event__')}.",
            )
        _check(rows[name], rows[data.names.subject], data.file_of("adtte" if name in data.adtte.columns else "adsl"))
    return rows.select(columns)


def _check(column: pl.Series, subjects: pl.Series, file: str) -> None:
    stray = strays(column)
    if stray.any():
        raise DataError(
            f"{stray.sum()} of {len(column)} records hold text where a number is needed, such as "
            f"{column.filter(stray)[0]!r}",
            file=file,
            column=column.name,
            subjects=subjects.filter(stray).to_list(),
            remedy="Write a number, or leave the field empty; if it is a category, write text throughout.",
        )
    levels = 0 if column.dtype.is_numeric() else column.drop_nulls().n_unique()
    if levels > _FEW and levels * _EACH > len(column):
        raise DataError(
            f"the covariate has {levels} levels for {len(column)} subjects",
            file=file,
            column=column.name,
            remedy="Name a column of numbers, or of categories such as age groups.",
        )
