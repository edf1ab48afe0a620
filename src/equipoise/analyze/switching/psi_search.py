"""The psi at which the arms do not differ in their times without treatment: all roots of Z, and limits by inversion."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from ... import results
from ...errors import EquipoiseError
from ...kernels import SAME_Z, structural_crossing, structural_tests
from ...survival import accelerated, cox
from ...survival.convention import ArgumentError
from .counterfactual import Recensor, cuts, untreated
from .record import Switches, Vector

Search = Literal["root", "grid"]
Test = Literal["log-rank", "cox", "weibull"]
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settings:
    """How psi is looked for: the test of the times without treatment, and where its roots are looked for."""

    test: Test
    covariates: dict[str, Any] | None
    stratified: bool
    recensor: Recensor
    grid: Vector
    search: Search


class Statistic(Protocol):
    """Z of the times without treatment, above 0 where the experimental arm does better without it too."""

    def at(self, psi: Vector) -> Vector:
        """Z at each of an ascending grid; nan where there is no variance."""

    def crossing(self, low: float, high: float, target: float) -> float:
        """Where Z passes a target between two psi on whose sides it lies; nan if it cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Psi:
    """The estimate of psi with its audit trail: Z at every psi of the grid (G,), all roots that the grid brackets.

    ``psi`` is the root nearest to 0, ``conf_int`` the outermost psi at which |Z| passes the normal quantile. What is
    not bracketed by the grid is ``nan`` with its reason in ``reason`` or ``limit_reasons``.
    """

    psi: float
    conf_int: tuple[float, float]
    roots: tuple[float, ...]
    crossings: tuple[float, ...]
    grid: Vector
    z: Vector
    level: float
    reason: str
    limit_reasons: tuple[str, str]

    def __post_init__(self) -> None:
        results.read_only(self)


def checked_grid(grid: ArrayLike | None) -> Vector:
    """An ascending grid of psi, -2 to 2 in 101 points unless given."""
    if grid is None:
        return np.linspace(-2.0, 2.0, 101)
    try:
        found = np.asarray(grid, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or len(found) < 2 or not (np.diff(found) > 0).all() or not (np.abs(found) <= 50).all():
        raise ArgumentError(
            "the grid of psi is no ascending list of two numbers or more", where="grid", remedy="Such as numpy.linspace"
            "(-2, 2, 101): psi is minus the logarithm of a time ratio."
        )  # fmt: skip
    return found.copy()


def search_psi(statistic: Statistic, grid: Vector, level: float, search: Search) -> Psi:
    """All roots of Z on the grid and the limits of psi.

    ``search`` "root" halves each bracket until Z, a step function, is seen to jump (to 1e-6); "grid" interpolates
    linearly between the grid's points.
    """
    z = statistic.at(grid)

    def crossings(target: float) -> list[float]:
        apart = np.abs(z - target) > SAME_Z  # not where Z is nan either
        found = grid[np.isfinite(z) & ~apart].tolist()
        above, known = z > target, apart
        for j in np.flatnonzero(known[:-1] & known[1:] & (above[:-1] != above[1:])):
            low, high = float(grid[j]), float(grid[j + 1])
            share = float((target - z[j]) / (z[j + 1] - z[j]))
            found.append(low + share * (high - low) if search == "grid" else statistic.crossing(low, high, target))
        return sorted(x for x in found if math.isfinite(x))

    roots = crossings(0.0)
    quantile = float(ndtri(0.5 + level / 2))
    limits, reasons, passed = _limits(grid, z, quantile, crossings)
    reason = ""
    if not np.isfinite(z).any():
        reason = "Z has no variance at any psi of the grid: there are too few events"
    elif not roots:
        reason = f"Z does not pass 0 between psi = {grid[0]:g} and {grid[-1]:g}"
    return Psi(
        psi=min(roots, key=abs) if roots else math.nan,
        conf_int=limits,
        roots=tuple(roots),
        crossings=tuple(passed),
        grid=grid,
        z=z,
        level=level,
        reason=reason,
        limit_reasons=reasons,
    )


def _limits(
    grid: Vector, z: Vector, quantile: float, crossings: Any
) -> tuple[tuple[float, float], tuple[str, str], list[float]]:
    """The outermost psi at which |Z| passes the quantile from the ends of the grid, where it is larger there."""
    known = np.flatnonzero(np.isfinite(z))
    if not len(known):
        why = "Z has no variance at any psi of the grid"
        return (math.nan, math.nan), (why, why), []
    ends = (int(known[0]), int(known[-1]))
    found, reasons, passed = [], [], []
    for end, outer in zip(ends, (min, max), strict=True):
        limit, why = math.nan, ""
        if abs(z[end]) <= quantile:
            why = (
                f"|Z| is at most {results.fixed(quantile, 2)} at psi = {grid[end]:g}, where the grid or the events end"
            )
        else:
            at = crossings(math.copysign(quantile, z[end]))
            passed += at
            if at:
                limit = outer(at)
            else:
                why = f"|Z| exceeds {results.fixed(quantile, 2)} at every psi of the grid"
        found.append(limit)
        reasons.append(why)
    return (found[0], found[1]), (reasons[0], reasons[1]), sorted(set(passed))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """Subjects as the kernels of structural models take them: columns, and how strata lie in the order."""

    time: Vector
    on: Vector
    end: Vector
    event: NDArray[np.bool_]
    arm: NDArray[np.int64]
    stratum: NDArray[np.int64]
    starts: NDArray[np.int64]

    def order(self, psi: float) -> NDArray[np.int64]:
        """Subjects by stratum and by their time without treatment, as good as the kernels need it."""
        return np.lexsort((self.time + math.expm1(psi) * self.on, self.stratum)).astype(np.int64)

    @property
    def columns(self) -> tuple[Vector, Vector, Vector, NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
        """time, on, end, event, arm, starts."""
        return self.time, self.on, self.end, self.event, self.arm, self.starts


def layout(switches: Switches, recensor: Recensor, stratified: bool) -> Layout:
    """The subjects of a record of switching for the kernels."""
    tte = switches.tte
    stratum = tte.stratum if stratified else np.zeros(tte.n, dtype=np.int64)
    return Layout(
        time=tte.time.copy(), on=switches.on_experimental, end=cuts(switches, recensor), event=tte.event > 0,
        arm=tte.arm.copy(), stratum=stratum,
        starts=np.concatenate([[0], np.cumsum(np.bincount(stratum))]).astype(np.int64),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogRankOfPsi:
    """The log-rank statistic of the times without treatment."""

    subjects: Layout
    sign: float

    def at(self, psi: Vector) -> Vector:
        (score, variance), _, _ = structural_tests(psi, *self.subjects.columns, self.subjects.order(float(psi[0])))
        z = np.full(len(psi), math.nan)
        some = variance > 0
        z[some] = self.sign * score[some] / np.sqrt(variance[some])
        return z

    def crossing(self, low: float, high: float, target: float) -> float:
        order = self.subjects.order(low)
        return float(structural_crossing(low, high, self.sign * target, *self.subjects.columns, order))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WaldOfPsi:
    """Wald's statistic of the arm in a model of the times without treatment: of Cox (Efron's ties), or Weibull's."""

    test: Test
    switches: Switches
    recensor: Recensor
    covariates: dict[str, Any] | None
    stratified: bool

    def at(self, psi: Vector) -> Vector:
        return np.array([self._z(float(p)) for p in psi])

    def _z(self, psi: float) -> float:
        times = untreated(self.switches, psi, recensor=self.recensor)
        sign = -1.0 if times.event_is == "harm" else 1.0
        try:
            if self.test == "weibull":  # its arm multiplies time, after the intercept
                lived = accelerated(times, self.covariates, distribution="weibull", stratified=self.stratified)
                return math.nan if lived.reasons[1] else -sign * float(lived.z[1])
            fit = cox(times, self.covariates, stratified=self.stratified)
        except EquipoiseError:  # no maximum is found: no statistic at this psi
            return math.nan
        return sign * float(fit.z[0]) if not fit.reasons[0] else math.nan

    def crossing(self, low: float, high: float, target: float) -> float:
        return halved(self._z, low, high, target)


def halved(z_at: Callable[[float], float], low: float, high: float, target: float) -> float:
    """Where Z passes a target between two psi, by halving; nan if it cannot be told."""
    below = z_at(low) > target
    while high - low > _TOLERANCE:
        middle = 0.5 * (low + high)
        z = z_at(middle)
        if math.isnan(z):
            return math.nan
        if abs(z - target) <= SAME_Z:
            return middle
        low, high = (middle, high) if (z > target) == below else (low, middle)
    return 0.5 * (low + high)


def statistic_of(switches: Switches, settings: Settings) -> Statistic:
    """The statistic that the settings name."""
    if settings.test != "log-rank":
        return WaldOfPsi(
            test=settings.test,
            switches=switches,
            recensor=settings.recensor,
            covariates=settings.covariates,
            stratified=settings.stratified,
        )
    sign = 1.0 if switches.tte.event_is == "harm" else -1.0
    return LogRankOfPsi(subjects=layout(switches, settings.recensor, settings.stratified), sign=sign)


def by_distance(grid: Vector) -> NDArray[np.int64]:
    """The cells of a grid, by the distance from 0 of their nearest point."""
    nearest = np.where(grid[:-1] * grid[1:] <= 0, 0.0, np.minimum(np.abs(grid[:-1]), np.abs(grid[1:])))
    return np.argsort(nearest, kind="stable").astype(np.int64)


def nearest_root(statistic: Statistic, grid: Vector, search: Search) -> float:
    """The root of ``search_psi``, looking no farther from 0 than it is; nan if there is none."""
    known: dict[int, float] = {}
    best = math.nan
    for j in by_distance(grid):
        low, high = float(grid[j]), float(grid[j + 1])
        if low * high > 0 and min(abs(low), abs(high)) >= abs(best):
            break
        for g in (int(j), int(j) + 1):
            if g not in known:
                known[g] = float(statistic.at(grid[g : g + 1])[0])
        z, following = known[int(j)], known[int(j) + 1]
        found = [x for x, value in ((low, z), (high, following)) if abs(value) <= SAME_Z]
        if not found and z * following < 0:
            share = -z / (following - z)
            found.append(low + share * (high - low) if search == "grid" else statistic.crossing(low, high, 0.0))
        best = min([x for x in (*found, best) if not math.isnan(x)], key=abs, default=math.nan)
    return best
