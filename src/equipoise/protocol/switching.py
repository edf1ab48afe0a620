"""``[analyses.NAME.switching]``: how a hypothetical estimand is estimated where people switch treatment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from ..errors import ProtocolError
from .section import Many, Section, Text, known, quoted

if TYPE_CHECKING:
    from .analyses import Analysis
    from .trial import Protocol

SwitchingMethod = Literal["rpsftm", "ipe", "two-stage", "two-stage g-estimation", "ipcw", "msm"]
TWO_STAGE: tuple[SwitchingMethod, ...] = ("two-stage", "two-stage g-estimation")
WEIGHTING: tuple[SwitchingMethod, ...] = ("ipcw", "msm")
OF_VISITS: tuple[SwitchingMethod, ...] = (*WEIGHTING, "two-stage g-estimation")
NAMES: dict[SwitchingMethod, str] = {
    "rpsftm": "RPSFTM",
    "ipe": "IPE",
    "two-stage": "two-stage",
    "two-stage g-estimation": "two-stage with g-estimation",
    "ipcw": "IPCW",
    "msm": "MSM",
}
"""What the methods are called in results."""


def _known_recensoring(value: object) -> object:
    if value is None or isinstance(value, bool) or value == "all arms":
        return value
    raise ValueError('recensor is true (in arms in which people may switch), "all arms" or false')


class Switching(Section):
    """The estimator of an analysis had nobody switched, and what stands beside it in the report.

    ``method`` is the analysis' own; ``beside`` are others, by default all. ``event`` names
    the intercurrent event that is the switch, where several are hypothetical; ``may_switch`` the arms in which it is
    possible (default: control). Limits are those of ``draws`` bootstrap samples (default 1000 of an RPSFTM, 200 of the
    others; 0: the method's own limits), seeded by ``seed`` (default 1). ``at_progression`` are columns of ADSL measured
    at progression, for "two-stage"; ``recensor`` is that of the methods that put times back. ``visits`` names the
    protocol's schedule of visits at which people may switch (default: every 4 weeks), ``since`` from when they may: by
    default progression, if the protocol has an endpoint of it. ``varying`` are PARAMCDs of ``[data] measurements``
    that tell of who switches, beside progression. These are for "ipcw" and "msm", visits and measurements also for
    "two-stage g-estimation".
    """

    method: SwitchingMethod
    beside: Many[SwitchingMethod] | None = None
    event: Text | None = None
    may_switch: Many[Text] = ()
    draws: Annotated[int, Field(ge=0)] | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    at_progression: Many[Text] = ()
    varying: Many[Text] = ()
    recensor: Annotated[bool | Literal["all arms"] | None, BeforeValidator(_known_recensoring)] = None
    visits: Text | None = None
    since: Literal["randomization", "progression"] | None = None

    @property
    def others(self) -> tuple[SwitchingMethod, ...]:
        """The methods beside the analysis' own."""
        return tuple(m for m in NAMES if m != self.method) if self.beside is None else self.beside

    def draws_of(self, method: SwitchingMethod) -> int:
        """Bootstrap samples of a method."""
        if self.draws is not None:
            return self.draws
        return 1000 if method == "rpsftm" else 200

    @model_validator(mode="after")
    def _nothing_twice_or_idle(self) -> Switching:
        named = (self.method, *(self.beside or ()))
        for method in named:
            if named.count(method) > 1:
                raise ValueError(f"the method {method!r} is named twice")
        for key, names in (
            ("may_switch", self.may_switch),
            ("at_progression", self.at_progression),
            ("varying", self.varying),
        ):
            for name in names:
                if [n.upper() for n in names].count(name.upper()) > 1:
                    raise ValueError(f"{key} name {name!r} twice")
        if self.draws == 1:
            raise ValueError("a bootstrap needs more than one sample: give draws = 0 for none, or 200 or more")
        all_of_them = {self.method, *self.others}
        idle = {
            "seed": self.seed is not None and self.draws == 0,
            "at_progression": bool(self.at_progression) and "two-stage" not in all_of_them,
            "recensor": self.recensor is not None and all_of_them <= set(WEIGHTING),
            "varying": bool(self.varying) and not all_of_them & set(OF_VISITS),
            "visits": self.visits is not None and not all_of_them & set(OF_VISITS),
            "since": self.since is not None and not all_of_them & set(WEIGHTING),
        }
        for key in (k for k, is_idle in idle.items() if is_idle):
            raise ValueError(f"{key} would do nothing: no method named reads it")
        return self


def endpoint_of_progression(protocol: Protocol) -> str | None:
    """The endpoint that progression alone ends, else progression or death; without its ``events`` by its name."""
    stated = [(name, e.events) for name, e in protocol.endpoints.items() if e.events and "progression" in e.events]
    alone = [name for name, events in stated if len(events) == 1]
    named = [name for name in ("TTP", "PFS") if name in protocol.endpoints]
    return next(iter([*alone, *(name for name, _ in stated), *named]), None)


def switching_from(protocol: Protocol, switching: Switching) -> Literal["randomization", "progression"]:
    """From when people may switch: as stated, else progression where the protocol has an endpoint of it."""
    if switching.since is not None:
        return switching.since
    return "randomization" if endpoint_of_progression(protocol) is None else "progression"


def switching_event(protocol: Protocol, analysis: Analysis) -> str:
    """The intercurrent event that is the switch of an analysis: as stated, else the hypothetical one."""
    assert analysis.switching is not None
    events = protocol.estimands[analysis.estimand].intercurrent_events
    return analysis.switching.event or next(n for n, rule in events.items() if rule.strategy == "hypothetical")


def check_switching(protocol: Protocol, analysis: Analysis, path: str) -> None:
    """The estimand asks for what would have been, and the analysis for nothing that its estimator does not read."""
    switching = analysis.switching
    assert switching is not None
    _check_estimand(protocol, analysis, switching, path)
    idle = {
        "test": analysis.test is not None,
        "rho": analysis.rho > 0,
        "gamma": analysis.gamma > 0,
        "weights": analysis.weights is not None,
        "limits": analysis.limits is not None,
        "penalty": analysis.penalty is not None,
        "null_hazard_ratio": analysis.null_hazard_ratio != 1,
        "subgroups": bool(analysis.subgroups),
        "diagnostics": "proportional hazards" in analysis.diagnostics,
        "ties": analysis.ties is not None and switching.method not in WEIGHTING,
    }
    for key in (k for k, is_idle in idle.items() if is_idle):
        raise ProtocolError(
            f"{key} would do nothing in this analysis: its estimator is {NAMES[switching.method]}, with tests and "
            "limits of its own",
            where=f"{path}.{key}",
            remedy="Remove it.",
        )
    if analysis.ties in ("discrete", "exact-marginal"):
        raise ProtocolError(
            f"{analysis.ties} ties are not there for weights", where=f"{path}.ties", remedy='"efron" or "breslow".'
        )
    if analysis.convention == "sas" and switching.method not in WEIGHTING:
        raise ProtocolError(
            f"{NAMES[switching.method]} has Efron's ties, and convention = \"sas\" means Breslow's",
            where=f"{path}.convention",
            remedy='Write convention = "house" or "r".',
        )
    if switching.method in TWO_STAGE and protocol.testing is not None:
        for i, name in enumerate(protocol.testing.order):
            if protocol.analyses.get(name) is analysis:
                raise ProtocolError(
                    f"the P of {NAMES[switching.method]} takes the factor of switching for known, so that it does not "
                    "keep an alpha",
                    where=f"testing.order[{i}]",
                    remedy="Take the analysis out of the order; RPSFTM and IPE keep the P of the test as observed.",
                )
    _check_names(protocol, analysis, switching, f"{path}.switching")


def _check_estimand(protocol: Protocol, analysis: Analysis, switching: Switching, path: str) -> None:
    estimand = protocol.estimands[analysis.estimand]
    if estimand.summary != "hazard ratio":
        raise ProtocolError(
            f'adjusted for switching is a hazard ratio, and the summary is "{estimand.summary}"',
            where=f"{path}.switching",
            remedy="Choose an estimand that is a hazard ratio.",
        )
    events = estimand.intercurrent_events
    asked = f"estimands.{quoted(analysis.estimand)}.intercurrent_events"
    if switching.event is not None:
        known(switching.event, events, "intercurrent event", f"{path}.switching.event")
    candidates = [name for name, rule in events.items() if rule.strategy == "hypothetical"]
    chosen = [switching.event] if switching.event is not None else candidates
    if not set(chosen) & set(candidates):
        raise ProtocolError(
            "an analysis adjusted for switching needs an intercurrent event with the strategy hypothetical",
            where=f"{path}.switching" if switching.event is None else f"{path}.switching.event",
            remedy=f'Write {asked}.NAME = {{ strategy = "hypothetical", date = "XODT" }}.',
        )
    if len(chosen) > 1:
        raise ProtocolError(
            f"several intercurrent events are hypothetical ({', '.join(chosen)}): which is the switch?",
            where=f"{path}.switching",
            remedy="Name it: event = ...",
        )
    for i, number in enumerate(protocol.published.numbers):
        if number.estimand == analysis.estimand and number.use != "shown" and number.statistic != "subjects":
            raise ProtocolError(
                "a published number cannot be tied out with an analysis that is adjusted for switching",
                where=f"published.numbers[{i}].estimand",
                remedy='Write use = "shown".',
            )


def _check_names(protocol: Protocol, analysis: Analysis, switching: Switching, path: str) -> None:
    needed = math.ceil(2 / (1 - analysis.confidence) - 1 - 1e-9)
    if switching.draws and switching.draws < needed:
        raise ProtocolError(
            f"{switching.draws} bootstrap samples have no limits at {100 * analysis.confidence:g}%",
            where=f"{path}.draws",
            remedy=f"Give {needed} or more, such as 1000, or 0 for the limits of the method.",
        )
    t = protocol.estimands[analysis.estimand].treatment
    for i, arm in enumerate(switching.may_switch):
        known(arm, (t.experimental, t.control), "arm of the estimand", f"{path}.may_switch[{i}]")
    if switching.visits is not None:
        known(switching.visits, protocol.visits, "visit", f"{path}.visits")
        if protocol.visits[switching.visits].every is None:
            raise ProtocolError(
                f"the visit {switching.visits!r} has no interval",
                where=f"visits.{quoted(switching.visits)}.every",
                remedy="Give one, or leave `visits` out: then people may switch every 4 weeks.",
            )
    if switching.varying and protocol.data.measurements is None:
        raise ProtocolError(
            "the data name no measurements on visits",
            where=f"{path}.varying",
            remedy='Name the data set: [data] measurements = "adqs".',
        )
    if endpoint_of_progression(protocol) is not None:
        return
    for key, needs in (
        ("method", switching.method.startswith("two-stage")),
        ("since", switching.since == "progression"),
    ):
        if needs:
            raise ProtocolError(
                f'{key} = "{getattr(switching, key)}" starts from progression, and no endpoint tells of it',
                where=f"{path}.{key}",
                remedy='Add an endpoint with events = ["progression", "death"].',
            )


def switching_words(analysis: Analysis) -> str:
    """The estimator of an analysis in the words of a synopsis; nothing where it is not adjusted for switching."""
    if analysis.switching is None:
        return ""
    draws = analysis.switching.draws_of(analysis.switching.method)
    limits = f"limits by {draws} bootstrap samples" if draws else "limits of the method"
    return f"hazard ratio had nobody switched, by {NAMES[analysis.switching.method]}, {limits}"
