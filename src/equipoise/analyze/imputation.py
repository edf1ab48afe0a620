"""Event times for subjects who were censored, drawn under a stated assumption of what would have followed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from ..data import TimeToEvent
from ..design.given import real_number, whole_number
from ..errors import DataError, UnsupportedError
from ..kernels import kaplan_meier_steps
from ..randomize import Purpose, generator
from ..survival.convention import ArgumentError, check_level, refuse_competing, resolve_stratified
from ..units import days

_MOST = 1e60  # of what is pooled: the square of a quotient of two is still a float
Vector = NDArray[np.float64]
Delta = float | Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draws:
    """Random numbers of one imputation: how often the bootstrap took each subject, and a uniform number each, (n,)."""

    copies: NDArray[np.int64]
    uniform: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """An estimate over completed data sets: mean, standard error, degrees of freedom of its t and two-sided P.

    ``within`` and ``between`` are the two parts of the variance; without any between it is the normal's (``df`` inf).
    """

    estimate: float
    std_error: float
    df: float
    p_value: float
    within: float
    between: float

    def limits(self, level: float) -> tuple[float, float]:
        """Limits at a confidence level; refuses one outside 0 to 1."""
        level = check_level(level)
        width = float(stdtrit(self.df, 0.5 + level / 2)) * self.std_error
        return self.estimate - width, self.estimate + width


def impute(
    tte: TimeToEvent,
    *,
    seed: int,
    number: int,
    until: str | ArrayLike,
    delta: Delta = 1.0,
    reference: str | None = None,
    censored: ArrayLike | None = None,
    stratified: bool | None = None,
) -> TimeToEvent:
    """The endpoint with the event times of censored subjects filled in once: imputation ``number`` of a ``seed``.

    A subject censored at c has the event at the first t after c with (S(t) / S(c))^delta at most a uniform
    number, S the Kaplan-Meier curve of its arm (and stratum) in a bootstrap sample, so that its uncertainty is drawn
    too. delta 1 is censoring at random; above 1 the hazard after censoring is so many times higher, by arm if a
    mapping. With ``reference`` every subject follows that arm's curve after censoring (jump to reference).
    ``censored`` (n,) marks whose censoring is filled in (default: all). ``until`` is a duration, or times (n,) in days
    (each subject's way to the end of the study), beyond which nobody would have been followed: later events are
    censored there. It has no default: the end of a curve rests on few. Where the curve ends above the uniform number
    the subject is censored at its end; where it has come to zero by c it says nothing of what follows, and the
    subject stays as it is.

    The same number, from 1, gives the same random numbers whatever the delta. Raises ``DataError`` for marks and times
    that do not fit, ``ArgumentError`` for a number or a delta that is none, ``UnsupportedError`` for late entry,
    weights and competing causes. Source: Lipkovich, Ratitch and O'Kelly 2016; Taylor, Murray and Hsu 2002 (bootstrap).

    >>> tte = TimeToEvent([5, 8, 8, 12, 3, 9], [1, 0, 1, 1, 0, 1], unit="days")
    >>> impute(tte, seed=1, number=1, until="12 days").time.tolist()
    [5.0, 9.0, 8.0, 12.0, 12.0, 9.0]
    """
    require_plain(tte)
    if (whole_number(number) or 0) < 1:
        raise ArgumentError(f"there is no imputation number {number!r}", where="number", remedy="Count from 1.")
    draws = random_numbers(tte, seed, number)
    return completed(
        tte,
        draws,
        delta=deltas_by_arm(tte, delta),
        reference=reference,
        censored=marks(tte, censored),
        until=ends(tte, until),
        stratified=resolve_stratified(stratified, tte.strata),
    )


def random_numbers(tte: TimeToEvent, seed: int, number: int) -> Draws:
    """The random numbers of one imputation: a bootstrap within arms and strata, then a uniform number a subject."""
    stream = generator(seed, trial=number, purpose=Purpose.IMPUTATION)
    copies = np.zeros(tte.n, dtype=np.int64)
    for cell in _cells(tte, stratified=True):
        copies[cell] = stream.multinomial(len(cell), np.full(len(cell), 1 / len(cell)))
    return Draws(copies=copies, uniform=1.0 - stream.random(tte.n))


def completed(
    tte: TimeToEvent,
    draws: Draws,
    *,
    delta: Vector,
    reference: str | None,
    censored: NDArray[np.bool_],
    until: Vector,
    stratified: bool,
) -> TimeToEvent:
    """The endpoint with censored times filled in from given random numbers; delta (arms,), until (n,)."""
    time, event = tte.time.copy(), tte.event.copy()
    followed = None if reference is None else _arm_code(tte, reference, "reference")
    for cell in _cells(tte, stratified):
        arm, stratum = int(tte.arm[cell[0]]), int(tte.stratum[cell[0]])
        source = cell if followed is None else _curve_of(tte, followed, stratum if stratified else None)
        fill = cell[censored[cell] & (until[cell] > time[cell])]
        if not len(fill):
            continue
        at, survival = bootstrap_curve(tte.time[source], tte.event[source] > 0, draws.copies[source])
        drawn = times_after(at, survival, time[fill], draws.uniform[fill], float(delta[arm]))
        known = ~np.isnan(drawn)
        fill, drawn = fill[known], drawn[known]
        # Where the curve ends above the number, nothing is known beyond its end: censored there.
        last = np.where(np.isinf(drawn), np.maximum(at[-1], time[fill]), drawn)
        event[fill] = (drawn <= until[fill]).astype(np.int64)
        time[fill] = np.minimum(last, until[fill])
    return tte._with(time=time, event=event)


def bootstrap_curve(time: Vector, event: NDArray[np.bool_], copies: NDArray[np.int64]) -> tuple[Vector, Vector]:
    """Kaplan-Meier steps (time, survival) of the subjects taken so many times; empty where nobody was taken."""
    taken = np.flatnonzero(copies)
    order = taken[np.argsort(time[taken], kind="stable")]
    k, steps = kaplan_meier_steps(time[order], event[order], copies[order].astype(np.float64), np.empty((0, 2)))
    return steps[0, :k], steps[4, :k]


def times_after(at: Vector, survival: Vector, since: Vector, uniform: Vector, delta: float) -> Vector:
    """First steps of the curve after ``since`` at which (S(t) / S(since))^delta is at most the uniform number.

    ``inf`` where the curve does not come down so far, ``nan`` where it is at zero by then and says nothing.
    """
    before = np.searchsorted(at, since, side="right")
    height = np.concatenate([[1.0], survival])[before]
    wanted = height * uniform ** (1.0 / delta)
    step = np.maximum(np.searchsorted(-survival, -wanted, side="left"), before)
    found = np.concatenate([at, [math.inf]])[step]
    return np.where(height > 0, found, math.nan)


def pool(estimates: ArrayLike, variances: ArrayLike) -> Pooled:
    """Rubin's (1987) rules: estimates (m,) and their variances (m,) from m completed data sets into one.

    The variance is the mean variance plus (1 + 1/m) times that between; degrees of freedom
    (m - 1) (1 + within / ((1 + 1/m) between))^2, for a complete-data analysis that is itself normal.

    Raises ``DataError`` for fewer than two data sets, what is no list of numbers, estimates that are not finite, and
    numbers beyond 1e60.

    >>> found = pool([0.1, 0.3], [0.04, 0.04])
    >>> round(found.estimate, 6), round(found.std_error**2, 6), round(found.df, 6)
    (0.2, 0.07, 5.444444)
    """
    found, spread = _numbers(estimates, "estimates"), _numbers(variances, "variances")
    m = len(found)
    if m < 2 or found.shape != spread.shape:
        raise DataError("Rubin's rules need two data sets or more, each with estimate and variance", column="estimates")
    bad = ~(np.isfinite(found) & np.isfinite(spread) & (spread > 0))
    if bad.any():
        raise DataError(
            f"{int(bad.sum())} of {m} completed data sets have no estimate",
            column="estimates",
            remedy="Look at the first of them: an arm without events, perhaps.",
        )
    if np.abs(found).max() > _MOST or spread.max() > _MOST or spread.min() < 1 / _MOST:
        raise DataError(
            "estimates or variances are too far from 1 to be squared and added",
            column="estimates",
            remedy="Give them in a larger or smaller unit.",
        )
    within, between = float(spread.mean()), float(found.var(ddof=1))
    extra = (1 + 1 / m) * between
    std_error = math.sqrt(within + extra)
    df = (m - 1) * (1 + within / extra) ** 2 if extra > 0 else math.inf
    estimate = float(found.mean())
    return Pooled(
        estimate=estimate,
        std_error=std_error,
        df=df,
        p_value=float(2 * stdtr(df, -abs(estimate / std_error))),
        within=within,
        between=between,
    )


def _numbers(given: ArrayLike, name: str) -> Vector:
    """A list of numbers, (m,)."""
    try:
        found = np.asarray(given)
    except ValueError:  # lists of different lengths
        found = np.empty(0, dtype=object)
    if found.dtype.kind not in "iuf" or found.ndim != 1:
        raise DataError(
            "Rubin's rules take one number a completed data set", column=name, remedy="Give a list of numbers."
        )
    return found.astype(np.float64)


def deltas_by_arm(tte: TimeToEvent, delta: Delta) -> Vector:
    """The factor on the hazard after censoring by arm, (arms,)."""
    by_arm = delta if isinstance(delta, Mapping) else dict.fromkeys(tte.arms, delta)
    found = np.ones(len(tte.arms))
    for arm, value in by_arm.items():
        if not 0 < real_number(value) < math.inf:
            raise ArgumentError(
                f"delta = {value!r} is no factor on a hazard", where=f"arm {arm}", remedy="Give a number above zero."
            )
        found[_arm_code(tte, arm, "delta")] = real_number(value)
    return found


def marks(tte: TimeToEvent, censored: ArrayLike | None) -> NDArray[np.bool_]:
    """Whose censored time is filled in, (n,)."""
    if censored is None:
        return tte.event == 0
    marked = np.asarray(censored)
    if marked.dtype != np.bool_ or marked.shape != (tte.n,):
        raise DataError(
            f"censored takes a boolean array of shape ({tte.n},), not {marked.dtype} {marked.shape}",
            column="censored",
            remedy="Mark each subject True or False.",
        )
    wrong = marked & (tte.event > 0)
    if wrong.any():
        raise DataError(
            "subjects with an event are marked as censored",
            column="censored",
            subjects=tte.subject[wrong].tolist(),
            remedy="Mark censored subjects only.",
        )
    return marked


def ends(tte: TimeToEvent, until: str | ArrayLike) -> Vector:
    """The day beyond which nobody would have been followed, (n,)."""
    if isinstance(until, str):
        return np.full(tte.n, days(until))
    try:
        found = np.asarray(until)
    except ValueError:  # lists of different lengths
        found = np.empty(0)
    if found.dtype.kind not in "iuf" or found.shape != (tte.n,) or np.isnan(found).any():
        raise DataError(
            f"until takes a duration or {tte.n} times in days", column="until", remedy='Such as "36 months".'
        )
    none = (found < 0) | ((found == 0) & (tte.time > 0))
    if none.any():
        raise DataError(
            "until is no time after the start",
            column="until",
            subjects=tte.subject[none].tolist(),
            remedy="Give the day from each subject's start beyond which nobody would have been followed.",
        )
    return found.astype(np.float64)


def _cells(tte: TimeToEvent, stratified: bool) -> list[NDArray[np.int64]]:
    """Rows of each arm, within each stratum if stratified."""
    label = tte.arm * (int(tte.stratum.max()) + 1) + tte.stratum if stratified else tte.arm
    return [np.flatnonzero(label == code) for code in np.unique(label)]


def _curve_of(tte: TimeToEvent, arm: int, stratum: int | None) -> NDArray[np.int64]:
    rows = np.flatnonzero((tte.arm == arm) & ((tte.stratum == stratum) if stratum is not None else True))
    if not len(rows):
        raise DataError(
            f"stratum {tte.strata[stratum or 0]} has nobody in the reference arm {tte.arms[arm]}",
            column="strata",
            remedy="Use stratified=False, or fewer strata.",
        )
    return rows


def _arm_code(tte: TimeToEvent, arm: str, what: str) -> int:
    if arm not in tte.arms:
        raise DataError(f"there is no arm {arm!r} ({what})", column="arm", remedy=f"Arms: {', '.join(tte.arms)}.")
    return tte.arms.index(arm)


def require_plain(tte: TimeToEvent) -> None:
    """Refuse what has no imputation here."""
    refuse_competing(int(tte.event.max()))
    if tte.entry is not None or tte.weight is not None:
        raise UnsupportedError(
            "censored times are not filled in under late entry or weights",
            remedy="Use subjects who are followed from the start, each once.",
        )
