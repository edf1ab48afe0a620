"""Simulated trials kept in Parquet files, chunk by chunk, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, fields
from importlib.metadata import version  # noqa: TID251 - reads the version number, imports nothing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import DataError

if TYPE_CHECKING:
    from .many import Trials

Vector = NDArray[np.float64]
# Raised whenever the same model, cuts and seed give other trials than before: those of 1 had patients who were cured
# and yet had the event.
_GENERATION = 2
COLUMNS = ("met", "day", "patients_control", "patients_experimental", "events_control", "events_experimental", "z",
           "score_variance", "log_hazard_ratio", "log_hazard_ratio_se", "restricted_mean_difference",
           "restricted_mean_difference_se", "survival_difference", "survival_difference_se")  # fmt: skip
OF_ANALYSIS = ("estimate", "standard_error", "lower_limit", "upper_limit")  # of the protocol's own, whose Z is ``z``


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder of chunks: a file for each, a row for each look of each trial (``trial``, ``look`` and ``columns``). It
    stands under a digest of the model, the cuts, the analysis, the seed and the version of the package, so that no
    trial of another model is ever taken for one. Where the protocol's own analysis was done, ``wrong`` is why it has no
    result at a look."""

    folder: Path
    columns: tuple[str, ...] = COLUMNS

    def chunk(self, first: int, trials: int) -> Path:
        """The file of trials first, first + 1, ..."""
        return self.folder / f"trials-{first:012d}-{trials}.parquet"

    def read(self, first: int, trials: int, looks: int) -> tuple[Vector, list[str]] | None:
        """What was found in a chunk, (trials, k, columns), and what went wrong; None where it has not been simulated.

        Raises ``DataError`` for a file that is not what was written.
        """
        path = self.chunk(first, trials)
        if not path.exists():
            return None
        try:
            frame = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, OSError):
            frame = pl.DataFrame()
        if not self._holds(frame, first, trials, looks):
            raise DataError(
                "this file does not hold the trials that its name says", file=str(path), remedy="Delete it."
            )
        found = frame.select(self.columns).to_numpy().reshape(trials, looks, len(self.columns))
        wrong = frame["wrong"].drop_nulls().to_list() if len(self.columns) > len(COLUMNS) else []
        return np.ascontiguousarray(found, dtype=float), wrong

    def _holds(self, frame: pl.DataFrame, first: int, trials: int, looks: int) -> bool:
        """Whether a frame has the columns, types and rows that ``write`` gives these trials, and every number."""
        kinds: dict[str, pl.DataType] = {"trial": pl.Int64(), "look": pl.Int64()}
        kinds |= dict.fromkeys(self.columns, pl.Float64())
        numbers = list(kinds)
        if len(self.columns) > len(COLUMNS):
            kinds["wrong"] = pl.String()
        return (
            dict(frame.schema) == kinds
            and frame.height == trials * looks
            and frame.select(numbers).null_count().row(0) == (0,) * len(numbers)
            and bool((frame["trial"].to_numpy() == np.repeat(np.arange(first, first + trials), looks)).all())
            and bool((frame["look"].to_numpy() == np.tile(np.arange(1, looks + 1), trials)).all())
        )

    def write(self, first: int, found: Vector, wrong: list[str]) -> None:
        """Keep a chunk; never half of one."""
        trials, looks, columns = found.shape
        flat = found.reshape(trials * looks, columns)
        frame = pl.DataFrame({
            "trial": np.repeat(np.arange(first, first + trials), looks),
            "look": np.tile(np.arange(1, looks + 1), trials),
            **{name: flat[:, i] for i, name in enumerate(self.columns)},
        })  # fmt: skip
        if columns > len(COLUMNS):
            why = {told.partition(": ")[0]: told for told in wrong}
            of_rows = [why.get(f"trial {trial}, look {look}") for trial, look in frame["trial", "look"].rows()]
            frame = frame.with_columns(wrong=pl.Series(of_rows, dtype=pl.String))
        path = self.chunk(first, trials)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            frame.write_parquet(beside)
            beside.replace(path)
        except OSError as error:
            raise DataError(
                f"simulated trials cannot be kept: {error.strerror}",
                file=str(self.folder),
                remedy="Choose another folder.",
            ) from None
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)


def kept_in(folder: str | Path, task: Trials) -> Kept:
    """The place of a task's trials in a folder."""
    digest = hashlib.sha256(f"{version('equipoise')} {_GENERATION}".encode())
    for name in ("experimental", "control", "endpoint", "seed", "by", "cox", "tau", "at", "counted"):
        digest.update(repr(getattr(task, name)).encode())
    digest.update(task.rules().tobytes())
    for one in fields(task.nature):
        value = getattr(task.nature, one.name)
        if one.name != "label":
            digest.update(f"{one.name} {value.shape}".encode() + value.tobytes() if isinstance(value, np.ndarray)
                          else f"{one.name} {value!r}".encode())  # fmt: skip
    if task.analysis is None:
        return Kept(Path(folder) / digest.hexdigest()[:20])
    digest.update(repr(task.analysis).encode())
    return Kept(Path(folder) / digest.hexdigest()[:20], (*COLUMNS, *OF_ANALYSIS))
