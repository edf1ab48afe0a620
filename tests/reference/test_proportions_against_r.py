"""Wilson's limits against R's prop.test, Newcombe's against the hybrid of them, quartiles against R's type 7."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from equipoise.analyze.proportions import difference, wilson
from equipoise.analyze.spread import spread

REFERENCE = json.loads((Path(__file__).parent / "proportions.json").read_text())


def test_shares() -> None:
    assert len(REFERENCE["shares"]) == 675
    for case in REFERENCE["shares"]:
        x1, n1, x2, n2 = (int(c) for c in case["counts"])
        # R's closed form loses digits where a limit is next to 0: 1e-9 of a share, not of the limit.
        assert wilson(x1, n1, case["level"]).conf_int == pytest.approx(case["first"], rel=1e-9, abs=1e-12), case
        found = difference(x1, n1, x2, n2, case["level"])
        assert found.conf_int == pytest.approx(case["difference"], rel=1e-9, abs=1e-12), case


def test_quantiles() -> None:
    for case in REFERENCE["samples"]:
        s = spread(case["sample"])
        five = (s.minimum, s.lower_quartile, s.median, s.upper_quartile, s.maximum)
        assert five == pytest.approx(case["quantiles"], rel=1e-12)
