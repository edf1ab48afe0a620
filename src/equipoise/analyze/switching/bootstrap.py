"""The bootstrap of a whole analysis of switching: subjects drawn within arms and strata, seeded, on threads."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import results
from ...data import TimeToEvent
from ...design.given import whole_number
from ...randomize import Purpose, generator
from ...survival.convention import ArgumentError
from .record import Vector

_CHUNK = 125  # samples a thread takes at once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bootstrap:
    """Estimates in bootstrap samples, (draws,), ``nan`` where a sample has none, which ``failed`` counts.

    ``std_error`` is their standard deviation. ``conf_int`` are percentiles: with m samples that have an estimate the
    (m + 1) p-th smallest of them (between two in proportion), of psi and of the hazard ratio. Failed samples are left
    out; what they would have said is not known, so that many of them make the limits too narrow. ``reason`` says why
    there are no limits: fewer samples than have a (m + 1) p-th smallest, or no estimate in the data themselves.
    """

    psi: Vector
    log_hazard_ratio: Vector
    failed: int
    seed: int
    psi_std_error: float
    psi_conf_int: tuple[float, float]
    std_error: float
    conf_int: tuple[float, float]
    reason: str

    def __post_init__(self) -> None:
        results.read_only(self)

    @property
    def draws(self) -> int:
        """Number of samples drawn."""
        return len(self.psi)


def bootstrapped(psi: Vector, log_ratio: Vector, estimate: float, *, seed: int, level: float) -> Bootstrap:
    """Standard errors and percentile limits from the samples; none where the data have no ``estimate`` themselves."""
    (psi_se, psi_limits), (se, limits) = (_limits(values, estimate, level) for values in (psi, log_ratio))
    failed = int((~np.isfinite(log_ratio)).sum())
    reason = ""
    if not math.isfinite(limits[0]):
        reason = "the data themselves have no estimate"
        if math.isfinite(estimate):
            reason = (
                f"{len(psi) - failed} bootstrap samples with an estimate are too few for limits at {100 * level:g}%"
            )
    return Bootstrap(
        psi=psi,
        log_hazard_ratio=log_ratio,
        failed=failed,
        seed=seed,
        psi_std_error=psi_se,
        psi_conf_int=psi_limits,
        std_error=se,
        conf_int=(math.exp(limits[0]), math.exp(limits[1])),
        reason=reason,
    )


def _limits(values: Vector, estimate: float, level: float) -> tuple[float, tuple[float, float]]:
    known = values[np.isfinite(values)]
    if len(known) < 2 or not math.isfinite(estimate):
        return math.nan, (math.nan, math.nan)
    se, tail = float(known.std(ddof=1)), 0.5 - level / 2
    if (len(known) + 1) * tail < 1 - 1e-9:
        return se, (math.nan, math.nan)
    low, high = np.quantile(known, [tail, 1 - tail], method="weibull").tolist()
    return se, (low, high)


def checked_draws(draws: Any, seed: Any) -> int:
    """The number of samples: 0 for none, else two or more and with a seed."""
    number = whole_number(draws)
    if number is None or number < 0 or number == 1:
        raise ArgumentError(f"{draws!r} bootstrap samples", where="draws", remedy="Give 0 for none, or 200 or more.")
    if number and seed is None:
        raise ArgumentError("a bootstrap needs a seed", where="seed", remedy="Such as seed=2026.")
    return number


def resampled(tte: TimeToEvent, draws: int, seed: int) -> NDArray[np.int64]:
    """How often each of ``draws`` bootstrap samples holds each subject, (draws, n): as many of each arm and stratum.

    Each arm of each stratum has a stream of its own, so that sample 7 is the same among 10 and among 10,000.

    >>> tte = TimeToEvent([4, 8, 6, 10], [1, 1, 1, 0], ["A", "A", "B", "B"], control="A", experimental="B", unit="days")
    >>> resampled(tte, 3, seed=1).tolist() == resampled(tte, 9, seed=1)[:3].tolist()
    True
    """
    place = np.empty((draws, tte.n), dtype=np.int64)
    filled = 0
    label = tte.stratum * len(tte.arms) + tte.arm
    for cell in np.unique(label):
        members = np.flatnonzero(label == cell)
        stream = generator(seed, trial=int(cell), purpose=Purpose.BOOTSTRAP)
        place[:, filled : filled + len(members)] = members[stream.integers(len(members), size=(draws, len(members)))]
        filled += len(members)
    place += np.arange(draws)[:, None] * tte.n
    return np.bincount(place.ravel(), minlength=draws * tte.n).reshape(draws, tte.n)


def in_threads(
    one: Callable[[NDArray[np.int64]], tuple[NDArray[Any], ...]],
    copies: NDArray[np.int64],
    workers: int | None = None,
    *,
    chunk: int = _CHUNK,
) -> list[NDArray[Any]]:
    """``one`` of chunks of samples, on threads, put together in order: the result does not depend on the threads."""
    chunks = [copies[i : i + chunk] for i in range(0, len(copies), chunk)]
    with ThreadPoolExecutor(max_workers=workers or min(os.cpu_count() or 1, len(chunks))) as own:
        found = list(own.map(one, chunks))
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]
