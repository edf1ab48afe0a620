"""When simulated trials are looked at, and the bounds that are asked there."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..design import GroupSequential, Plan
from ..design.given import whole_number
from ..design.methods import MaxCombo, Milestone, RestrictedMean
from ..errors import DesignError, UnsupportedError
from ..kernels.trials import AT_EVENTS, ON_DAY
from ..results import read_only
from ..units import days

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cut:
    """When data are cut: at a number of ``events`` (of the endpoint that is tested, or of ``endpoint``), at a ``time``
    after the first patient, or on a ``date`` of the calendar; or at the later or the earlier (``which``) of several:
    of events and a time, or of the cuts in ``of``. A cut at events or on a date takes in all of its day.

    Raises ``DesignError`` for a cut that is none.

    >>> print(Cut(events=150), Cut(time="24 months"), Cut(events=150, time="24 months", which="later"), sep="; ")
    at 150 events; at 24 months; at 150 events or 24 months, whichever is later
    >>> from datetime import date
    >>> print(Cut(which="later", of=(Cut(events=150), Cut(events=80, endpoint="OS"), Cut(date=date(2003, 12, 31)))))
    at 150 events, 80 events of OS or 2003-12-31, whichever is latest
    """

    events: int | None = None
    time: str | None = None
    which: Literal["later", "earlier"] | None = None
    endpoint: str | None = None
    date: datetime.date | None = None
    of: tuple[Cut, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", tuple(self.of))
        if self.which not in (None, "later", "earlier"):
            raise DesignError(f"which = {self.which!r} of several cuts", where="which", remedy='"later" or "earlier".')
        given = sum(one is not None for one in (self.events, self.time, self.date))
        if self.of:
            self._check_several(given)
        elif self.which is not None and given == 1:
            raise DesignError(f"the {self.which} of one thing is no rule", where="cut", remedy="Give several.")
        elif given != 1 + (self.which is not None):
            raise DesignError(
                "a cut comes at a number of events, at a time, on a date, or at the later or the earlier of several",
                where="cut",
                remedy='Such as Cut(events=150) or Cut(events=150, time="24 months", which="later").',
            )
        if self.events is not None and not 1 <= (whole_number(self.events) or 0) < 10**9:
            raise DesignError(f"a cut at {self.events!r} events is none", where="events", remedy="Give 1 or more.")
        if self.time is not None and not days(self.time) >= 1:
            raise DesignError(f"a cut at {self.time} is none", where="time", remedy="Give a day or more.")
        if self.date is not None and type(self.date) is not datetime.date:
            raise DesignError(f"{self.date!r} is no date", where="date", remedy="Such as date(2003, 12, 31).")
        if self.endpoint is not None and (self.events is None or not isinstance(self.endpoint, str)):
            raise DesignError("an endpoint says whose events are counted", where="endpoint", remedy="Give events too.")

    def _check_several(self, given: int) -> None:
        single = all(isinstance(one, Cut) and one.which is None for one in self.of)
        if given or self.endpoint is not None or self.which is None or len(self.of) < 2 or not single:
            raise DesignError(
                "of several cuts, each of one thing, the later or the earlier counts, and nothing beside them",
                where="of",
                remedy='Such as Cut(which="later", of=(Cut(events=150), Cut(time="24 months"))).',
            )

    @property
    def parts(self) -> tuple[Cut, ...]:
        """What a cut is made of, each of one thing."""
        if self.of:
            return self.of
        if self.which is None:
            return (self,)
        single: tuple[dict[str, Any], ...] = (
            {"events": self.events, "endpoint": self.endpoint}, {"time": self.time}, {"date": self.date}
        )  # fmt: skip
        return tuple(Cut(**one) for one in single if any(value is not None for value in one.values()))

    def __str__(self) -> str:
        names = [one._named() for one in self.parts]
        if self.which is None:
            return f"at {names[0]}"
        most = {"later": "latest", "earlier": "earliest"}[self.which] if len(names) > 2 else self.which
        return f"at {', '.join(names[:-1])} or {names[-1]}, whichever is {most}"

    def _named(self) -> str:
        whose = "" if self.endpoint is None else f" of {self.endpoint}"
        return str(self.date or self.time or f"{self.events} events{whose}")

    def rule(
        self, places: Sequence[str | None], first: datetime.date | None
    ) -> list[tuple[float, float, float, float]]:
        """Its parts as the kernel takes them: ``places`` are the endpoints whose events are counted, None the one that
        is tested; ``first`` the date of the first patient.

        Raises ``DesignError`` for events of an endpoint that is not counted, and a date where no calendar is known.
        """
        earlier = float(self.which == "earlier")
        found = []
        for one in self.parts:
            if one.events is not None:
                if one.endpoint not in places:
                    raise DesignError(
                        f"a cut counts events of {one.endpoint!r}, which is not simulated here",
                        where="endpoint",
                        remedy=f"Known: {', '.join(repr(p) for p in places if p) or 'the one that is tested'}.",
                    )
                found.append((float(AT_EVENTS), float(one.events), float(places.index(one.endpoint)), earlier))
            else:
                found.append((float(ON_DAY), one._day(first), 0.0, earlier))
        return found

    def _day(self, first: datetime.date | None) -> float:
        """Days from the first patient on that a cut at a time or on a date takes in."""
        if self.time is not None:
            return math.floor(days(self.time) + 0.5)
        assert self.date is not None
        if first is None or self.date < first:
            when = "no date of the first patient is known" if first is None else f"the first patient enters on {first}"
            raise DesignError(
                f"a cut on {self.date} is none: {when}",
                where="date",
                remedy="Give a later date, or a time after the first patient.",
            )
        return float((self.date - first).days + 1)  # the first patient's day is the first; the date itself is in


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
            object.__setattr__(self, name, _bounds(given, len(cuts), name, self.sided))
        own = [cut.events for cut in cuts if cut.events is not None and cut.which is None and cut.endpoint is None]
        if any(b <= a for a, b in pairwise(own)):
            raise DesignError(
                f"looks come in order, and these are at {', '.join(map(str, own))} events",
                where="cuts",
                remedy="Give numbers that rise.",
            )
        if (self.futility > self.efficacy).any():  # type: ignore[operator]
            raise DesignError("futility lies above efficacy", where="futility", remedy="Take lower bounds.")
        read_only(self)

    def rules(self, places: Sequence[str | None] = (None,), first: datetime.date | None = None) -> Vector:
        """Cuts as the kernel takes them, (k, parts, 4); ``places`` and ``first`` as of ``Cut.rule``."""
        each = [cut.rule(places, first) for cut in self.cuts]
        found = np.zeros((len(each), max(len(one) for one in each), 4))
        for k, one in enumerate(each):
            found[k, : len(one)] = one
        return found

    @property
    def wanted(self) -> Vector:
        """Events of the tested endpoint that each cut asks for, 0 without (k,)."""
        own = [[p.events for p in cut.parts if p.events is not None and p.endpoint is None] for cut in self.cuts]
        return np.array([float(max(one, default=0)) for one in own])


def _bounds(given: object, looks: int, name: str, sided: int) -> Vector:
    """Bounds on Z as an array (k,), minus infinity where none is given."""
    remedy = "Give a number for each look, infinite where there is none."
    try:
        bounds = np.full(looks, -math.inf) if given is None else np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise DesignError(f"{name} = {given!r} are no bounds on Z", where=name, remedy=remedy) from None
    if bounds.shape != (looks,):
        raise DesignError(f"{looks} looks need as many bounds, not {given!r}", where=name, remedy=remedy)
    # At or below its lowest a bound for a claim is met by every Z.
    lowest, what = (0.0, "above zero") if sided == 2 else (-math.inf, "numbers")
    if name == "efficacy" and not (bounds > lowest).all():
        raise DesignError(
            f"{name} = {bounds.tolist()}: bounds on Z for a claim in a {sided}-sided test are {what}",
            where=name,
            remedy=remedy,
        )
    if np.isnan(bounds).any():
        raise DesignError(f"{name} = {bounds.tolist()} are no bounds on Z", where=name, remedy=remedy)
    return bounds


def looks_of(plan: Plan) -> Looks:
    """The looks of a plan, at whole numbers of events, with its bounds.

    Raises ``UnsupportedError`` for what is not tested by a log-rank test without weights, and for futility between the
    bounds of a two-sided test.
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
    cuts = [Cut(events=math.floor(events + 0.5)) for events in plan.look_events.sum(axis=1)]
    return _looks(cuts, plan.efficacy_bounds, plan.futility_bounds, plan.test.sided)


def looks_at(test: GroupSequential, cuts: Sequence[Cut]) -> Looks:
    """The bounds of a test at some cuts, one for each of its looks.

    Raises ``UnsupportedError`` for futility between the bounds of a two-sided test.
    """
    return _looks(cuts, test.efficacy_bounds, test.futility_bounds, test.sided)


def _looks(cuts: Sequence[Cut], efficacy: Vector, futility: Vector | None, sided: int) -> Looks:
    if sided == 2 and futility is not None:
        raise UnsupportedError(
            "bounds for futility between those of a two-sided test are not simulated",
            where="futility",
            remedy="Take sided = 1 with half of alpha.",
        )
    if futility is not None:  # at the last look a trial that claims nothing ends, whatever the bound
        futility = np.where(np.arange(len(futility)) + 1 < len(futility), futility, -math.inf)
    return Looks(cuts=tuple(cuts), efficacy=efficacy, futility=futility, sided=sided)
