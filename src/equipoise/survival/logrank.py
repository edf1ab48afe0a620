"""The log-rank test and its weighted family, for any number of groups, with strata."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from .. import results
from ..data import TimeToEvent
from ..errors import UnsupportedError
from ..kernels import logrank_sums
from ..results import Entry, Origin, Row
from .convention import ArgumentError, refuse_competing, resolve_stratified
from .risk_sets import risk_sets
from .weights import FlemingHarrington, Weights, check_weights, kernel_weights

if TYPE_CHECKING:
    import polars as pl

_UNWEIGHTED = FlemingHarrington()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogRank:
    """A (weighted) log-rank test of equal hazards in k groups.

    ``weights`` is the record of the weight, Fleming-Harrington (0, 0) where all event times count the same;
    ``rho`` and ``gamma`` are its powers, or None under another weight. ``observed``, ``expected`` (k,) and
    ``variance`` (k, k) are the (weighted) sums over strata; ``statistic`` is chi-square on ``df`` degrees of
    freedom, two-sided ``p_value``. With two arms ``z`` is signed, above zero where the experimental arm does
    better, and ``p_one_sided`` tests benefit; otherwise both are None. Where no event time tells the groups
    apart, or a weight has no bound, statistic and P are ``nan`` with a ``reason``.
    ``uninformative_strata`` names strata that contribute nothing.
    """

    groups: tuple[str, ...]
    subjects: NDArray[np.float64]
    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    variance: NDArray[np.float64]
    statistic: float
    df: int
    p_value: float
    z: float | None
    p_one_sided: float | None
    weights: Weights
    stratified: bool
    strata: tuple[str, ...]
    uninformative_strata: tuple[str, ...]
    method: str
    reason: str
    origin: Origin

    def __post_init__(self) -> None:
        results.read_only(self)

    @property
    def rho(self) -> float | None:
        """The power of S(t-)."""
        return self.weights.rho if isinstance(self.weights, FlemingHarrington) else None

    @property
    def gamma(self) -> float | None:
        """The power of 1 - S(t-)."""
        return self.weights.gamma if isinstance(self.weights, FlemingHarrington) else None

    def __str__(self) -> str:
        if self.reason:
            return f"{self.method}: {results.NOT_ESTIMABLE}, {self.reason}"
        sided = "" if self.z is None else f", z = {results.fixed(self.z, 3)} for {self.groups[1]}"
        chi = f"chi-square {results.significant(self.statistic)} on {self.df} degree{'s' * (self.df > 1)} of freedom"
        return f"{self.method}: {chi}, two-sided {results.p_equals(self.p_value)}{sided}"

    def rows(self) -> list[Row]:
        """Observed and expected events by group, chi-square, z and P as rows of the long table."""
        weighted = "" if self.weights == _UNWEIGHTED else "weighted "
        told = []
        for i, group in enumerate(self.groups):
            for name, sums in (("observed events", self.observed), ("expected events", self.expected)):
                text = results.fixed(float(sums[i]), 1 if weighted or name[0] == "e" else 0)
                told.append(self._told(f"{weighted}{name}", float(sums[i]), text, group))
        chi = results.significant(self.statistic) if math.isfinite(self.statistic) else ""
        told.append(self._told("log-rank chi-square", self.statistic, chi))
        told.append(self._told("log-rank degrees of freedom", float(self.df), str(self.df)))
        told.append(self._told("log-rank P", self.p_value, results.p_value(self.p_value)))
        if self.z is not None and self.p_one_sided is not None:
            told.append(self._told("log-rank z", self.z, results.fixed(self.z, 3)))
            told.append(self._told("log-rank P one-sided", self.p_one_sided, results.p_value(self.p_one_sided)))
        return results.rows_from(told, method=self.method, origin=self.origin)

    def _told(self, statistic: str, value: float, text: str, group: str = "") -> Entry:
        shown = results.number(value, text, "" if math.isfinite(value) else self.reason)
        return Entry(group=group, statistic=statistic, **shown)  # type: ignore[arg-type]

    def table(self) -> pl.DataFrame:
        """The long table of the test."""
        return results.long_table(self.rows())


def logrank(
    tte: TimeToEvent,
    *,
    rho: float = 0.0,
    gamma: float = 0.0,
    weights: Weights | None = None,
    stratified: bool | None = None,
) -> LogRank:
    """Whether the hazard is the same in all arms: observed against expected events, summed over strata.

    Weights S(t-)^rho (1 - S(t-))^gamma (Fleming and Harrington 1991; rho = gamma = 0: Mantel 1966), S the
    pooled Kaplan-Meier estimate within the stratum, or those of the record ``weights``: ``FlemingHarrington``,
    ``ModestlyWeighted``, ``Gehan``, ``TaroneWare``. Hypergeometric variance; df = rank of the variance.
    Late entry is allowed. Case weights must be whole numbers and count as copies.

    Raises ``ArgumentError`` for one group and for ``weights`` beside powers, ``UnsupportedError`` for
    probability weights and competing causes.

    >>> tte = TimeToEvent([5, 8, 8, 12], [1, 0, 1, 1], ["A", "B", "A", "B"], control="A",
    ...                   experimental="B", unit="days")
    >>> round(logrank(tte).statistic, 6)
    2.882353
    >>> from equipoise.survival import Gehan
    >>> print(logrank(tte, weights=Gehan()))
    Gehan log-rank test, unstratified: chi-square 2.667 on 1 degree of freedom, two-sided P = 0.1025, z = 1.633 for B
    """
    if weights is None:
        weights = FlemingHarrington(rho, gamma)
    elif rho or gamma:
        raise ArgumentError(
            f"weights are given ({weights}), and rho = {rho:g} and gamma = {gamma:g} beside them",
            where="logrank",
            remedy="Give one of the two.",
        )
    by_stratum = resolve_stratified(stratified, tte.strata)
    observed, expected, variance = (x[:, 0] for x in weighted_sums(tte, (check_weights(weights),), by_stratum))
    variance = variance[:, 0]
    silent: tuple[str, ...] = ()
    if by_stratum:
        trace = np.trace(variance, axis1=1, axis2=2)
        silent = tuple(name for name, v in zip(tte.strata, trace, strict=True) if v <= 0)
    total_o, total_e, total_v = observed.sum(axis=0), expected.sum(axis=0), variance.sum(axis=0)
    if not math.isfinite(total_o.sum()):
        total_o, total_e, total_v = (np.full_like(total, math.nan) for total in (total_o, total_e, total_v))
    statistic, df = _chi_square(total_o - total_e, total_v)
    reason = "" if df else without_information(tte, weights, total_o)
    z = p_one_sided = None
    if tte.experimental is not None:
        sign = 1.0 if tte.event_is == "harm" else -1.0
        z = sign * float(total_e[1] - total_o[1]) / math.sqrt(total_v[1, 1]) if df else math.nan
        p_one_sided = float(ndtr(-z))
    return LogRank(
        groups=tte.arms,
        subjects=np.bincount(tte.arm, weights=tte.weight, minlength=len(tte.arms)).astype(float),
        observed=total_o,
        expected=total_e,
        variance=total_v,
        statistic=statistic,
        df=df,
        p_value=float(chdtrc(df, statistic)) if df else math.nan,
        z=z,
        p_one_sided=p_one_sided,
        weights=weights,
        stratified=by_stratum,
        strata=tte.strata if by_stratum else (),
        uninformative_strata=silent,
        method=_method(weights, by_stratum, tte),
        reason=reason,
        origin=tte.origin,
    )


def weighted_sums(
    tte: TimeToEvent, weights: tuple[Weights, ...], by_stratum: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Observed (s, K, g), expected (s, K, g) and variance (s, K, K, g, g) by stratum under K weights.

    Raises what every test of the log-rank family refuses.
    """
    if len(tte.arms) < 2:
        raise ArgumentError("a log-rank test compares groups, and there is only one", remedy="Give arm labels.")
    refuse_competing(int(tte.event.max()))
    _whole_weights(tte)
    sets = risk_sets(tte, by_stratum)
    group = tte.arm[sets.order]
    return logrank_sums(
        sets.time, sets.event, group, sets.weight, sets.starts,
        sets.entry[sets.entering], group[sets.entering], sets.weight[sets.entering],
        len(tte.arms), kernel_weights(weights),
    )  # fmt: skip


def without_information(tte: TimeToEvent, weights: Weights, observed: NDArray[np.float64]) -> str:
    """Why a test has no statistic; ``observed`` is not finite where a modest weight has no bound."""
    if not tte.event.any():
        return "there are no events"
    if not np.isfinite(observed).all():
        return f"the weights have no bound: before an event the pooled curve is at 0 already ({weights})"
    return "at no event time (of weight above zero) were two arms at risk with somebody outliving it"


def _chi_square(difference: NDArray[np.float64], variance: NDArray[np.float64]) -> tuple[float, int]:
    """difference' variance^- difference and the rank of the variance, whose rows sum to zero."""
    if math.isnan(difference[0]):
        return math.nan, 0
    if len(difference) == 2:
        v = float(variance[1, 1])
        return (float(difference[1]) ** 2 / v, 1) if v > 0 else (math.nan, 0)
    values, vectors = np.linalg.eigh(variance)
    keep = values > 1e-10 * max(float(values[-1]), 0.0)
    if values[-1] <= 0:
        return math.nan, 0
    along = vectors[:, keep].T @ difference
    return float((along**2 / values[keep]).sum()), int(keep.sum())


def _whole_weights(tte: TimeToEvent) -> None:
    if tte.weight is None:
        return
    if tte.weight_type == "probability":
        raise UnsupportedError(
            "the log-rank test has no variance under probability weights",
            remedy="Use the robust score test of cox().",
        )
    if (tte.weight != np.round(tte.weight)).any():
        raise UnsupportedError(
            "case weights that are not whole numbers do not count copies of a subject",
            remedy="Use whole numbers, or cox() with probability weights.",
        )


def _method(weights: Weights, stratified: bool, tte: TimeToEvent) -> str:
    test = "log-rank test" if weights == _UNWEIGHTED else f"{weights} log-rank test"
    return f"{test}, {strata_phrase(stratified, tte)}"


def strata_phrase(stratified: bool, tte: TimeToEvent) -> str:
    """What a method text says of strata."""
    by = f" by {' and '.join(tte.strata_names)}" if tte.strata_names else ""
    return f"stratified{by}" if stratified else "unstratified"
