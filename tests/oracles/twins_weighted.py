"""Twins of the weighted log-rank family and of the probabilities of correlated normals; conventions as in `twins`.

A weight is a tuple: ("fleming-harrington", rho, gamma), ("modest delay", t), ("modest survival", s), ("gehan",),
("tarone-ware",). Case weights are copies of a row.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from .twins_cox import Floats, MaybeArray, codes, floats

Weight = tuple[Any, ...]
LOG_RANK: Weight = ("fleming-harrington", 0.0, 0.0)
DEFAULT: tuple[Weight, ...] = (
    LOG_RANK,
    ("fleming-harrington", 0.0, 1.0),
    ("fleming-harrington", 1.0, 0.0),
    ("fleming-harrington", 1.0, 1.0),
)
FAR = 9.0  # beyond it the standard normal has less than 1.2e-19 in a tail
SAME = 4 * float(np.finfo(float).eps)  # a correlation so close to 1 is 1


# ---------------------------------------------------------- weighted log-rank
def weight_at(weight: Weight, before: float, at_risk: float, floor: float) -> float:
    """The weight of an event time; `before` is S(t-), `at_risk` is Y(t), `floor` the S* of a modest weight.

    Fleming & Harrington (1991), Gehan (1965), Tarone & Ware (1977), Magirr & Burman (2019). A modest weight is infinite
    where late entries follow a curve that has reached 0, and S* is 0 too.
    """
    if weight[0] == "fleming-harrington":
        return before ** weight[1] * (1.0 - before) ** weight[2]
    if weight[0] in ("modest delay", "modest survival"):
        return 1.0 / max(before, floor) if max(before, floor) > 0 else math.inf
    if weight[0] == "gehan":
        return at_risk
    if weight[0] == "tarone-ware":
        return math.sqrt(at_risk)
    raise ValueError(weight)


def event_times(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    n_groups: int,
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    case_weight: MaybeArray = None,
) -> list[dict[str, Any]]:
    """One record for each stratum and event time: t, S(t-), S(t), numbers at risk and dying by group.

    S is the Kaplan-Meier curve of the stratum, all groups together.
    """
    t, g = np.asarray(time, dtype=float), np.asarray(group, dtype=np.int64)
    dead = np.asarray(event).astype(bool)
    n = len(t)
    stratum, start, w = codes(strata, n), floats(entry, n, -math.inf), floats(case_weight, n, 1.0)
    records: list[dict[str, Any]] = []
    for s in np.unique(stratum):
        survival = 1.0
        for u in np.unique(t[(stratum == s) & dead]):
            at_risk = np.zeros(n_groups)
            dying = np.zeros(n_groups)
            for i in range(n):
                if stratum[i] == s and start[i] < u <= t[i]:
                    at_risk[g[i]] += w[i]
                    if dead[i] and t[i] == u:
                        dying[g[i]] += w[i]
            if dying.sum() == 0:
                continue
            before = survival
            survival = before * (1.0 - dying.sum() / at_risk.sum())
            records.append(
                {"stratum": s, "time": u, "before": before, "after": survival, "at_risk": at_risk, "dying": dying}
            )
    return records


def weights_at_event_times(weight: Weight, records: list[dict[str, Any]]) -> list[float]:
    """The weight of each record of `event_times`.

    A modest weight stops growing at S*, which is S at the delay (deaths at the delay included) in the stratum
    (Magirr & Jimenez 2022), or the number given.
    """
    result = []
    for record in records:
        floor = 1.0
        if weight[0] == "modest survival":
            floor = float(weight[1])
        elif weight[0] == "modest delay":
            delay = weight[1] * (1 + 1e-9)  # a time that near is the delay, as near ties are one time
            for other in records:
                if other["stratum"] == record["stratum"] and other["time"] <= delay:
                    floor = other["after"]
        result.append(weight_at(weight, record["before"], float(record["at_risk"].sum()), floor))
    return result


def weighted_logrank(
    time: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    n_groups: int,
    weight: Weight = LOG_RANK,
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    case_weight: MaybeArray = None,
) -> dict[str, Floats]:
    """Observed sum w d_j, expected sum w d Y_j / Y, and their hypergeometric covariance, summed over strata.

    V_jl = sum w^2 d (Y - d) / (Y - 1) Y_j / Y (1{j = l} - Y_l / Y); a time with one person at risk adds nothing.
    """
    records = event_times(time, event, group, n_groups, strata, entry, case_weight)
    observed, expected = np.zeros(n_groups), np.zeros(n_groups)
    variance = np.zeros((n_groups, n_groups))
    for record, w in zip(records, weights_at_event_times(weight, records), strict=True):
        y, d = float(record["at_risk"].sum()), float(record["dying"].sum())
        for j in range(n_groups):
            observed[j] += w * record["dying"][j]
            expected[j] += w * d * record["at_risk"][j] / y
            for k in range(n_groups):
                if y > 1:
                    same = 1.0 if j == k else 0.0
                    share_j, share_k = record["at_risk"][j] / y, record["at_risk"][k] / y
                    variance[j, k] += w**2 * d * (y - d) / (y - 1) * share_j * (same - share_k)
    return {"observed": observed, "expected": expected, "variance": variance}


def several_weights(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    weights: tuple[Weight, ...],
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    case_weight: MaybeArray = None,
) -> dict[str, Floats]:
    """Two arms (0, 1): the statistics of several weights and their covariance (Karrison 2016).

    difference_k = O_1 - E_1 with weight k; covariance_kl = sum w_k w_l d (Y - d) / (Y - 1) Y_1 Y_0 / Y^2;
    z_k = -difference_k / sqrt(covariance_kk), so that z > 0 favors arm 1 where an event is a harm
    (nan where the variance is 0, and so are its correlations).
    """
    records = event_times(time, event, arm, 2, strata, entry, case_weight)
    columns = [weights_at_event_times(weight, records) for weight in weights]
    k = len(weights)
    difference, covariance = np.zeros(k), np.zeros((k, k))
    for number, record in enumerate(records):
        y, d = float(record["at_risk"].sum()), float(record["dying"].sum())
        y0, y1 = record["at_risk"]
        for a in range(k):
            difference[a] += columns[a][number] * (record["dying"][1] - d * y1 / y)
            for b in range(k):
                if y > 1:
                    hypergeometric = d * (y - d) / (y - 1) * y1 * y0 / y**2
                    covariance[a, b] += columns[a][number] * columns[b][number] * hypergeometric
    z, correlation = np.full(k, math.nan), np.full((k, k), math.nan)
    for a in range(k):
        if covariance[a, a] > 0:
            z[a] = -difference[a] / math.sqrt(covariance[a, a])
        for b in range(k):
            if covariance[a, a] > 0 and covariance[b, b] > 0:
                correlation[a, b] = covariance[a, b] / math.sqrt(covariance[a, a] * covariance[b, b])
    return {"difference": difference, "covariance": covariance, "z": z, "correlation": correlation}


def maxcombo(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    weights: tuple[Weight, ...] = DEFAULT,
    strata: MaybeArray = None,
    entry: MaybeArray = None,
    case_weight: MaybeArray = None,
    probability: Callable[[Any, Any, Any], float] | None = None,
) -> dict[str, Any]:
    """MaxCombo (Karrison 2016; Lin et al. 2020): the largest z and its P values.

    one sided: P(max Z_k >= max z_k); two sided: P(max |Z_k| >= max |z_k|). Weights without variance are left out
    (`used` lists the others). nan when none is left. `probability` is `rectangle_probability` unless another is given.

    The default weights always give a singular matrix of rank 3 at most: 1 = S + (1 - S), so the log-rank statistic is
    the sum of those of Fleming-Harrington (1, 0) and (0, 1).
    """
    probability = probability or rectangle_probability
    parts = several_weights(time, event, arm, weights, strata, entry, case_weight)
    used = [k for k in range(len(weights)) if parts["covariance"][k, k] > 0]
    result: dict[str, Any] = {**parts, "used": used, "largest": math.nan, "p_one_sided": math.nan, "p_value": math.nan}
    if not used:
        return result
    z, correlation = parts["z"][used], parts["correlation"][np.ix_(used, used)]
    n = len(used)
    largest, furthest = float(z.max()), float(np.abs(z).max())
    result["largest"] = largest
    result["p_one_sided"] = 1 - probability([-math.inf] * n, [largest] * n, correlation)
    result["p_value"] = 1 - probability([-furthest] * n, [furthest] * n, correlation)
    return result


# ---------------------------------------------- rectangles of correlated normals
def merge_equal(lower: ArrayLike, upper: ArrayLike, correlation: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Variables with correlation 1 (or -1) to an earlier one are that one: their limits are cut with its limits."""
    lo, up = np.array(lower, dtype=float), np.array(upper, dtype=float)
    r = np.array(correlation, dtype=float)
    kept: list[int] = []
    for k in range(len(lo)):
        twin = next((j for j in kept if 1 - abs(r[j, k]) <= SAME), None)
        if twin is None:
            kept.append(k)
        elif r[twin, k] > 0:
            lo[twin], up[twin] = max(lo[twin], lo[k]), min(up[twin], up[k])
        else:
            lo[twin], up[twin] = max(lo[twin], -up[k]), min(up[twin], -lo[k])
    return lo[kept], up[kept], r[np.ix_(kept, kept)]


def rectangle_probability(lower: ArrayLike, upper: ArrayLike, correlation: ArrayLike, halvings: int = 4) -> float:
    """P(lower <= Z <= upper) by Plackett's identity (Plackett 1954), with correlations that may be singular.

    Let every correlation be t rho_ij: at t = 0 the variables are independent, at t = 1 they are the ones asked for.
    The derivative in rho_ij is the density of (Z_i, Z_j) at the corners times the probability of the others given
    the corner, which is such a probability again with two variables fewer. The integral over t is done by
    double-exponential quadrature (step 1 / 2^halvings), which bears the root of 1 - t in the denominator when the
    matrix at t = 1 is singular.

    Error: at most 1e-10 up to five variables, singular or not (against closed forms, `rectangle_of_low_rank`,
    `rectangle_by_conditioning` and mvtnorm); six variables take some 10 seconds at 2 halvings (1e-7). A matrix that is
    singular only up to rounding has a probability known to the root of the rounding (1e-8) and no better.
    """
    lo, up, r = merge_equal(lower, upper, correlation)
    if (lo >= up).any():
        return 0.0
    bounded = np.isfinite(lo) | np.isfinite(up)
    lo, up, r = lo[bounded], up[bounded], r[np.ix_(bounded, bounded)]
    lo, up = np.clip(lo, -4 * FAR, 4 * FAR), np.clip(up, -4 * FAR, 4 * FAR)
    return float(_plackett(lo[None], up[None], r[None], 2.0**-halvings)[0])


def _plackett(lower: Floats, upper: Floats, r: Floats, step: float) -> Floats:
    """For a batch of rectangles: lower and upper (batch, K), r (batch, K, K)."""
    batch, k = lower.shape
    total = np.prod(ndtr(upper) - ndtr(lower), axis=1)
    if k < 2:
        return total
    node = np.arange(-3.4, 3.4 + step / 2, step)
    t = 1 / (1 + np.exp(-np.pi * np.sinh(node)))
    s = 1 / (1 + np.exp(np.pi * np.sinh(node)))  # 1 - t without the loss of digits
    measure = step * np.pi * np.cosh(node) * t * s
    for i, j in itertools.combinations(range(k), 2):
        rho = r[:, i, j, None]
        rest = [m for m in range(k) if m not in (i, j)]
        corner_rho = rho * t  # (batch, nodes)
        minus, plus = (1 - rho) + rho * s, (1 + rho) - rho * s  # 1 - rho t and 1 + rho t without the loss of digits
        determinant = np.maximum(minus * plus, 1e-300)
        # given Z_i = a and Z_j = b the others have mean on_i a + on_j b and covariance `left`
        ti, tj = t[:, None] * r[:, None, i, rest], t[:, None] * r[:, None, j, rest]
        on_i = (ti - corner_rho[..., None] * tj) / determinant[..., None]
        on_j = (tj - corner_rho[..., None] * ti) / determinant[..., None]
        left = t[:, None, None] * r[:, None][:, :, rest][:, :, :, rest]
        for m in range(len(rest)):
            left[..., m, m] = 1.0
        left = left - on_i[..., :, None] * ti[..., None, :] - on_j[..., :, None] * tj[..., None, :]
        sd = np.sqrt(np.maximum(np.diagonal(left, axis1=-2, axis2=-1), 1e-30))
        conditional_r = np.clip(left / (sd[..., :, None] * sd[..., None, :]), -1, 1)
        for (a, sign_a), (b, sign_b) in itertools.product(
            ((lower[:, i], -1), (upper[:, i], 1)), ((lower[:, j], -1), (upper[:, j], 1))
        ):
            if (np.abs(a) > FAR * 2).all() or (np.abs(b) > FAR * 2).all():
                continue
            a, b = a[:, None], b[:, None]
            # a^2 - 2 rho t a b + b^2, so written that nothing cancels where a = b and rho t nears 1
            square = ((a - b) ** 2 * plus + (a + b) ** 2 * minus) / 2
            with np.errstate(over="ignore"):
                density = np.exp(-square / (2 * determinant)) / (2 * np.pi * np.sqrt(determinant))
            if rest:
                mean = on_i * a[..., None] + on_j * b[..., None]
                inner_lower = np.clip((lower[:, None, rest] - mean) / sd, -4 * FAR, 4 * FAR)
                inner_upper = np.clip((upper[:, None, rest] - mean) / sd, -4 * FAR, 4 * FAR)
                shape = (batch * len(t), len(rest))
                inner = _plackett(
                    inner_lower.reshape(shape),
                    inner_upper.reshape(shape),
                    conditional_r.reshape(*shape, len(rest)),
                    step,
                ).reshape(batch, len(t))
            else:
                inner = np.ones_like(density)
            total = total + sign_a * sign_b * (rho * density * inner) @ measure
    return total


def rectangle_of_low_rank(lower: ArrayLike, upper: ArrayLike, correlation: ArrayLike, nodes: int = 24) -> float:
    """The same for matrices of rank at most 3, by another way: slices of a polyhedron (error at most 1e-10).

    Z = A x with x independent normals, so the rectangle is the polyhedron lower <= A x <= upper. It is integrated
    over its first coordinate, slice by slice; between the first coordinates of two vertices the measure of a slice is
    smooth and Gauss-Legendre is used there. The slice of dimension one is an interval.
    """
    lo, up = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    value, vector = np.linalg.eigh(np.asarray(correlation, dtype=float))
    kept = value > 1e-12 * value.max()
    if kept.sum() > 3:
        raise ValueError("rank above 3")
    loading = vector[:, kept] * np.sqrt(value[kept])
    return _slices(loading, lo, up, *np.polynomial.legendre.leggauss(nodes))


def _slices(loading: Floats, lower: Floats, upper: Floats, node: Floats, share: Floats) -> float:
    rank = loading.shape[1]
    flat = np.abs(loading).max(axis=1) < 1e-9
    if ((lower[flat] > 1e-12) | (upper[flat] < -1e-12)).any():
        return 0.0
    loading, lower, upper = loading[~flat], lower[~flat], upper[~flat]
    if rank == 1:
        return float(_interval(loading[:, 0], lower[:, None], upper[:, None])[0])
    planes = [(row, b) for row, pair in zip(loading, zip(lower, upper, strict=True), strict=True) for b in pair]
    planes = [(row, b) for row, b in planes if math.isfinite(b)]
    cuts = set(np.arange(-FAR, FAR + 1))
    for row, b in planes:
        if np.abs(row[1:]).max() < 1e-9 and abs(b / row[0]) < FAR:  # a limit on the first coordinate alone
            cuts.add(float(b / row[0]))
    for chosen in itertools.combinations(planes, rank):
        matrix = np.array([row for row, _ in chosen])
        if abs(np.linalg.det(matrix)) > 1e-10:
            first = float(np.linalg.solve(matrix, np.array([b for _, b in chosen]))[0])
            if abs(first) < FAR:
                cuts.add(first)
    edges = np.array(sorted(cuts))
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    point = (middle[:, None] + half[:, None] * node).ravel()
    measure = (half[:, None] * share).ravel() * np.exp(-(point**2) / 2) / math.sqrt(2 * math.pi)
    low, high = lower[:, None] - loading[:, :1] * point, upper[:, None] - loading[:, :1] * point
    if rank == 2:
        level = np.abs(loading[:, 1]) < 1e-9  # the slice does not see these limits, or is empty
        empty = ((low[level] > 1e-12) | (high[level] < -1e-12)).any(axis=0)
        inside = _interval(loading[~level, 1], low[~level], high[~level])
        return float(measure @ np.where(empty, 0.0, inside))
    inside = np.array([_slices(loading[:, 1:], low[:, k], high[:, k], node, share) for k in range(len(point))])
    return float(measure @ inside)


def _interval(slope: Floats, lower: Floats, upper: Floats) -> Floats:
    """P(lower <= slope x <= upper for every row), a column at a time, x standard normal."""
    ends = np.sort(np.stack([lower / slope[:, None], upper / slope[:, None]]), axis=0)
    high, low = ends[1].min(axis=0, initial=math.inf), ends[0].max(axis=0, initial=-math.inf)
    return np.maximum(ndtr(high) - ndtr(low), 0.0)


def rectangle_by_conditioning(lower: ArrayLike, upper: ArrayLike, correlation: ArrayLike, nodes: int = 16) -> float:
    """The same for positive definite matrices, by a third way: the nested integral itself.

    Z = L x with L the Cholesky factor, so x_1 runs over its limits, x_2 over those that x_1 leaves, and so on; the
    last integral is a difference of two values of the distribution function. Gauss-Legendre on panels of width 1.
    """
    lo, up = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    factor = np.linalg.cholesky(np.asarray(correlation, dtype=float))
    node, share = np.polynomial.legendre.leggauss(nodes)

    def inner(before: list[float]) -> float:
        k = len(before)
        shift = sum(factor[k, m] * before[m] for m in range(k))
        a, b = max((lo[k] - shift) / factor[k, k], -FAR), min((up[k] - shift) / factor[k, k], FAR)
        if a >= b:
            return 0.0
        if k == len(lo) - 1:
            return float(ndtr(b) - ndtr(a))
        total = 0.0
        panels = math.ceil(b - a)
        for panel in range(panels):
            half = (b - a) / panels / 2
            middle = a + (2 * panel + 1) * half
            for x, w in zip(node, share, strict=True):
                point = middle + half * x
                total += half * w * math.exp(-(point**2) / 2) / math.sqrt(2 * math.pi) * inner([*before, point])
        return total

    return inner([])
