"""The closed test: a hypothesis is rejected where every intersection that holds it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from ..design.given import FrozenMapping, named, real_number
from ..errors import DataError
from ..results import p_value
from .multiplicity import check_p, simes

MOST = 12  # hypotheses: 4,095 intersections

Local = Literal["bonferroni", "simes"] | Callable[[Mapping[str, float]], float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClosedTest:
    """Adjusted P by hypothesis, and the local P of every intersection by the names that it holds."""

    adjusted_p: Mapping[str, float]
    intersections: Mapping[frozenset[str], float]
    method: str

    def __str__(self) -> str:
        found = ", ".join(f"{name} {p_value(p)}" for name, p in self.adjusted_p.items())
        return f"{self.method}, adjusted P: {found}"


def closed_test(p_values: Mapping[str, float], local: Local, weights: Mapping[str, float] | None = None) -> ClosedTest:
    """Whether each hypothesis is false, at a chance of any false claim of at most alpha, strongly.

    The adjusted P of a hypothesis is the largest local P of the intersections that hold it (Marcus, Peritz and
    Gabriel 1976). ``local`` tests an intersection: "bonferroni" (least P over the hypothesis' share of the
    intersection's ``weights``, equal ones if None), "simes" (independent or positively dependent tests), or a
    function from the P values of an intersection to its P. A P of ``nan`` counts as 1.

    Raises ``DataError`` for a number that is no P value, weights that do not fit, or more than 12 hypotheses.

    >>> print(closed_test({"PFS": 0.01, "OS": 0.04, "QoL": 0.03}, "bonferroni"))
    closed test, Bonferroni, adjusted P: PFS 0.0300, OS 0.0600, QoL 0.0600
    """
    check_p(p_values)
    if not 0 < len(p_values) <= MOST:
        raise DataError(
            f"a closed test of {len(p_values)} hypotheses is not made", remedy=f"Give from 1 to {MOST}, or use a graph."
        )
    known = {name: 1.0 if math.isnan(p) else float(p) for name, p in p_values.items()}
    shares = _shares(known, local, weights)
    test = {"bonferroni": lambda p: _bonferroni(p, shares), "simes": lambda p: simes(list(p.values()))}
    tested = test[local] if isinstance(local, str) else local
    found: dict[frozenset[str], float] = {}
    for size in range(1, len(known) + 1):
        for names in combinations(known, size):
            given = tested({name: known[name] for name in names})
            p = real_number(given)
            if not 0 <= p <= 1:
                raise DataError(
                    f"the local test gives {given!r} for {', '.join(names)}",
                    remedy="It must give a P value from 0 to 1.",
                )
            found[frozenset(names)] = p
    adjusted = {name: max(p for held, p in found.items() if name in held) for name in known}
    kind = {"bonferroni": "weighted Bonferroni" if weights else "Bonferroni", "simes": "Simes"}
    return ClosedTest(
        adjusted_p=FrozenMapping(adjusted),
        intersections=FrozenMapping(found),
        method=f"closed test, {kind[local] if isinstance(local, str) else 'local test given'}",
    )


def _shares(p_values: Mapping[str, float], local: Local, weights: Mapping[str, float] | None) -> Mapping[str, float]:
    if not callable(local) and local not in ("bonferroni", "simes"):
        raise DataError(f"there is no local test {local!r}", remedy='Use "bonferroni", "simes" or a function.')
    if weights is None:
        return dict.fromkeys(p_values, 1.0)
    if local != "bonferroni":
        raise DataError("weights belong to the Bonferroni test", column="weights", remedy="Leave them out.")
    fits = named(weights) and set(weights) == set(p_values)
    found = {name: real_number(w) for name, w in weights.items()} if fits else {}
    if not fits or not all(w > 0 for w in found.values()) or not 0 < sum(found.values()) < math.inf:
        raise DataError(
            "the weights do not fit the hypotheses", column="weights", remedy="Give each a weight above zero."
        )
    return found


def _bonferroni(p_values: Mapping[str, float], shares: Mapping[str, float]) -> float:
    total = sum(shares[name] for name in p_values)
    return min(1.0, min(p * total / shares[name] for name, p in p_values.items()))
