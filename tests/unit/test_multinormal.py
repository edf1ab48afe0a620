"""The multivariate normal probability of a rectangle against closed forms and other ways to the same number."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.special import ndtr

from equipoise.errors import EquipoiseError, UnsupportedError
from equipoise.survival import outside_probability, rectangle_probability

INF = math.inf


def both(low: object, high: object, r: object) -> float:
    inside, outside = rectangle_probability(low, high, r), outside_probability(low, high, r)
    assert 0 <= inside <= 1
    assert inside + outside == pytest.approx(1, abs=1e-14)
    return inside


def legendre(f: Callable[[float], float], points: list[float], nodes: int = 40) -> float:
    """Gauss-Legendre between neighbours of ``points``."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    pieces = [(a, b) for a, b in pairwise(sorted(points)) if b - a > 1e-15]
    return math.fsum(
        wi * (b - a) / 2 * f((a + b) / 2 + (b - a) / 2 * xi) for a, b in pieces for xi, wi in zip(x, w, strict=True)
    )


def density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def between(low: float, high: float) -> float:
    if low >= high:
        return 0.0
    return float(ndtr(-low) - ndtr(-high)) if low > 0 else float(ndtr(high) - ndtr(low))


def correlation(loadings: np.ndarray) -> np.ndarray:
    r = loadings @ loadings.T
    np.fill_diagonal(r, 1.0)
    return np.clip(r, -1, 1)


def one_factor(low: list[float], high: list[float], loadings: list[float]) -> float:
    """Z_i = a_i X + sqrt(1 - a_i^2) e_i: a single integral over X."""

    def f(x: float) -> float:
        parts = (
            between((lo - a * x) / math.sqrt(1 - a * a), (hi - a * x) / math.sqrt(1 - a * a))
            for lo, hi, a in zip(low, high, loadings, strict=True)
        )
        return density(x) * math.prod(parts)

    return legendre(f, [x / 4 for x in range(-38, 39)])


def slices(low: list[float], high: list[float], loadings: np.ndarray) -> float:
    """Z = loadings X with two X: a polygon, cut along X_2 at all its corners (loadings of X_1 not 0)."""
    a, b = loadings[:, 0], loadings[:, 1]
    lines = [(x / ai, -bi / ai) for x, ai, bi in [*zip(low, a, b, strict=True), *zip(high, a, b, strict=True)]]
    floor = [line if ai > 0 else other for line, other, ai in zip(lines[: len(a)], lines[len(a) :], a, strict=True)]
    roof = [other if ai > 0 else line for line, other, ai in zip(lines[: len(a)], lines[len(a) :], a, strict=True)]

    def f(y: float) -> float:
        return density(y) * between(max(c + s * y for c, s in floor), min(c + s * y for c, s in roof))

    finite = [line for line in lines if math.isfinite(line[0])]
    points = [float(y) for y in range(-10, 11)]
    for i, (c, s) in enumerate(finite):
        points += [(c - d) / (t - s) for d, t in finite[:i] if t != s]
        points += [-c / s + k / abs(s) for k in range(-9, 10) if s]  # where a steep side crosses the middle
    return legendre(f, [y for y in points if -10 <= y <= 10], 24)


# ------------------------------------------------------------------- closed forms
def test_one_and_none() -> None:
    assert both([-1.0], [2.0], [[1.0]]) == pytest.approx(float(ndtr(2) - ndtr(-1)), rel=1e-15)
    assert both([], [], np.zeros((0, 0))) == 1
    assert both([-INF, -INF], [INF, INF], np.eye(2)) == 1
    assert both([-INF, 0.3], [INF, INF], [[1, 0.9], [0.9, 1]]) == pytest.approx(float(ndtr(-0.3)), rel=1e-15)
    assert both([1, -1], [1, 1], np.eye(2)) == 0


@pytest.mark.parametrize("r", [-1, -1 + 1e-10, -0.999, -0.3, 0, 1e-9, 0.5, 0.93, 1 - 1e-6, 1 - 1e-10, 1 - 1e-13, 1])
def test_orthant_of_two(r: float) -> None:
    matrix = [[1, r], [r, 1]]
    assert both([-INF] * 2, [0, 0], matrix) == pytest.approx(0.25 + math.asin(r) / (2 * math.pi), abs=1e-12)
    assert both([0, -INF], [INF, 0], matrix) == pytest.approx(0.25 - math.asin(r) / (2 * math.pi), abs=1e-12)


def test_orthants_of_three() -> None:
    """1/8 + (asin r12 + asin r13 + asin r23) / (4 pi) (Sheppard's formula and David 1953), also where singular."""
    rng = np.random.default_rng(3)
    for rank in (1, 2, 3, 3, 3):
        loadings = rng.normal(size=(3, rank))
        r = correlation(loadings / np.linalg.norm(loadings, axis=1)[:, None])
        want = 1 / 8 + (math.asin(r[0, 1]) + math.asin(r[0, 2]) + math.asin(r[1, 2])) / (4 * math.pi)
        for signs in ([1, 1, 1], [1, -1, 1]):
            turned = r * np.outer(signs, signs)
            low, high = np.where(np.array(signs) > 0, -INF, 0), np.where(np.array(signs) > 0, 0, INF)
            assert both(low, high, turned) == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_the_last_of_equals(n: int) -> None:
    """With all correlations 1/2 every order of n + 1 variables is as likely: the orthant is 1 / (n + 1)."""
    r = np.full((n, n), 0.5) + np.eye(n) / 2
    assert both(np.zeros(n), np.full(n, INF), r) == pytest.approx(1 / (n + 1), abs=1e-10)


def test_limits_beyond_all_reach() -> None:
    r = [[1, 0.5], [0.5, 1]]
    assert both([-1e200, -1e200], [1e200, 0.5], r) == pytest.approx(float(ndtr(0.5)), rel=1e-15)
    assert both([1e200, -INF], [INF, 0.5], r) == 0
    assert both([-INF, -INF], [-1e200, 0.5], r) == 0


def test_independent_coordinates() -> None:
    low, high = [-1.0, -INF, 0.2, -3.0], [0.5, 1.0, INF, -1.0]
    want = math.prod(between(a, b) for a, b in zip(low, high, strict=True))
    assert both(low, high, np.eye(4)) == pytest.approx(want, abs=1e-15)


# -------------------------------------------------------------------- other ways
@pytest.mark.parametrize(
    "loadings",
    [[0.7, 0.9], [0.5, 0.8, 0.95], [0.3, -0.5, 0.8, 0.6], [0.9, 0.95, 0.85, 0.99], [0.6, 0.7, 0.8, -0.4, 0.9]],
    ids=str,
)
@pytest.mark.parametrize("c", [0.3, 1.5, 2.5])
def test_one_factor(loadings: list[float], c: float) -> None:
    n = len(loadings)
    r = correlation(np.array(loadings)[:, None])
    for low, high in (([-INF] * n, [c] * n), ([-c] * n, [c] * n), ([-0.4 * (i + 1) for i in range(n)], [c] * n)):
        assert both(low, high, r) == pytest.approx(one_factor(low, high, loadings), abs=1e-11)


def test_six_coordinates() -> None:
    loadings = [0.6, 0.7, 0.8, -0.4, 0.9, 0.5]
    r = correlation(np.array(loadings)[:, None])
    for low, high in (([-INF] * 6, [2.0] * 6), ([-2.2] * 6, [2.2] * 6)):
        assert both(low, high, r) == pytest.approx(one_factor(low, high, loadings), abs=1e-9)


def test_seven_and_eight_coordinates() -> None:
    loadings = [0.8, 0.5, 0.6, 0.3, 0.7, 0.4, 0.2]
    r = correlation(np.array(loadings)[:, None])
    assert both([-INF] * 7, [2.5] * 7, r) == pytest.approx(one_factor([-INF] * 7, [2.5] * 7, loadings), abs=1e-7)
    # pairs of copies and a coordinate without limits do not count
    many = np.repeat(np.arange(3), 3)
    r3 = correlation(np.array(loadings[:3])[:, None])
    low, high = np.full(9, -INF), np.array([1.0, 2.0, 3.0] * 3)
    want = one_factor([-INF] * 3, [1.0] * 3, loadings[:3])
    assert both(low, high, r3[np.ix_(many, many)]) == pytest.approx(want, abs=1e-12)


def rank_two(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    loadings = rng.normal(size=(n, 2))
    if kind == "nearly equal":
        loadings[1] = loadings[0] + 10.0 ** -rng.integers(2, 6) * rng.normal(size=2)
    elif kind == "nearly opposite":
        loadings[1] = -loadings[0] + 10.0 ** -rng.integers(2, 6) * rng.normal(size=2)
    elif kind == "all nearly one":
        loadings = np.column_stack([np.ones(n), 10.0 ** -rng.integers(1, 6) * rng.normal(size=n)])
    elif kind == "as weights":
        loadings = np.column_stack([np.ones(n), rng.uniform(0, 1.5, n)])
    return loadings / np.linalg.norm(loadings, axis=1)[:, None]


@pytest.mark.parametrize("kind", ["any", "nearly equal", "nearly opposite", "all nearly one", "as weights", "corner"])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_rank_two(kind: str, n: int) -> None:
    """Singular, with kinks and nearly equal coordinates; "corner": all sides of the polygon meet in one point."""
    rng = np.random.default_rng(10 * n + len(kind))
    for _ in range(6):
        loadings = rank_two(kind, n, rng)
        c = float(abs(rng.normal())) * 1.5 + 0.2
        limits = [([-INF] * n, [c] * n), ([-c] * n, [c] * n)]
        low = rng.normal(size=n) - 1.5
        limits.append((low.tolist(), (low + 2.5 * abs(rng.normal(size=n))).tolist()))
        if kind == "corner":
            point = (loadings @ rng.normal(size=2)).tolist()
            limits = [([-INF] * n, point), ([x - 1 for x in point], point)]
        for lower, upper in limits:
            # 1e-9, the accuracy of a correlation whose last digit is one of 1 - 1e-10
            assert both(lower, upper, correlation(loadings)) == pytest.approx(slices(lower, upper, loadings), abs=1e-9)


def test_rank_two_of_five() -> None:
    rng = np.random.default_rng(8)
    loadings = rank_two("as weights", 5, rng)
    for low, high in (([-INF] * 5, [1.8] * 5), ([-2.2] * 5, [2.2] * 5)):
        assert both(low, high, correlation(loadings)) == pytest.approx(slices(low, high, loadings), abs=1e-9)


def test_rank_three_of_four() -> None:
    """One more integral over slices; Z_1 = b Z_2 + c Z_3, as the usual four weights have it."""
    loadings = np.array([[0.9, 0.3, 0.3], [0.8, 0.6, 0.0], [0.7, -0.2, 0.6], [0.75, 0.25, 0.4]])
    loadings /= np.linalg.norm(loadings, axis=1)[:, None]
    c = 2.1

    def cut(x: float) -> float:
        rest = [c - a * x for a in loadings[:, 2]], [-c - a * x for a in loadings[:, 2]]
        return density(x) * slices(rest[1], rest[0], loadings[:, :2])

    # the cuts change smoothly between the corners of the solid
    sides = [(row, sign * c) for row in loadings for sign in (1, -1)]
    points = [float(x) for x in range(-9, 10)]
    for three in combinations(sides, 3):
        planes = np.array([row for row, _ in three])
        if abs(np.linalg.det(planes)) > 1e-9:
            points.append(float(np.linalg.solve(planes, [at for _, at in three])[2]))
    want = legendre(cut, [x for x in points if abs(x) <= 9], 10)
    assert both([-c] * 4, [c] * 4, correlation(loadings)) == pytest.approx(want, abs=1e-9)


# ------------------------------------------------------------------ what must hold
def test_cells_fill_the_space() -> None:
    """The eight cells of three coordinates, cut somewhere, have probability 1 together."""
    r = correlation(np.array([[0.8, 0.6], [0.6, -0.8], [1.0, 0.0]]))
    cuts = [(0.3, -1.0, 0.7), (-0.2, 0.4, 1.1)]
    for cut in cuts:
        total = 0.0
        for cell in range(8):
            side = [cell >> k & 1 for k in range(3)]
            low = [x if s else -INF for x, s in zip(cut, side, strict=True)]
            high = [INF if s else x for x, s in zip(cut, side, strict=True)]
            total += both(low, high, r)
        assert total == pytest.approx(1, abs=1e-12)


def test_order_and_signs_do_not_matter() -> None:
    rng = np.random.default_rng(4)
    loadings = rng.normal(size=(4, 4))
    r = correlation(loadings / np.linalg.norm(loadings, axis=1)[:, None])
    low, high = np.array([-1.0, -0.5, -2.0, -INF]), np.array([1.0, 2.0, 0.5, 0.8])
    want = both(low, high, r)
    order = [2, 0, 3, 1]
    assert both(low[order], high[order], r[np.ix_(order, order)]) == pytest.approx(want, abs=1e-13)
    assert both(-high, -low, r) == pytest.approx(want, abs=1e-13)


def test_copies_and_opposites() -> None:
    r = np.array([[1, 1, 0.5, -1], [1, 1, 0.5, -1], [0.5, 0.5, 1, -0.5], [-1, -1, -0.5, 1.0]])
    low, high = [-1.0, -0.5, -1.0, -0.8], [1.0, 2.0, 1.0, 0.3]
    # the first: above -1, -0.5 and -0.3, below 1, 2 and 0.8
    want = both([-0.3, -1.0], [0.8, 1.0], [[1, 0.5], [0.5, 1]])
    assert both(low, high, r) == pytest.approx(want, abs=1e-15)
    assert both([0, -INF], [INF, -0.1], np.ones((2, 2))) == 0


def test_far_tails_keep_their_digits() -> None:
    """P(any above c) for two with correlation 0.63 against the integral over the second, in its own tail."""
    r = 0.63
    for c in (4.0, 8.0, 20.0):
        alone = float(ndtr(-c))
        # of the second above c, the first below: the integral over x above c of phi(x) Phi((c - r x)/sqrt(1 - r^2))
        with_first_below = legendre(
            lambda x, c=c: math.exp(-(x * x - c * c) / 2) * float(ndtr((c - r * x) / math.sqrt(1 - r * r))),
            [c + k / c for k in range(41)],
        )
        want = alone + density(c) * with_first_below
        got = outside_probability([-INF] * 2, [c, c], [[1, r], [r, 1]])
        assert got == pytest.approx(want, rel=1e-11)
        assert outside_probability([-c] * 2, [c, c], [[1, r], [r, 1]]) == pytest.approx(2 * want, rel=1e-6)
    assert 0 <= outside_probability([-INF] * 4, [38.0] * 4, np.full((4, 4), 0.9) + 0.1 * np.eye(4)) < 1e-300


def test_the_same_twice() -> None:
    r = np.full((4, 4), 0.7) + 0.3 * np.eye(4)
    first = rectangle_probability([-2.0] * 4, [2.0] * 4, r)
    assert rectangle_probability([-2.0] * 4, [2.0] * 4, r) == first


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("low", "high", "r", "says"),
    [
        ([0], [1, 2], np.eye(2), "do not fit"),
        ([0, 0], [1, 2], np.eye(3), "do not fit"),
        ([0, math.nan], [1, 2], np.eye(2), "a lower limit is missing"),
        ([0, 3], [1, 2], np.eye(2), "above its upper limit"),
        ([0, 0], [1, 2], [[1, 0.5], [0.4, 1]], "symmetric with 1 on its diagonal"),
        ([0, 0], [1, 2], [[2, 0.5], [0.5, 2]], "symmetric with 1 on its diagonal"),
        ([0, 0], [1, 2], [[1, math.nan], [math.nan, 1]], "no correlation matrix"),
        ([0] * 3, [1] * 3, [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]], "eigenvalue -0.8"),
        ([0, 0], [1, 2], [[1, 1.1], [1.1, 1]], "eigenvalue -0.1"),
    ],
)
def test_refusals(low: object, high: object, r: object, says: str) -> None:
    for probability in (rectangle_probability, outside_probability):
        with pytest.raises(EquipoiseError, match=says):
            probability(low, high, r)


def test_nine_that_differ_are_refused() -> None:
    r = np.full((9, 9), 0.5) + np.eye(9) / 2
    with pytest.raises(UnsupportedError, match="9 coordinates that differ"):
        rectangle_probability([-INF] * 9, [1.0] * 9, r)
