"""How a file counts its days: is the day of randomization day 1 or day 0?

``AVAL`` is ``ADT - STARTDT + 1`` in most submissions and ``ADT - STARTDT`` in some. The rule check asks
whether a parameter keeps to one of them, and the data cut must use the one the file uses.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..protocol import DataNames
from ..units import days_per

# In months or weeks AVAL is often rounded to two decimals: that moves it by less than this many days,
# while the two ways of counting differ by one day.
_ROUNDING_DAYS = 0.25
_EXACT_DAYS = 1e-6

OFFSET, FITS = "_offset", "_fits"


def count_days(adtte: pl.DataFrame, names: DataNames) -> pl.DataFrame:
    """ADTTE with ``_offset`` (1 or 0 days, the one most records of the parameter fit) and ``_fits``.

    ``_fits`` is null where the time or a date is missing.
    """
    from_one = _fits(names, 1.0).alias("_from_one")
    from_zero = _fits(names, 0.0).alias("_from_zero")
    counted = adtte.with_columns(from_one, from_zero).with_columns(
        pl.when(pl.col("_from_one").sum() >= pl.col("_from_zero").sum())
        .then(pl.lit(1))
        .otherwise(pl.lit(0))
        .over(names.parameter)
        .alias(OFFSET)
    )
    fits = pl.when(pl.col(OFFSET) == 1).then(pl.col("_from_one")).otherwise(pl.col("_from_zero"))
    return counted.with_columns(fits.alias(FITS)).drop("_from_one", "_from_zero")


def fits_from_one(time: NDArray[np.float64], days: NDArray[np.float64], names: DataNames) -> NDArray[np.bool_]:
    """Whether times count the day of randomization as day 1, ``days`` being those from the start date to the end."""
    return np.abs(time * days_per(names.time_unit) - days - 1.0) <= _tolerance(names)


def _fits(names: DataNames, first: float) -> pl.Expr:
    excess = pl.col(names.time) * days_per(names.time_unit) - elapsed_days(names)
    return (excess - first).abs() <= _tolerance(names)


def _tolerance(names: DataNames) -> float:
    return _EXACT_DAYS if names.time_unit == "days" else _ROUNDING_DAYS


def elapsed_days(names: DataNames) -> pl.Expr:
    """Days from the start date to the end date."""
    return (pl.col(names.end_date) - pl.col(names.start_date)).dt.total_days()
