"""One simulated trial: its patients, as an analysis takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np

from ..data import Patients
from ..errors import DesignError, ProtocolError
from ..protocol import Analysis, Protocol, Scenario, quoted
from ..protocol.scenarios import MOST_PATIENTS
from ..protocol.simulations import refuse_unknown
from .cohort import FIELDS, Cohort, cohort, draw_baseline, draw_columns
from .looks import Cut
from .model import model
from .patients import endpoint_place, patients

Subjects = int | Mapping[str, int]  # of a trial, or of each of its arms
_DAY = ("pfs_day", "os_day", "ttp_day")
_EVENT = ("pfs_event", "os_event", "ttp_event")


def trial(
    protocol: Protocol,
    scenario: str | Scenario | None = None,
    *,
    seed: int,
    number: int = 0,
    subjects: Subjects | None = None,
    cut: Cut | None = None,
    estimand: str | None = None,
) -> Patients:
    """The patients of one trial, allocated by the protocol's own procedure, as ``analyze.run`` takes them.

    ``number`` is the trial's place among those of a seed: trial 7 alone is trial 7 of 100,000. ``subjects`` is how
    many patients there are, or how many in each arm, given which the procedure allocates them; it defaults to the
    scenario's ``patients``, else to those that the protocol quotes as published. ``cut`` is when the data are cut,
    by default at the scenario's cut-off; events are those of the endpoint of ``estimand`` (by default the primary
    analysis's) in its two arms, and a cut that never comes is the cut-off.

    Raises ``ProtocolError`` or ``DesignError`` for what the protocol or the scenario lacks.

    >>> from equipoise.protocol import example
    >>> print(trial(example("tandem"), seed=1, cut=Cut(events=100)))
    135 patients in ADTTE (PFS: 135 records, OS: 135 records), origin simulated
    """
    chosen = scenario_of(protocol, scenario)
    wanted = subjects_of(protocol, chosen, subjects)
    made = model(protocol, chosen)
    baseline = draw_baseline(protocol, chosen, wanted, seed=seed, number=number)
    u = draw_columns(made, number_of(wanted), seed=seed, number=number)
    drawn = cohort(protocol, made, baseline, u, seed=seed, number=number)
    notes: tuple[str, ...] = ()
    if cut is not None:
        if not isinstance(cut, Cut):
            raise DesignError(f"{cut!r} is no cut", where="cut", remedy="Such as Cut(events=150).")
        analysis = analysis_of(protocol, estimand)
        day = _day_of(protocol, drawn, cut, analysis.estimand)
        timing, timings = made.timing.copy(), made.timings.copy()
        if day > timing[1]:
            notes = (f"the cut {cut} does not come by the cut-off, at which these data are cut",)
        timing[1] = timings[:, 1] = min(day, timing[1])
        drawn = cohort(protocol, replace(made, timing=timing, timings=timings), baseline, u, seed=seed, number=number)
    entered = _entered(drawn)
    if not len(entered.baseline):
        raise DesignError(
            f"nobody has entered by the cut {cut}", where="cut", remedy="Cut later, or shorten the accrual."
        )
    return patients(protocol, entered, origin="simulated", notes=notes)


def _day_of(protocol: Protocol, drawn: Cohort, cut: Cut, estimand: str) -> float:
    """The day of a cut; infinite where it never comes."""
    about = protocol.estimands[estimand]
    arms = [drawn.model.arms.index(arm) for arm in (about.treatment.control, about.treatment.experimental)]
    of_arms = (drawn.column("entered") == 1) & np.isin(drawn.baseline.arm, arms)
    named: list[str | None] = [None, *(name for name, one in protocol.endpoints.items() if one.events is not None)]
    rule = cut.rule(named, drawn.model.scenario.first_patient)
    found = []
    for part, (_, amount, whose, _) in zip(cut.parts, rule, strict=True):
        if part.events is None:
            found.append(amount)
            continue
        place = endpoint_place(protocol, named[int(whose)] or about.variable)
        counted = of_arms & (drawn.column(_EVENT[place]) == 1)
        dates = np.sort((drawn.column("entry") + drawn.column(_DAY[place]))[counted])
        found.append(float(dates[part.events - 1]) if len(dates) >= part.events else np.inf)
    return min(found) if cut.which == "earlier" else max(found)


def _entered(drawn: Cohort) -> Cohort:
    """The patients who had entered by the cut."""
    kept = drawn.history[:, FIELDS.index("entered")] == 1
    about = drawn.baseline
    return replace(
        drawn,
        baseline=replace(
            about,
            factors={name: codes[kept] for name, codes in about.factors.items()},
            truly={name: codes[kept] for name, codes in about.truly.items()},
            **{f.name: getattr(about, f.name)[kept] for f in fields(about) if f.name not in ("factors", "truly")},
        ),
        uniforms=drawn.uniforms[kept],
        history=drawn.history[kept],
        latent=drawn.latent[kept],
        doses=tuple(one[kept] for one in drawn.doses),
        adverse_events=drawn.adverse_events[kept],
        sites=None if drawn.sites is None else drawn.sites[kept],
        responders={column: who[kept] for column, who in drawn.responders.items()},
    )


def scenario_of(protocol: Protocol, scenario: str | Scenario | None) -> Scenario:
    """A scenario of the protocol by its name, the first one that it states, or the one that is given."""
    if isinstance(scenario, Scenario):
        return scenario
    known = protocol.scenario
    if not known:
        raise ProtocolError(
            "the protocol has no scenario from which patients could be drawn",
            where="scenario",
            remedy="Add [scenario.NAME] with first_patient, accrual, cutoff and the hazards.",
        )
    if scenario is None:
        scenario = next((name for name, one in known.items() if one.role == "stated"), next(iter(known)))
    if scenario not in known:
        raise ProtocolError(
            f"there is no scenario {scenario!r}", where="scenario", remedy=f"Known: {', '.join(map(repr, known))}."
        )
    refuse_unknown(protocol.unknown, f"scenario.{quoted(scenario)}")
    return known[scenario]


def number_of(subjects: Subjects) -> int:
    """How many patients there are in all."""
    return sum(subjects.values()) if isinstance(subjects, Mapping) else subjects


def subjects_of(protocol: Protocol, scenario: Scenario, given: Subjects | None) -> Subjects:
    """How many patients a trial has, or each of its arms."""
    if given is not None:
        numbers = list(given.values()) if isinstance(given, Mapping) else [given]
        right = all(not isinstance(one, bool) and isinstance(one, int | np.integer) and one > 0 for one in numbers)
        if not right or sum(numbers) < 2:
            raise DesignError(f"{given!r} is no number of patients", where="subjects", remedy="Give 2 or more.")
        _check_number(sum(numbers), "subjects")
        return dict(given) if isinstance(given, Mapping) else int(given)
    if scenario.patients is not None:
        return scenario.patients
    arms = protocol.randomization.allocation if protocol.randomization else {}
    published = {
        n.arm: int(n.printed.value)
        for n in protocol.published.numbers
        if n.statistic == "subjects" and n.arm in arms and n.estimand is None and not n.printed.word
    }
    if not arms or set(published) != set(arms):
        raise DesignError(
            "nothing says how many patients a simulated trial has",
            where="scenario.NAME.patients",
            remedy="Give the scenario its patients, or the argument subjects.",
        )
    _check_number(sum(published.values()), "published.numbers")
    return sum(published.values())


def _check_number(patients: int, where: str) -> None:
    """Refuse more patients than a scenario may have."""
    if patients > MOST_PATIENTS:
        raise DesignError(
            f"{patients:,} are more patients than a trial has",
            where=where,
            remedy=f"Give {MOST_PATIENTS:,} or less.",
        )


def analysis_of(protocol: Protocol, estimand: str | None) -> Analysis:
    """The analysis by which an estimand is tested: the primary one, or the first of the estimand."""
    every = list(protocol.analyses.values())
    if estimand is None:
        found = next((a for a in every if a.role == "primary"), every[0] if every else None)
    else:
        found = next((a for a in every if a.estimand == estimand), None)
    if found is None:
        known = ", ".join(sorted({repr(a.estimand) for a in every})) or "none"
        raise ProtocolError(
            f"no analysis is of the estimand {estimand!r}" if estimand else "the protocol has no analysis",
            where="analyses",
            remedy=f"Estimands that are analyzed: {known}.",
        )
    return found
