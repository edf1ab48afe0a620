"""Curves of rows with weights against the plain program from the definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.oracles import twin_weighted_curve as twin

from equipoise.analyze.switching.weighted_curves import weighted_steps


@st.composite
def rows(draw: st.DrawFn) -> list[tuple[int, float, float, bool, float]]:
    """Up to eight subjects with up to three rows each that follow one another, tied days, a last row that may die."""
    found = []
    for owner in range(draw(st.integers(2, 8))):
        days = sorted(draw(st.sets(st.integers(1, 9), min_size=1, max_size=3)))
        dies = draw(st.booleans())
        for k, stop in enumerate(days):
            start = 0.0 if k == 0 else float(days[k - 1])
            weight = draw(st.floats(0.05, 5.0))
            found.append((owner, start, float(stop), dies and k == len(days) - 1, weight))
    return found


@given(rows())
def test_height_and_variance(of: list[tuple[int, float, float, bool, float]]) -> None:
    owner, start, stop, death, weight = (np.array(column) for column in zip(*of, strict=True))
    found = weighted_steps(owner.astype(np.int64), start, stop, death.astype(bool), weight)
    assert found.time.tolist() == sorted({r[2] for r in of if r[3]})
    for k, at in enumerate(found.time.tolist()):
        want = twin.height(of, at)
        np.testing.assert_allclose(found.survival[k], want, rtol=1e-12, atol=1e-14)
        if want > 1e-9:
            # Central differences are known to about the square of their step.
            np.testing.assert_allclose(found.variance[k], twin.variance_of_log(of, at), rtol=1e-6, atol=1e-9)
