"""Four patients and six, worked out on paper: what the search measures of them, and how far off it says they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.oracles import twin_search as twin

from equipoise.kernels import measure
from equipoise.kernels import targets as kinds

INF = math.inf
Z = 1.959963984540054


def values_and_gaps(
    time: list[int], event: list[int], side: list[int], asked: list[tuple[tuple[int, ...], tuple[float, ...]]]
) -> tuple[list[float], list[float]]:
    """Of overall survival, by the kernel; the twin must say the same."""
    n, rows, windows = len(time), np.array([r for r, _ in asked]), np.array([w for _, w in asked], dtype=float)
    history = np.full((n, 12), -1, dtype=np.int64)
    history[:, 7], history[:, 8] = time, event
    values, gaps = np.zeros(len(rows)), np.zeros(len(rows))
    energy = measure(
        history, np.array([side], dtype=np.int8), np.array([1]), rows, windows, np.zeros((3, n), dtype=np.int64),
        np.zeros((3, n), dtype=np.int64), np.zeros((1, n), dtype=np.int64), np.zeros(1, dtype=np.int64),
        np.zeros((9, n)), np.zeros(1), gaps, values, np.zeros(2),
    )  # fmt: skip
    assert energy == pytest.approx(gaps.sum())
    columns = [(np.array(time, dtype=float), np.array(event, dtype=float))] * 3
    again = twin.measure(columns, 0, np.array([side]), [1], rows.tolist(), windows.tolist())
    assert values.tolist() == pytest.approx(again[0], nan_ok=True)
    assert gaps.tolist() == pytest.approx(again[1])
    return values.tolist(), gaps.tolist()


def test_four_patients() -> None:
    """Control: deaths on days 2 and 8. Experimental: death on day 6, censored on day 10.

    Day 2: of 2 + 2 at risk a control dies, expected 1/2, variance 1/4. Day 6: of 1 + 2, expected 2/3, variance 2/9.
    Day 8: of 1 + 1, expected 1/2, variance 1/4. O = 1, E = 5/3, V = 13/18: z = (2/3) / sqrt(13/18) = sqrt(8/13).
    Score: 1 - 2 r / (1 + r) - 2 r / (1 + 2 r) = 0, so 4 r^2 + r - 1 = 0 and r = (sqrt(17) - 1) / 8.
    """
    r = (math.sqrt(17) - 1) / 8
    se = 1 / math.sqrt(2 * r / (1 + r) ** 2 + 2 * r / (1 + 2 * r) ** 2)
    asked = [
        ((kinds.LOG_HR, 0, -1, 0, 0), (-2.0, -1.0, 0.5)),  # log r = -.94
        ((kinds.LOG_HR_LOW, 0, -1, 0, 0), (-INF, 0.0, 0.5)),
        ((kinds.LOG_HR_HIGH, 0, -1, 0, 0), (0.0, 1.0, 0.5)),
        ((kinds.Z, 0, -1, 0, 0), (1.0, 2.0, 1.0)),
        ((kinds.TAIL, 0, -1, 0, 0), (-Z, Z, 1.0)),
        # S is 1/2 from day 2 and from day 6 on: the beginning of the stretch, and .1 / .15 away
        ((kinds.MEDIAN, 0, 0, 0, 0), (1.0, 3.0, 0.15)),
        ((kinds.MEDIAN, 0, 1, 0, 0), (12.0, 13.0, 0.15)),
        ((kinds.RATE, 0, 0, 0, 7), (0.6, 0.7, 0.05)),  # 1/2
        ((kinds.RATE, 0, 0, 0, 8), (0.0, 0.1, 0.05)),  # 0
        ((kinds.RATE, 0, 1, 0, 11), (0.4, 0.6, 0.05)),  # nobody is followed for 11 days
        ((kinds.KNOWN_FREE, 0, -1, 0, 6), (5.0, 5.0, 1.0)),  # 6, 8 and 10
        ((kinds.EVENTS, 0, 0, 0, 0), (2.0, 2.0, 1.0)),
    ]
    values, gaps = values_and_gaps([2, 6, 8, 10], [1, 1, 1, 0], [0, 1, 0, 1], asked)
    z = math.sqrt(8 / 13)
    want = [math.log(r), math.log(r) - Z * se, math.log(r) + Z * se, z, z, 2, 6, 0.5, 0, math.nan, 3, 2]
    assert values == pytest.approx(want, rel=1e-12, nan_ok=True)
    assert gaps == pytest.approx([
        (math.log(r) + 1) / 0.5, 0, (math.log(r) + Z * se - 1) / 0.5, 1 - z, Z - z, 0.1 / 0.15,
        (math.log(2) + 0.1) / 0.15, 0.1 / 0.05, 0, (0.2 + math.log(1.1)) / 0.05, 2, 0,
    ])  # fmt: skip


def test_limits_of_the_median_of_six_patients() -> None:
    """One death a day: S = 5/6, 4/6, 3/6, 2/6, 1/6, 0; Greenwood's sums 1/30, 1/12, 1/6, 1/3, 5/6.

    Lower limits on day 1: plain .535, log .583, log-log (5/6)^exp(1.96 sqrt(1/30) / log 1.2) = .273; on day 2 plain and
    log are .289 and .379. Upper limits on day 5: plain .465, log .997, log-log (1/6)^exp(-.999) = .517; on day 4 plain
    is .711. S = 0 has no limits.
    """
    asked = [((kind, 0, 0, c, 0), (INF, INF, 1.0)) for kind in (kinds.MEDIAN_LOW, kinds.MEDIAN_HIGH) for c in range(3)]
    values, gaps = values_and_gaps([1, 2, 3, 4, 5, 6], [1] * 6, [0] * 6, asked)
    assert values == [2, 2, 1, 5, INF, INF]
    # "not reached" was printed: .2, and how far the limit is below one half
    plain, log = 2 / 3 * (1 - Z * math.sqrt(1 / 12)), 2 / 3 * math.exp(-Z * math.sqrt(1 / 12))
    log_log = (5 / 6) ** math.exp(Z * math.sqrt(1 / 30) / math.log(1.2))
    upper = (1 + Z * math.sqrt(5 / 6)) / 6
    assert gaps == pytest.approx([0.7 - plain, 0.7 - log, 0.7 - log_log, 0.7 - upper, 0, 0])


def test_not_reached_where_a_time_was_printed() -> None:
    """One death of three, on day 4, followed to day 10: S ends at 2/3, and 5 to 8 was printed."""
    values, gaps = values_and_gaps([4, 10, 10], [1, 0, 0], [1, 1, 1], [((kinds.MEDIAN, 0, 1, 0, 0), (5.0, 8.0, 1.0))])
    assert values == [INF]
    assert gaps == pytest.approx([0.2 + (2 / 3 - 1 / 2) + math.log(10 / 8)])
