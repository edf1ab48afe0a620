"""What every formula makes of one trial; and the share of the events that calendar times bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from ..errors import DesignError, EquipoiseError, UnsupportedError
from ..results import fixed
from ..units import days
from .accrual import Accrual
from .course import events_share
from .given import FrozenMapping
from .group_sequential import GroupSequential
from .hazards import Hazard
from .looks import listed
from .methods import FORMULAS
from .plan import Plan
from .population import population, ratios_of
from .survival_design import Inputs, Ratio, survival

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SideBySide:
    """One trial by every formula: ``plans`` by method, and why the others do not apply (``refused``)."""

    plans: Mapping[str, Plan]
    refused: Mapping[str, str]

    def __str__(self) -> str:
        rows = [
            (FORMULAS[name], fixed(plan.events, 2), fixed(plan.patients, 2), fixed(100 * plan.power, 2))
            for name, plan in self.plans.items()
        ]
        heads = ("method", "events", "patients", "power (%)")
        widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(4)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in (1, 2, 3))])
            for row in (heads, *rows)
        ]
        return "\n".join([*lines, *(_refused(FORMULAS[name], why) for name, why in self.refused.items())])


def _refused(name: str, why: str) -> str:
    return why if why.startswith(name) else f"{name}: {why}"


def formulas(test: GroupSequential, **trial: Unpack[Inputs]) -> SideBySide:
    """The same trial by every formula that applies; arguments as in ``survival``, but for the method.

    Formulas differ most where arms are unequal: 286 to 326 events in a trial of 2:1 whose truth is about 306.

    Raises ``DesignError`` where none applies, and what ``survival`` raises.

    >>> from equipoise.design import accrual, group_sequential, hazard, median, obrien_fleming
    >>> test = group_sequential(alpha=0.025, sided=1, information_fractions=[1], efficacy=obrien_fleming())
    >>> print(formulas(test, hazard_ratio=0.68, power=0.9, control=median("9 months"), dropout=hazard(0.003),
    ...                allocation={"B": 2, "A": 1}, accrual=accrual("18 months"), follow_up="18 months"))
    method                                                                events  patients  power (%)
    Schoenfeld (1981)                                                     317.90    416.21      90.00
    Freedman (1982)                                                       285.75    374.12      90.00
    Hsieh and Freedman (Hsieh 1992)                                       325.81    426.57      90.00
    Lachin and Foulkes (1986)                                             310.29    406.25      90.00
    Bernstein and Lagakos (1978)                                          294.56    385.65      90.00
    mean and variance of the log-rank score (Lu 2021; Yung and Liu 2020)  302.59    396.17      90.00
    log-rank score, variance of Z under the effect (influence functions)  309.38    405.05      90.00
    average hazard ratio (Schemper 1992; Mukhopadhyay et al. 2020)        312.36    408.96      90.00
    """
    for name in trial:
        if name not in Inputs.__annotations__:
            raise DesignError(
                f"formulas() has no argument {name!r}",
                where=name,
                remedy=f"Known: {', '.join(Inputs.__annotations__)}.",
            )
    missing = [name for name in ("control", "allocation", "accrual") if name not in trial]
    if missing:
        raise DesignError(
            f"formulas() misses {', '.join(missing)}", where=missing[0], remedy="Give what survival() takes."
        )
    if "method" in trial:
        raise DesignError("formulas() takes every method", where="method", remedy="Leave it out; survival() takes one.")
    plans: dict[str, Plan] = {}
    refused: dict[str, str] = {}
    for name in FORMULAS:
        try:
            trial["method"] = name  # type: ignore[typeddict-item]
            plans[name] = survival(test, **trial)
        except (DesignError, UnsupportedError) as error:
            refused[name] = error.what
            last: EquipoiseError = error
    if not plans:
        raise last
    return SideBySide(plans=FrozenMapping(plans), refused=FrozenMapping(refused))


def event_fractions(
    at: Sequence[str],
    *,
    control: Hazard | Mapping[str, Hazard],
    allocation: Mapping[str, float],
    accrual: Accrual,
    hazard_ratio: Ratio,
    dropout: Hazard | Mapping[str, Hazard] | None = None,
    strata: Mapping[str, float] | None = None,
    follow_up_each: str | None = None,
) -> Vector:
    """The shares of the events at the last of some calendar times after the first patient that are expected at each:
    the information fractions of looks by the calendar. Arguments as in ``survival``.

    >>> from equipoise.design import accrual, median
    >>> event_fractions(["18 months", "36 months"], control=median("9 months"), allocation={"B": 1, "A": 1},
    ...                 accrual=accrual("18 months"), hazard_ratio=0.68).round(6).tolist()
    [0.503234, 1.0]
    """
    if not isinstance(accrual, Accrual) or accrual.open:
        raise DesignError("accrual has no end", where="accrual", remedy="Give its duration.")
    asked = [at] if isinstance(at, str) else listed(at) or []
    times = [days(one) for one in asked]
    if not times or any(later <= former for former, later in zip([0.0, *times], times, strict=False)):
        raise DesignError(
            f"looks at {', '.join(map(str, asked)) or 'no time'} do not come one after the other, "
            "after the first patient",
            where="at",
            remedy='Such as ["18 months", "36 months"].',
        )
    people = population(control, allocation, dropout, strata, follow_up_each)
    course = people.course(ratios_of(hazard_ratio, people.strata), accrual)
    found = np.array([events_share(course, time) for time in times])
    if not found[0] > 0:
        raise DesignError(f"nobody is expected to have an event by {asked[0]}", where="at", remedy="Look later.")
    return np.asarray(found / found[-1])
