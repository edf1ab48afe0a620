"""Simulated trials analyzed by a function of the user's own."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..data import TimeToEvent
from ..design.given import real_number
from ..errors import DesignError
from ..kernels.trials import FOUND, Z

if TYPE_CHECKING:
    from .many import Trials

Vector = NDArray[np.float64]
OWN = "estimate of the user's own"
# What a function of the user's own adds to what is found at a look: estimate, standard error, limits.
ESTIMATE, LOW, HIGH, FOUND_WITH_OWN = FOUND, FOUND + 2, FOUND + 3, FOUND + 4
_LIMIT = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisResult:
    """What an analysis of the user's own gives of one trial: the ``z`` that meets the bounds, above zero in favour of
    the experimental arm, and an ``estimate`` of whatever is asked for, with its ``standard_error`` and 95% ``limits``
    (Wald's if there are none), on the scale on which bias is to be told.

    Raises ``DesignError`` for what is no number, for a standard error that is not above zero, and for limits that are
    not two, the lower first.

    >>> low, high = AnalysisResult(z=2.1, estimate=-0.42, standard_error=0.2).limits
    >>> f"{low:.4f} {high:.4f}"
    '-0.8120 -0.0280'
    """

    z: float
    estimate: float
    standard_error: float
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        given = [real_number(getattr(self, name)) for name in ("z", "estimate", "standard_error")]
        if not all(map(math.isfinite, given)) or not given[2] > 0:
            raise DesignError(
                f"z {self.z!r}, estimate {self.estimate!r} and standard error {self.standard_error!r} are no result",
                where="analysis",
                remedy="Give numbers, the standard error above zero; without an estimate, Z alone.",
            )
        far = _LIMIT * given[2]
        limits = (given[1] - far, given[1] + far) if self.limits is None else tuple(map(real_number, self.limits))
        if len(limits) != 2 or not limits[0] <= limits[1]:
            raise DesignError(f"{self.limits!r} are no limits", where="limits", remedy="Give two, the lower first.")
        for name, value in zip(("z", "estimate", "standard_error"), given, strict=True):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "limits", limits)


OwnAnalysis = Callable[..., float | AnalysisResult]


def takes_factors(analysis: OwnAnalysis) -> bool:
    """Whether a function takes a frame of the factors beside the ``TimeToEvent``: whether it needs two arguments."""
    return _needed(analysis) == 2


def check_analysis(analysis: object) -> None:
    """Refuse what is no function of one or two arguments."""
    if not callable(analysis) or _needed(analysis) > 2:
        raise DesignError(
            f"{analysis!r} is no function of a TimeToEvent, or of it and a frame of the factors",
            where="analysis",
            remedy="Such as lambda tte: logrank(tte, gamma=1).z.",
        )


def _needed(analysis: Callable[..., object]) -> int:
    """How many arguments it needs."""
    try:
        taken = inspect.signature(analysis).parameters.values()
    except (TypeError, ValueError):  # some callables of other languages do not tell
        return 1
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in places and one.default is inspect.Parameter.empty for one in taken)


def estimate_of(analysis: OwnAnalysis) -> str:
    """By what name its estimate is told: what an analysis of the protocol calls it, or that it is the user's own."""
    return str(getattr(analysis, "estimates", OWN))


def analyzed(task: Trials, found: Vector, data: NDArray[np.int64], number: int) -> tuple[Vector, list[str]]:
    """What was found (1, k, 14) in a trial with Z, and an estimate, of the user's function, (1, k, 18); and what went
    wrong with it: nan where it raised, and where a look has patients of one arm only. data (k, 4 + f, n): as the kernel
    gives what is tested."""
    wide = np.full((1, found.shape[1], FOUND_WITH_OWN), math.nan)
    wide[:, :, :FOUND] = found
    wrong = []
    for look in range(found.shape[1]):
        given, why = _given(task, data[look][:, data[look, 0] > 0])
        wide[0, look, Z] = given.z if isinstance(given, AnalysisResult) else given
        if isinstance(given, AnalysisResult) and given.limits is not None:
            wide[0, look, ESTIMATE:] = given.estimate, given.standard_error, *given.limits
        if why:
            wrong.append(f"trial {number}, look {look + 1}: {why}")
    return wide, wrong


def _given(task: Trials, data: NDArray[np.int64]) -> tuple[float | AnalysisResult, str]:
    """What a user's function gives, or why it gives nothing."""
    time, event, side, stratum, *codes = data
    assert task.analysis is not None
    if len(np.unique(side)) < 2:
        return math.nan, "patients of one arm only"
    arms = np.where(side == 1, task.experimental, task.control)
    tte = TimeToEvent(
        time.astype(float), event, arms, control=task.control, experimental=task.experimental, unit="days",
        strata=stratum if task.by else None, origin="simulated",
    )  # fmt: skip
    try:
        more = (_frame(task.nature.factors, task.nature.levels, codes),) if takes_factors(task.analysis) else ()
        given = task.analysis(tte, *more)
        if isinstance(given, AnalysisResult):
            return given, ""
        z = real_number(given)
        if math.isfinite(z):
            return z, ""
        shown = repr(given) if math.isnan(z) and not isinstance(given, float) else f"{z:g}"
        return math.nan, f"the analysis gives {shown}, which is no Z"
    except Exception as error:  # whatever a user's function raises belongs to this trial and to no other
        return math.nan, f"{type(error).__name__}: {' '.join(str(error).split())}"


def _frame(names: Sequence[str], levels: Sequence[Sequence[str]], codes: Sequence[NDArray[np.int64]]) -> pl.DataFrame:
    """A column of labels for each factor, as measured, a row for each patient."""
    import polars as pl

    return pl.DataFrame({
        name: np.array(own)[code] for name, own, code in zip(names, levels, codes, strict=True)
    })  # fmt: skip
