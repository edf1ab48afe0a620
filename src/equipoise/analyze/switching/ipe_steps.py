"""The step of iterative parameter estimation: from psi to the psi of the model of the times that it restores."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels import accelerated_again
from ...survival.accelerated import Distribution, fitted
from ...survival.model_matrix import model_matrix
from .counterfactual import Recensor, unswitched
from .logistic import comparable
from .psi_search import Layout, layout
from .record import Switches, Vector
from .restored_draws import Copies

Step = Callable[[float], float]
Asked = tuple[bool, Recensor, Distribution]  # whether stratified, what is recensored, the law of times


def plain_step(
    switches: Switches, chosen: dict[str, Any] | None, by_stratum: bool, recensor: Recensor, law: Distribution
) -> Step:
    """The step by the accelerated failure time model of ``accelerated``."""
    x = columns_of(switches, chosen, by_stratum)

    def following(psi: float) -> float:
        data = unswitched(switches, psi, recensor=recensor)
        return -float(fitted(np.log(data.time), data.event > 0, x, law).coef[1])

    return following


def columns_of(switches: Switches, chosen: dict[str, Any] | None, by_stratum: bool) -> Vector:
    """A constant, the experimental arm, strata against the first, and covariates, (n, p)."""
    tte = switches.tte
    strata = [tte.stratum == s for s in range(1, len(tte.strata))] if by_stratum else []
    x = np.column_stack([np.ones(tte.n), tte.arm == 1, *strata, *model_matrix(tte, chosen).covariates])
    return x.astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """The steps of the data and of their bootstrap samples by a kernel, under a Weibull law or an exponential one.

    ``a`` (n, p + 1) are columns of one scale with their sign changed, and a place for log times less ``center`` over
    ``unit``; ``start`` (p + 1,) is where the search for a maximum begins, the last 1 over scale, of which the first
    ``size`` move.
    """

    subjects: Layout
    a: Vector
    center: float
    unit: float
    start: Vector
    size: int

    def of(self, copies: Copies, plain: Callable[[], Step]) -> tuple[Step, Vector]:
        """The step of a sample (n,), and where its search for a maximum ends, (p + 1,), changed by each step.

        ``plain`` gives the step to take where the kernel is in doubt.
        """
        there = np.flatnonzero(copies)
        time, on, end, event, arm = (column[there] for column in self.subjects.columns[:5])
        copies, a, delta = copies[there], self.a[there], self.start.copy()
        known: list[Step] = []

        def following(psi: float) -> float:
            factors = np.array([math.expm1(psi), math.expm1(-psi)])
            found = accelerated_again(
                factors, self.size, time, on, end, event, arm, copies, self.center, self.unit, a, delta
            )
            if math.isnan(found):
                if not known:
                    known.append(plain())
                return known[0](psi)
            return -float(found)

        return following, delta


def steps_of(
    switches: Switches, chosen: dict[str, Any] | None, by_stratum: bool, recensor: Recensor, law: Distribution
) -> Steps | None:
    """What a kernel needs for the steps of samples; None for laws it does not know, and where times do not vary."""
    if law not in ("weibull", "exponential"):
        return None
    x = columns_of(switches, chosen, by_stratum)
    logs = np.log(switches.tte.time)
    center, unit = float(logs.mean()), float(logs.std())
    if unit <= 1e-6 * max(abs(center), 1.0):
        return None
    a = np.column_stack([-np.ones(len(x)), -comparable(x[:, 1:])[0], logs])
    start = np.zeros(a.shape[1])
    start[-1] = 1.0 if law == "weibull" else unit
    return Steps(
        subjects=layout(switches, recensor, False), a=a, center=center, unit=unit, start=start,
        size=a.shape[1] - (law == "exponential"),
    )  # fmt: skip
