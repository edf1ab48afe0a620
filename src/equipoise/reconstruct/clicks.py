"""Clicks on a printed Kaplan-Meier curve: what cannot be one is refused, and the curve is found under their noise."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

from ..errors import DataError

Array = NDArray[np.float64]

# What a hand can miss by: of a hundred clicks of noise 0.005 on a level the highest and lowest are 0.025 apart on
# average, and more than 0.04 in one of 10,000 curves.
NOISE = 0.04
SLIP = 0.01  # of the time axis: clicks of one vertical line that go back by a pixel or two
_PERCENT = 1.5  # a greater survival is a percentage
_NOISES = (0.0002, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008, 0.01, 0.012, 0.015)
_AS_LIKELY = 1.92  # of the log-likelihood: half the 95th percentile of chi-square with one degree of freedom
_PARTS = 8  # of the time axis at first, each falling evenly
_ROUNDS = 3
_USUAL = 0.005  # noise of a hand, to begin with
_ODD = 3.0  # standard deviations from an even fall
_LINE = 0.005  # of the time axis: clicks as near as this are of one vertical line


def checked(time: ArrayLike, survival: ArrayLike) -> tuple[Array, Array]:
    """The clicks as times and survival, beginning with (0, 1), in order of time; both (k,).

    Raises ``DataError`` for what is no survival curve: fewer than two clicks, missing or infinite numbers, percentages,
    exchanged axes, times that go back, survival above 1 or below 0, a curve that rises by more than ``NOISE`` or
    does not begin at time zero with survival 1.
    """
    try:
        x, y = (np.array(a, dtype=np.float64) for a in (time, survival))
    except (TypeError, ValueError):
        raise DataError("a click is no pair of numbers", column="time, survival", remedy="Give numbers.") from None
    if x.ndim != 1 or x.shape != y.shape:
        raise DataError(f"times have shape {x.shape}, survival {y.shape}", remedy="Give one survival for each time.")
    if len(x) < 2:
        raise DataError(
            f"a curve needs two clicks at least, there {'is' if len(x) == 1 else 'are'} {len(x)}",
            column="survival",
            remedy="Click its beginning, every visible step and its end.",
        )
    for name, values in (("time", x), ("survival", y)):
        if not np.isfinite(values).all():
            _refuse("a number is missing or infinite", name, x, y, ~np.isfinite(values), "Remove or repeat the clicks.")
    refuse_other_scales(x, y)
    top = float(x.max())
    if top <= 0:
        raise DataError("no click lies after time zero", column="time", remedy="Calibrate the time axis again.")
    back = np.r_[False, x[1:] < np.maximum.accumulate(x)[:-1] - SLIP * top]
    if back.any():
        _refuse("the times go back", "time", x, y, back, "Sort the clicks by time, and keep the curves apart.")
    x = np.maximum.accumulate(x)
    beyond = (y > 1 + NOISE) | (y < -NOISE)
    if beyond.any():
        _refuse("survival lies outside 0 to 1", "survival", x, y, beyond, "Calibrate the axis of survival again.")
    rises = y > np.minimum.accumulate(y) + NOISE
    if rises.any():
        what = f"the curve rises by more than {NOISE:g}, which is no slip of the hand"
        _refuse(what, "survival", x, y, rises, "No survival curve rises: take the clicks of another curve out.")
    if abs(x[0]) > 2 * SLIP * top or y[0] < 1 - NOISE:
        raise DataError(
            f"the curve begins at time {x[0]:g} with survival {y[0]:g}, not at time zero with survival 1",
            column="time",
            remedy="Click the beginning (0, 1) too.",
        )
    x, y = np.maximum(x, 0.0), np.clip(y, 0.0, 1.0)
    return np.r_[0.0, x[1:]], np.r_[1.0, y[1:]]


def refuse_other_scales(x: Array, y: Array) -> None:
    """Exchanged axes and percentages, each with its remedy."""
    order = np.argsort(y, kind="stable")
    for top in (1.0, 100.0):
        begins = abs(x[order[0]] - top) <= NOISE * top and y[order[0]] <= 2 * SLIP * y.max()
        falls = x.max() <= (1 + NOISE) * top and x.min() >= -NOISE * top and np.all(np.diff(x[order]) <= NOISE * top)
        if begins and falls and abs(y[np.argmin(x)] - top) > NOISE * top:
            raise DataError(
                "the axes are exchanged: the first column falls from 1 and the second grows from 0",
                column="time",
                remedy="Give time first and survival second.",
            )
    if y.max() > _PERCENT:
        raise DataError(
            f"survival is as great as {y.max():g}: these seem to be percentages",
            column="survival",
            remedy="Say percent = true, or divide them by 100.",
        )


def _refuse(what: str, column: str, x: Array, y: Array, wrong: NDArray[np.bool_], remedy: str) -> None:
    """Name the first of the clicks that are wrong."""
    first = int(np.argmax(wrong))
    count = int(wrong.sum())
    more = f", and at {count - 1} more" if count > 1 else ""
    raise DataError(
        f"{what} at click {first + 1} of {len(x)} (time {x[first]:g}, survival {y[first]:g}){more}",
        column=column,
        remedy=remedy,
    )


def isotonic(values: ArrayLike) -> Array:
    """The curve that never rises and is nearest to the values in squares (pool adjacent violators: Ayer et al. 1955).

    >>> isotonic([1.0, 0.7, 0.8, 0.5]).tolist()
    [1.0, 0.75, 0.75, 0.5]
    """
    means: list[float] = []
    sizes: list[int] = []
    for value in np.asarray(values, dtype=np.float64).tolist():
        mean, size = value, 1
        while means and means[-1] < mean:
            before, many = means.pop(), sizes.pop()
            mean, size = (mean * size + before * many) / (size + many), size + many
        means.append(mean)
        sizes.append(size)
    return np.repeat(np.asarray(means, dtype=np.float64), sizes)


def curve_under(x: Array, y: Array, at_risk: Array) -> tuple[Array, float]:
    """The survival curve that clicks ``(x, y)`` of unknown noise were made on, at their times, and that noise (a
    standard deviation).

    Between clicks a Kaplan-Meier curve of n subjects falls by about what its neighborhood says, give or take
    Greenwood's variance; a click adds normal noise. Given the noise the mean of the curve is a linear system; the
    noise is the least that is about as likely as the likeliest, so that exact clicks are left as they are. ``at_risk``
    (k,) are about the numbers at risk at the clicks. The first click is (0, 1) and exact.
    """
    s = np.clip(isotonic(y), 0.0, 1.0)
    noise = _USUAL
    for _ in range(_ROUNDS):
        drop, variance = _falls(x, y, s, at_risk, noise)
        rest = np.diff(y) + drop
        fits = [_given(noise, rest, variance) for noise in _NOISES]
        likeliest = max(value for value, _ in fits)
        chosen = next(k for k, (value, _) in enumerate(fits) if value >= likeliest - _AS_LIKELY)
        noise, weighed = _NOISES[chosen], fits[chosen][1]
        # What the differences say of the noise of click k: it entered the one before with +, the one after with -.
        error = noise**2 * (weighed - np.r_[weighed[1:], 0.0])
        s = np.r_[1.0, np.clip(isotonic(np.minimum(y[1:] - error, 1.0)), 0.0, 1.0)]
    return s, noise


def _falls(x: Array, y: Array, s: Array, at_risk: Array, noise: float) -> tuple[Array, Array]:
    """By how much the curve falls from click to click, and the variance of it: parts of the axis fall evenly, and
    clicks of one vertical line have a death between them.

    A part that departs from an even fall by more than chance and noise let it is divided where it departs most, so that
    the steps of a curve of visits stay steps.
    """
    middle, many = (s[1:] + s[:-1]) / 2, np.maximum((at_risk[1:] + at_risk[:-1]) / 2, 1.0)
    ends = np.unique(np.r_[np.searchsorted(x, np.linspace(0.0, x[-1], _PARTS + 1)), len(x) - 1]).tolist()
    parts = list(pairwise(ends))
    drop = np.zeros(len(x) - 1)
    while parts:
        first, last = parts.pop()
        wide = x[last] - x[first]
        share = (x[first : last + 1] - x[first]) / wide if wide > 0 else np.linspace(0.0, 1.0, last - first + 1)
        down = s[first] - s[last]
        chance = float(np.mean(middle[first:last] / many[first:last])) * down * share * (1 - share)
        apart = np.abs(y[first : last + 1] - (s[first] - down * share)) / np.sqrt(chance + noise**2)
        odd = int(np.argmax(apart[1:-1])) + 1 if last - first > 1 else 0
        if odd and apart[odd] > _ODD:
            parts += [(first, first + odd), (first + odd, last)]
        else:
            drop[first:last] = down * np.diff(share)
    line = np.where(np.diff(x) <= _LINE * x[-1], (middle / many) ** 2, 0.0)
    return drop, np.maximum(np.maximum(middle * drop / many, line), 1e-9)


def _given(noise: float, rest: Array, variance: Array) -> tuple[float, Any]:
    """Log-likelihood of the differences of clicks under a noise (their covariance is tridiagonal), and the differences
    weighed by the inverse of it."""
    band = np.zeros((2, len(rest)))
    band[1] = variance + 2 * noise**2
    band[1, 0] -= noise**2  # the first click is exact
    band[0, 1:] = -(noise**2)
    root = cholesky_banded(band)
    weighed = cho_solve_banded((root, False), rest)
    return float(-np.log(root[1]).sum() - rest @ weighed / 2), weighed
