"""Gray's test: whether a cause has the same cumulative incidence in all groups, while other causes compete."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from .. import results
from ..data import TimeToEvent
from ..results import Origin, Row
from .causes import Array, check_cause, copies, counts, tie_share
from .convention import ArgumentError, is_number, resolve_stratified, strata_words
from .risk_sets import risk_sets

if TYPE_CHECKING:
    import polars as pl

_GONE = 1e-10  # a pooled incidence this close to 1 has reached it
_TOO_MANY_TIES = "the variance is not positive: more events of the cause are tied than a group at risk could bear"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gray:
    """Gray's test of equal cumulative incidence of one cause in k groups.

    ``observed``, ``expected`` (k,) events of the cause (weighted if rho is above zero) and ``variance`` (k, k) of their
    difference are sums over strata; ``statistic`` is chi-square on ``df`` degrees of freedom, two-sided ``p_value``.
    With two arms ``z`` is signed, above zero where the experimental arm does better, and ``p_one_sided`` tests benefit;
    otherwise both are None. Where nothing tells the groups apart, statistic and P are ``nan`` with a ``reason``.
    ``uninformative_strata`` names strata that contribute nothing.
    """

    groups: tuple[str, ...]
    cause: int
    subjects: Array
    observed: Array
    expected: Array
    variance: Array
    statistic: float
    df: int
    p_value: float
    z: float | None
    p_one_sided: float | None
    rho: float
    stratified: bool
    strata: tuple[str, ...]
    uninformative_strata: tuple[str, ...]
    method: str
    reason: str
    origin: Origin

    def __post_init__(self) -> None:
        results.read_only(self)

    def __str__(self) -> str:
        if self.reason:
            return f"{self.method}: {results.NOT_ESTIMABLE}, {self.reason}"
        sided = "" if self.z is None else f", z = {results.fixed(self.z, 3)} for {self.groups[1]}"
        chi = f"chi-square {results.significant(self.statistic)} on {self.df} degree{'s' * (self.df > 1)} of freedom"
        return f"{self.method}: {chi}, two-sided {results.p_equals(self.p_value)}{sided}"

    def rows(self) -> list[Row]:
        """Observed and expected events of the cause by group, chi-square, z and P as rows of the long table."""
        weighted = "weighted " if self.rho else ""
        rows = []
        for i, group in enumerate(self.groups):
            for name, sums in (("observed", self.observed), ("expected", self.expected)):
                text = results.fixed(float(sums[i]), 1 if weighted or name[0] == "e" else 0)
                rows.append(self._row(f"{weighted}{name} events of cause {self.cause}", float(sums[i]), text, group))
        rows.append(self._row("Gray chi-square", self.statistic, results.significant(self.statistic)))
        rows.append(self._row("Gray degrees of freedom", float(self.df), str(self.df)))
        rows.append(self._row("Gray P", self.p_value, results.p_value(self.p_value)))
        if self.z is not None and self.p_one_sided is not None:
            rows.append(self._row("Gray z", self.z, results.fixed(self.z, 3)))
            rows.append(self._row("Gray P one-sided", self.p_one_sided, results.p_value(self.p_one_sided)))
        return rows

    def _row(self, statistic: str, value: float, text: str, group: str = "") -> Row:
        shown = results.number(value, text, "" if math.isfinite(value) else self.reason)
        return Row(group=group, statistic=statistic, method=self.method, origin=self.origin, **shown)  # type: ignore[arg-type]

    def table(self) -> pl.DataFrame:
        """The long table of the test."""
        return results.long_table(self.rows())


def gray(tte: TimeToEvent, *, cause: int = 1, rho: float = 0.0, stratified: bool | None = None) -> Gray:
    """Whether the cumulative incidence of a cause is the same in all arms, while other causes compete.

    Gray (1988): events of the cause against those expected if the hazard of its subdistribution were the same in all
    groups, where a group counts as R = Y (1 - F(t-)) / S(t-) at risk, so that subjects whom another cause has struck
    stay in the risk set as far as they would have been followed; weights (1 - F0(t-))^rho with F0 the pooled
    incidence; his variance of the martingales of both kinds of failure, with tied events of a kind counted as in R's
    cmprsk; sums over strata; df = rank of the variance. Without competing events observed and expected are the
    log-rank test's. ``event_is`` says whether the cause asked for is a harm or a benefit. Case weights count copies.

    Raises ``UnsupportedError`` for late entry, probability weights and case weights that are not whole.

    >>> tte = TimeToEvent([5, 8, 9, 12, 6, 7, 11], [1, 0, 2, 1, 2, 1, 0], ["A"] * 4 + ["B"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> test = gray(tte)
    >>> round(test.statistic, 6), round(test.z, 6)
    (0.010071, -0.100356)
    """
    check_cause(cause)
    if not (is_number(rho) and 0 <= rho < math.inf):
        raise ArgumentError(f"rho = {rho!r} must be zero or above", where="gray", remedy="It is a power.")
    if len(tte.arms) < 2:
        raise ArgumentError("Gray's test compares groups, and there is only one", remedy="Give arm labels.")
    weight = copies(tte, "Gray's test")
    by_stratum = resolve_stratified(stratified, tte.strata)
    sets = risk_sets(tte, by_stratum)
    kind = np.where(tte.event == cause, 1, np.where(tte.event > 0, 2, 0))[sets.order]
    group, weight = tte.arm[sets.order], weight[sets.order]
    k = len(tte.arms)
    parts = []
    for start, end in zip(sets.starts[:-1], sets.starts[1:], strict=True):
        rows = slice(start, end)
        _, leaving, present = counts(sets.time[rows], group[rows] * 3 + kind[rows], weight[rows], 3 * k)
        leaving, at_risk = leaving.reshape(-1, k, 3), present.reshape(-1, k, 3).sum(axis=2)
        failing = leaving[:, :, 1:].any(axis=(1, 2))
        parts.append(_stratum(at_risk[failing], leaving[failing, :, 1], leaving[failing, :, 2], float(rho)))
    observed, expected, variance = (sum(sums[1:], sums[0]) for sums in list(zip(*parts, strict=True))[:3])
    reason = next((part[3] for part in parts if part[3]), "")
    statistic, df = (math.nan, 0) if reason else _chi_square(observed - expected, variance)
    if not reason and not df:
        reason = _without_information(tte, cause, variance)
    z = p_one_sided = None
    if tte.experimental is not None:
        sign = 1.0 if tte.event_is == "harm" else -1.0
        z = sign * float(expected[1] - observed[1]) / math.sqrt(variance[1, 1]) if df else math.nan
        p_one_sided = float(ndtr(-z))
    silent: tuple[str, ...] = ()
    if by_stratum:
        silent = tuple(s for s, part in zip(tte.strata, parts, strict=True) if np.trace(part[2]) <= 0 and not part[3])
    return Gray(
        groups=tte.arms,
        cause=int(cause),
        subjects=np.bincount(group, weights=weight, minlength=k).astype(float),
        observed=observed,
        expected=expected,
        variance=variance,
        statistic=statistic,
        df=df,
        p_value=float(chdtrc(df, statistic)) if df else math.nan,
        z=z,
        p_one_sided=p_one_sided,
        rho=float(rho),
        stratified=by_stratum,
        strata=tte.strata if by_stratum else (),
        uninformative_strata=silent,
        method=_method(cause, rho, by_stratum, tte),
        reason=reason,
        origin=tte.origin,
    )


def _stratum(at_risk: Array, event: Array, other: Array, rho: float) -> tuple[Array, Array, Array, str]:
    """Observed, expected (k,), their variance (k, k) and a reason why it has none, from counts (times, k).

    An event in group r at u moves the score of group m at once, by ``direct``, and later through the survival and
    incidence of r that the weights at risk are built from, by what ``later`` sums over the events after u.
    """
    k = at_risk.shape[1]
    if not event.any():
        return np.zeros(k), np.zeros(k), np.zeros((k, k)), ""
    ones = np.ones((1, k))
    here = at_risk > 0
    share = np.divide(event + other, at_risk, out=np.zeros_like(at_risk), where=here)
    after = np.cumprod(1 - share, axis=0)
    before = np.concatenate([ones, after[:-1]])
    jump = np.divide(before * event, at_risk, out=np.zeros_like(at_risk), where=here)
    left = 1 - np.concatenate([0 * ones, np.cumsum(jump, axis=0)[:-1]])
    base = np.divide(at_risk, before, out=np.zeros_like(at_risk), where=here)  # Y / S: as if nobody had failed
    total, events = base.sum(axis=1), event.sum(axis=1)
    pooled = events / total
    pooled_after = 1 - np.cumsum(pooled)
    pooled_before = np.concatenate([[1.0], pooled_after[:-1]])
    weight = np.maximum(pooled_before, 0.0) ** rho
    subdistribution = base * left
    expected = (weight * events / subdistribution.sum(axis=1)) @ subdistribution
    compared = (here.sum(axis=1) > 1) & (events > 0)
    reached = compared & (pooled_before <= _GONE)
    if reached.any():
        reason = "the pooled incidence of the cause reaches 1 while groups are still compared"
        return weight @ event, expected, np.full((k, k), np.nan), reason
    kept = np.eye(k) - (base / total[:, None])[:, None, :]
    direct = (weight[:, None] * base)[:, :, None] * kept  # (times, of the score, of the event)
    slope = np.divide(pooled, pooled_before, out=np.zeros_like(pooled), where=compared)
    ahead = direct * slope[:, None, None]
    later = np.concatenate([np.cumsum(ahead[:0:-1], axis=0)[::-1], np.zeros((1, k, k))])
    ratio = np.divide(pooled_after[:, None], after, out=np.zeros_like(after), where=after > 0)[:, None, :]
    own, others = direct + (1 - ratio) * later, -ratio * later
    per = np.divide(1.0, base, out=np.zeros_like(base), where=here)
    spread = per * pooled[:, None] * tie_share(events[:, None], total[:, None] * before)
    spread_others = per**2 * other * tie_share(other, at_risk)
    variance = sum(np.einsum("tar,tbr,tr->ab", a, a, v) for a, v in ((own, spread), (others, spread_others)))
    return weight @ event, expected, np.asarray(variance), ""


def _chi_square(difference: Array, variance: Array) -> tuple[float, int]:
    """difference' variance^- difference and the rank of the variance, whose rows sum to zero; 0 if not positive."""
    values, vectors = np.linalg.eigh(variance)
    largest = float(values[-1])
    if largest <= 0 or values[0] < -1e-8 * largest:
        return math.nan, 0
    if len(difference) == 2:
        return float(difference[1]) ** 2 / float(variance[1, 1]), 1
    keep = values > 1e-10 * largest
    along: NDArray[np.float64] = vectors[:, keep].T @ difference
    return float((along**2 / values[keep]).sum()), int(keep.sum())


def _without_information(tte: TimeToEvent, cause: int, variance: Array) -> str:
    if not (tte.event == cause).any():
        return f"no event of cause {cause} occurred"
    if variance.any():
        return _TOO_MANY_TIES
    return f"at no event of cause {cause} were two arms at risk with somebody left over"


def _method(cause: int, rho: float, stratified: bool, tte: TimeToEvent) -> str:
    power = f" with rho {rho:g}" if rho else ""
    return f"Gray's test of cause {cause}{power}, {strata_words(stratified, tte)}"
