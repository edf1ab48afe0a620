"""MaxCombo: the largest of several weighted log-rank statistics, with the P value of a largest one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..data import TimeToEvent
from ..results import Origin, Row
from .convention import ArgumentError, resolve_stratified
from .logrank import strata_phrase, weighted_sums, without_information
from .multinormal import outside_probability
from .weights import FlemingHarrington, Weights, check_weights

if TYPE_CHECKING:
    import polars as pl

_USUAL = (FlemingHarrington(0, 0), FlemingHarrington(0, 1), FlemingHarrington(1, 0), FlemingHarrington(1, 1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaxCombo:
    """The largest of K weighted log-rank statistics of two arms.

    ``z`` (K,), by ``weights``, is above zero where the experimental arm does better; ``correlation`` (K, K) is
    theirs under the hypothesis. ``statistic`` is the largest |z|, that of ``best_weight`` (the first of equals),
    with its two-sided ``p_value``; ``p_one_sided`` is that of the largest z and tests benefit. Weights whose
    statistic has no variance are in ``left_out`` and nowhere else. Where none has, or a weight has no bound,
    statistic and P are ``nan`` with a ``reason``.
    """

    groups: tuple[str, ...]
    weights: tuple[Weights, ...]
    left_out: tuple[Weights, ...]
    z: NDArray[np.float64]
    correlation: NDArray[np.float64]
    statistic: float
    best_weight: Weights | None
    p_value: float
    p_one_sided: float
    stratified: bool
    method: str
    reason: str
    origin: Origin

    def __post_init__(self) -> None:
        results.read_only(self)

    def __str__(self) -> str:
        if self.best_weight is None:
            return f"{self.method}: {results.NOT_ESTIMABLE}, {self.reason}"
        z = float(self.z[self.weights.index(self.best_weight)])
        return (
            f"{self.method}: z = {results.fixed(z, 3)} for {self.groups[1]} under {self.best_weight} weights, "
            f"two-sided {results.p_equals(self.p_value)}"
        )

    def rows(self) -> list[Row]:
        """Every z, the largest |z| and the P values as rows of the long table."""
        rows = [self._row(f"{w} log-rank z", float(z)) for w, z in zip(self.weights, self.z, strict=True)]
        rows.append(self._row("MaxCombo statistic", self.statistic))
        for name, p in (("MaxCombo P", self.p_value), ("MaxCombo P one-sided", self.p_one_sided)):
            rows.append(self._row(name, p, results.p_value(p)))
        return rows

    def _row(self, statistic: str, value: float, text: str = "") -> Row:
        shown = results.number(value, text or results.fixed(value, 3), "" if math.isfinite(value) else self.reason)
        return Row(statistic=statistic, method=self.method, origin=self.origin, **shown)  # type: ignore[arg-type]

    def table(self) -> pl.DataFrame:
        """The long table of the test."""
        return results.long_table(self.rows())


def maxcombo(tte: TimeToEvent, weights: Sequence[Weights] | None = None, *, stratified: bool | None = None) -> MaxCombo:
    """Whether the hazard is the same in both arms, by the weight that shows a difference best.

    ``weights``: records of the log-rank family, by default Fleming-Harrington (0, 0), (0, 1), (1, 0), (1, 1).
    Their statistics are jointly normal under the hypothesis, with covariance sum w_k w_l d (Y - d)/(Y - 1) Y1 Y0/Y^2
    over event times and strata; P = P(max Z >= max z), two-sided P(max |Z| >= max |z|), to an absolute error of
    1e-9 for up to six weights that differ, and of 1e-7 beyond, where it takes seconds (Karrison 2016; Lin et al.
    2020). In the tails it is relative. A weight whose statistic has no variance is left out and named in ``method``.

    Late entry is allowed. Case weights must be whole numbers and count as copies.

    Raises ``ArgumentError`` without two arms or weights, ``UnsupportedError`` for probability weights, competing
    causes and more than eight weights that differ.

    >>> tte = TimeToEvent([5, 8, 8, 12], [1, 0, 1, 1], ["A", "B", "A", "B"], control="A",
    ...                   experimental="B", unit="days")
    >>> print(maxcombo(tte, (FlemingHarrington(0, 0), FlemingHarrington(0, 1))))
    MaxCombo test of Fleming-Harrington (0, 0) and Fleming-Harrington (0, 1), unstratified:
    z = 1.698 for B under Fleming-Harrington (0, 0) weights, two-sided P = 0.1461
    """
    given = _USUAL if weights is None else weights
    tried = tuple(check_weights(w) for w in (given if isinstance(given, Sequence) else (given,)))
    if not tried:
        raise ArgumentError(
            "there are no weights", where="maxcombo", remedy="Give at least one, or None for the usual."
        )
    if tte.experimental is None or len(tte.arms) != 2:
        raise ArgumentError(
            "MaxCombo compares two arms",
            where=f"arms: {', '.join(tte.arms)}",
            remedy="Name control and experimental of two arms.",
        )
    by_stratum = resolve_stratified(stratified, tte.strata)
    observed, expected, variance = (x.sum(axis=0) for x in weighted_sums(tte, tried, by_stratum))
    bounded = np.isfinite(observed).all(axis=1)
    covariance = variance[:, :, 1, 1]
    kept = np.flatnonzero(np.diag(covariance) > 0) if bounded.all() else np.arange(0)
    deviation = np.sqrt(np.diag(covariance)[kept])
    sign = 1.0 if tte.event_is == "harm" else -1.0
    z = sign * (expected[kept, 1] - observed[kept, 1]) / deviation
    correlation = covariance[np.ix_(kept, kept)] / deviation / deviation[:, None]
    np.fill_diagonal(correlation, 1.0)
    left_out = tuple(w for k, w in enumerate(tried) if k not in kept)
    reason, best, statistic, p_value, p_one_sided = "", None, math.nan, math.nan, math.nan
    if len(kept):
        most = int(np.argmax(abs(z)))
        best, statistic = tried[kept[most]], float(abs(z[most]))
        p_value, p_one_sided = _p_values(z, correlation)
    else:
        worst = int(np.argmin(bounded))
        reason = without_information(tte, tried[worst], observed[worst])
    return MaxCombo(
        groups=tte.arms,
        weights=tuple(tried[k] for k in kept),
        left_out=left_out,
        z=z,
        correlation=correlation,
        statistic=statistic,
        best_weight=best,
        p_value=p_value,
        p_one_sided=p_one_sided,
        stratified=by_stratum,
        method=_method(tried, left_out if best else (), by_stratum, tte),
        reason=reason,
        origin=tte.origin,
    )


def _p_values(z: NDArray[np.float64], correlation: NDArray[np.float64]) -> tuple[float, float]:
    """Two-sided and one-sided P of the largest of normal z with this correlation."""
    two, one = np.full(len(z), abs(z).max()), np.full(len(z), z.max())
    return outside_probability(-two, two, correlation), outside_probability(
        np.full(len(z), -math.inf), one, correlation
    )


def _method(tried: tuple[Weights, ...], left_out: tuple[Weights, ...], stratified: bool, tte: TimeToEvent) -> str:
    text = f"MaxCombo test of {_listed(tried)}, {strata_phrase(stratified, tte)}"
    return f"{text}; left out, having no variance: {_listed(left_out)}" if left_out else text


def _listed(weights: tuple[Weights, ...]) -> str:
    *first, last = map(str, weights)
    return f"{', '.join(first)} and {last}" if first else last
