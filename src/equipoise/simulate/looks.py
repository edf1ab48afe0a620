"""When simulated trials are looked at, and the bounds that are asked there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..design import Plan
from ..design.given import whole_number
from ..design.methods import MaxCombo, Milestone, RestrictedMean
from ..errors import DesignError, UnsupportedError
from ..kernels.trials import AT_EVENTS, EARLIER, LATER, ON_DAY
from ..results import read_only
from ..units import days

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cut:
    """When data are cut: at a number of ``events``, at a ``time`` after the first patient, or the later or the earlier
    (``which``) of both. A cut at events takes in all events of its day.

    Raises ``DesignError`` for a cut that is none.

    >>> print(Cut(events=150), Cut(time="24 months"), Cut(events=150, time="24 months", which="later"), sep="; ")
    at 150 events; at 24 months; at 150 events or 24 months, whichever is later
    """

    events: int | None = None
    time: str | None = None
    which: Literal["later", "earlier"] | None = None

    def __post_init__(self) -> None:
        if (self.events is None) == (self.time is None) and self.which not in ("later", "earlier"):
            raise DesignError(
                "a cut comes at a number of events, at a time, or at the later or the earlier of both",
                where="cut",
                remedy='Such as Cut(events=150) or Cut(events=150, time="24 months", which="later").',
            )
        if self.which is not None and (self.events is None or self.time is None):
            raise DesignError(
                f"the {self.which} of one thing is no rule", where="cut", remedy="Give both events and time."
            )
        if self.events is not None and not 1 <= (whole_number(self.events) or 0) < 10**9:
            raise DesignError(f"a cut at {self.events!r} events is none", where="events", remedy="Give 1 or more.")
        if self.time is not None and not days(self.time) >= 1:
            raise DesignError(f"a cut at {self.time} is none", where="time", remedy="Give a day or more.")

    def __str__(self) -> str:
        events = "" if self.events is None else f"{self.events} events"
        if self.which is None:
            return f"at {events or self.time}"
        return f"at {events} or {self.time}, whichever is {self.which}"

    def rule(self) -> tuple[float, float, float]:
        """Kind, events and day, as the kernel takes them."""
        day = 0.0 if self.time is None else math.floor(days(self.time) + 0.5)
        events = float(self.events or 0)
        if self.which is not None:
            return (LATER if self.which == "later" else EARLIER), events, day
        return (AT_EVENTS if self.time is None else ON_DAY), events, day


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """The cuts (k) of a trial with their bounds on Z, above zero in favour of the experimental arm.

    ``efficacy`` (k,): a trial stops with a claim at or above it. ``futility`` (k,): it stops without one at or below
    it; minus infinity where there is none. With ``sided`` 2 a trial also stops at minus the bound or below, a claim for
    the control arm.

    >>> looks = Looks(cuts=(Cut(events=75), Cut(events=150)), efficacy=[2.797, 1.977], sided=1)
    >>> looks.futility.tolist()
    [-inf, -inf]
    """

    cuts: tuple[Cut, ...]
    efficacy: Vector
    sided: int
    futility: Vector | None = None

    def __post_init__(self) -> None:
        cuts = tuple(self.cuts)
        if not cuts or not all(isinstance(one, Cut) for one in cuts):
            raise DesignError("there are no looks", where="cuts", remedy="Such as (Cut(events=75), Cut(events=150)).")
        if self.sided not in (1, 2):
            raise DesignError(f"sided = {self.sided!r} is neither 1 nor 2", where="sided", remedy="Say which.")
        object.__setattr__(self, "cuts", cuts)
        for name in ("efficacy", "futility"):
            given = getattr(self, name)
            bounds = np.full(len(cuts), -math.inf) if given is None else np.asarray(given, dtype=float)
            if bounds.shape != (len(cuts),) or np.isnan(bounds).any():
                raise DesignError(
                    f"{len(cuts)} looks need as many bounds, not {np.size(bounds)}",
                    where=name,
                    remedy="Give one for each look, infinite where there is none.",
                )
            object.__setattr__(self, name, bounds)
        if (self.futility > self.efficacy).any():  # type: ignore[operator]
            raise DesignError("futility lies above efficacy", where="futility", remedy="Take lower bounds.")
        read_only(self)

    def rules(self) -> Vector:
        """Cuts as the kernel takes them, (k, 3)."""
        return np.array([cut.rule() for cut in self.cuts], dtype=float)


def looks_of(plan: Plan) -> Looks:
    """The looks of a plan, at whole numbers of events, with its bounds.

    Raises ``UnsupportedError`` for what is not tested by a log-rank test without weights.
    """
    if not isinstance(plan, Plan):
        raise DesignError(f"{plan!r} is no plan", where="plan", remedy="Give what design.survival() returns.")
    if isinstance(plan.method, RestrictedMean | Milestone | MaxCombo) or not isinstance(plan.method, str):
        raise UnsupportedError(
            f"trials tested by {plan.method} are not simulated by a plan",
            where="plan",
            remedy="Draw patients with simulate.trial and analyze them, or plan by a log-rank test.",
        )
    if plan.null_hazard_ratio != 1 or plan.event_is != "harm":
        raise UnsupportedError(
            "trials with a margin, or whose events are hoped for, are not simulated by a plan",
            where="plan",
            remedy="Draw patients with simulate.trial and analyze them.",
        )
    futility = plan.futility_bounds
    if futility is not None:
        futility = np.where(np.arange(len(futility)) + 1 < len(futility), futility, -math.inf)
    return Looks(
        cuts=tuple(Cut(events=math.floor(events + 0.5)) for events in plan.look_events.sum(axis=1)),
        efficacy=plan.efficacy_bounds,
        futility=futility if plan.test.sided == 1 else None,
        sided=plan.test.sided,
    )
