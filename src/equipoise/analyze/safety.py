"""Adverse events: subjects who had them, by arm, and the difference of their shares, as rows of the long table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .. import results
from ..data import Patients
from ..errors import DataError, ProtocolError
from ..protocol import Protocol, Safety
from ..results import Entry, Row
from .estimand import subjects
from .proportions import difference

NYHA_CLASSES = ("I", "II", "III", "IV")
NOT_CODED = "not coded"
_NYHA_CODES = {name: k for k, name in enumerate(NYHA_CLASSES, start=1)}
_GRADES = (1, 2, 3, 4, 5)
_YES_NO = {"Y": 1, "N": 0}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Events:
    """Adverse events of the safety population, checked, as columns, and the arms of its subjects.

    ``subject`` is the place of an event's subject in ``arm``, which holds the place of his arm in ``totals``; codes
    that are not on record are ``nan``. ``columns`` are those of ADAE; ``uncounted`` are subjects of ADAE in neither
    arm of the population, ``before`` the events that are left out because they did not begin on treatment.
    """

    safety: Safety
    subject: NDArray[np.int64]
    term: list[str]
    system: list[str]
    grade: NDArray[np.float64]
    serious: NDArray[np.float64]
    nyha: NDArray[np.float64]
    arm: NDArray[np.int64]
    totals: dict[str, int]
    columns: frozenset[str]
    uncounted: int
    before: int

    def count(self, which: NDArray[np.bool_]) -> dict[str, int]:
        """Subjects of each arm with at least one of these events, each once."""
        had = np.zeros(len(self.arm), dtype=bool)
        had[self.subject[which]] = True
        return dict(zip(self.totals, np.bincount(self.arm[had], minlength=len(self.totals)).tolist(), strict=True))

    def count_each(self, code: list[int], codes: int) -> list[dict[str, int]]:
        """``count`` of the events of each code from 0."""
        had = np.zeros((codes, len(self.arm)), dtype=bool)
        had[code, self.subject] = True
        by_arm = np.stack([had[:, self.arm == k].sum(axis=1) for k in range(len(self.totals))], axis=1)
        return [dict(zip(self.totals, counts, strict=True)) for counts in by_arm.tolist()]

    @property
    def cardiac(self) -> NDArray[np.bool_]:
        """Events of the protocol's cardiac body system, in whatever case it is written, or with an NYHA class."""
        wanted = self.safety.cardiac.lower()
        of_system = np.array([system.lower() == wanted for system in self.system], dtype=bool)
        return of_system | ~np.isnan(self.nyha)

    @property
    def method(self) -> str:
        which = "treatment-emergent adverse events (TRTEMFL = Y)"
        if "TRTEMFL" not in self.columns:
            which = "all adverse events on record (ADAE has no TRTEMFL)"
        return f"subjects with at least one, each once; {which}, by arm as randomized, also after a crossover"


def adverse_event_count(
    trial: Protocol,
    data: Patients,
    arm: str,
    *,
    grade: int | None = None,
    serious: bool | None = None,
    nyha: int | None = None,
    term: str | None = None,
) -> tuple[int, int]:
    """Subjects of an arm's safety population with at least one such adverse event, and all subjects of it.

    An event is such a one if it meets every condition given: ``grade`` 1 to 5 is its own grade, not the subject's
    worst; ``nyha`` 1 to 4 its NYHA class; ``term`` its AEDECOD (AETERM where that is missing), in whatever case.
    Only treatment-emergent events count where ADAE says which they are. Raises ``ProtocolError`` for an arm that is
    not in the protocol or a protocol without [safety], ``DataError`` where ADAE cannot say.

    >>> from dataclasses import replace
    >>> from equipoise.data import read_adam
    >>> from equipoise.protocol import Contrast, example
    >>> trial = example("veteran")
    >>> safety = Safety(population="ITT", treatment=Contrast(experimental="test", control="standard"))
    >>> trial = trial.model_copy(update={"safety": safety})
    >>> events = pl.DataFrame({"USUBJID": ["VALUNG-001"] * 2, "AETOXGR": ["3", "4"], "AESER": ["N", "Y"]})
    >>> data = replace(read_adam(None, trial), adae=events)
    >>> adverse_event_count(trial, data, "standard", grade=3)
    (1, 69)
    >>> adverse_event_count(trial, data, "standard", grade=3, serious=True)
    (0, 69)
    """
    if arm not in trial.arms:
        raise ProtocolError(f"there is no arm {arm!r}", where="arms", remedy=f"Known: {', '.join(trial.arms)}.")
    events = _events(trial, data, (arm,))
    terms = np.array([name.lower() for name in events.term], dtype=object)
    which = np.ones(len(terms), dtype=bool)
    for value, columns, name, held in (
        (grade, ("AETOXGR",), "grade", events.grade), (serious, ("AESER",), "serious", events.serious),
        (nyha, ("NYHACLS",), "nyha", events.nyha),
        (None if term is None else term.lower(), ("AEDECOD", "AETERM"), "term", terms),
    ):  # fmt: skip
        if value is None:
            continue
        if events.columns.isdisjoint(columns):
            raise DataError(
                f"adverse events of one {name} are asked for, and ADAE does not give it",
                file=data.files.get("adae", "ADAE"),
                column=columns[0],
                remedy="Add the column.",
            )
        which &= held == value
    return events.count(which)[arm], events.totals[arm]


def safety_rows(trial: Protocol, data: Patients) -> list[Row]:
    """Subjects with adverse events by arm of the safety population, and differences of their shares with limits.

    Counts of any, serious, of each grade, of a worst grade 3 or higher, cardiac by NYHA class, by body system and by
    term within it; differences in percentage points, experimental minus control. Empty without [safety] or ADAE.
    Raises ``DataError`` for values of ADAE that mean nothing and for a population or arm without subjects.

    >>> from equipoise.data import read_adam
    >>> from equipoise.protocol import example
    >>> safety_rows(example("veteran"), read_adam(None, example("veteran")))
    []
    """
    if trial.safety is None or data.adae is None or data.adsl is None:
        return []
    arms = (trial.safety.treatment.experimental, trial.safety.treatment.control)
    events = _events(trial, data, arms)
    told = [
        Entry(group=arm, statistic="subjects", value=float(n), text=str(n), unit="subjects", method="safety population")
        for arm, n in events.totals.items()
    ]
    for part in (_overall, _of_grades, _cardiac, _by_system, _uncounted):
        told += part(events)
    return results.rows_from(
        told, analysis="safety", role="safety", population=trial.safety.population, toml_path="safety",
        origin=data.origin,
    )  # fmt: skip


def _overall(events: _Events) -> Iterator[Entry]:
    yield from _compared(events, "adverse event", events.count(np.ones(len(events.subject), dtype=bool)))
    if "AESER" not in events.columns:
        yield from _absent(events, "serious adverse event", "AESER")
        return
    yield from _compared(events, "serious adverse event", events.count(events.serious == 1))
    yield from _unknown(events, "adverse event of unknown seriousness", np.isnan(events.serious))


def _of_grades(events: _Events) -> Iterator[Entry]:
    if "AETOXGR" not in events.columns:
        yield from _absent(events, "grade 3 or higher adverse event", "AETOXGR")
        return
    own = "at least one event of this very grade: a subject with events of two grades counts in both"
    for k in _GRADES:
        if (events.grade == k).any():
            yield from _compared(events, f"grade {k} adverse event", events.count(events.grade == k), own)
    worst = "worst grade on record 3 or higher, a missing grade being none"
    yield from _compared(events, "grade 3 or higher adverse event", events.count(events.grade >= 3), worst)
    yield from _unknown(events, "adverse event of unknown grade", np.isnan(events.grade))


def _cardiac(events: _Events) -> Iterator[Entry]:
    if not {"AEBODSYS", "NYHACLS"} & events.columns:
        return
    which = f"body system {events.safety.cardiac}, or with an NYHA class"
    cardiac = events.cardiac
    yield from _compared(events, "cardiac event", events.count(cardiac), which)
    if "NYHACLS" not in events.columns:
        return
    own = "at least one event of this very class: a subject with events of two classes counts in both"
    for k, name in enumerate(NYHA_CLASSES, start=1):
        if (events.nyha == k).any():
            yield from _compared(events, f"cardiac event, NYHA class {name}", events.count(events.nyha == k), own)
    yield from _unknown(events, "cardiac event of unknown NYHA class", cardiac & np.isnan(events.nyha))


def _by_system(events: _Events) -> Iterator[Entry]:
    """Body systems in the order of the alphabet, each before its terms; terms by their count in the first arm.

    A row of a term stands behind that of its system, so that names which hold a colon can be told apart.
    """
    if not {"AEBODSYS", "AEDECOD", "AETERM"} & events.columns:
        return
    codes: dict[tuple[str, str], int] = {}  # of systems and their terms
    code = [codes.setdefault(pair, len(codes)) for pair in zip(events.system, events.term, strict=True)]
    places = {system: k for k, system in enumerate(sorted({system for system, _ in codes}))}
    systems = events.count_each([places[system] for system in events.system], len(places))
    counts = dict(zip(codes, events.count_each(code, len(codes)), strict=True))
    for system, whole in zip(places, systems, strict=True):
        yield from _compared(events, f"body system: {system}", whole)
        terms = {term: own for (of, term), own in counts.items() if of == system}
        for term in sorted(terms, key=lambda t: (*(-n for n in terms[t].values()), t)):
            yield from _compared(events, f"term: {system}: {term}", terms[term])


def _uncounted(events: _Events) -> Iterator[Entry]:
    why = "subjects of ADAE who are in neither arm of the safety population"
    n = events.uncounted
    yield Entry(statistic="subjects not counted", value=float(n), text=str(n), unit="subjects", method=why)
    if "TRTEMFL" in events.columns:
        why, n = "events of these subjects that are not treatment-emergent", events.before
        yield Entry(statistic="events not counted", value=float(n), text=str(n), unit="events", method=why)


def _compared(events: _Events, statistic: str, counts: Mapping[str, int], detail: str = "") -> Iterator[Entry]:
    """The count of each arm, then the difference of the two shares with its limits, in percentage points."""
    method = events.method + (f"; {detail}" if detail else "")
    yield from _counted(events, statistic, counts, method)
    (first, n_1), (second, n_2) = events.totals.items()
    level = events.safety.confidence
    found = difference(counts[first], n_1, counts[second], n_2, level)
    names = ("difference", "difference lower limit", "difference upper limit")
    for name, value in zip(names, (found.estimate, *found.conf_int), strict=True):
        points = 100 * value
        yield Entry(
            group=f"{first} v {second}", statistic=f"{statistic} {name}", unit="percentage points", method=found.method,
            level=None if name == "difference" else level,
            **results.number(points, results.fixed(points, 1), found.reason),  # type: ignore[arg-type]
        )  # fmt: skip


def _counted(events: _Events, statistic: str, counts: Mapping[str, int], method: str) -> Iterator[Entry]:
    for arm, n in counts.items():
        text = results.count_percent(n, events.totals[arm])
        yield Entry(group=arm, statistic=statistic, value=float(n), text=text, unit="subjects", method=method)


def _unknown(events: _Events, statistic: str, which: NDArray[np.bool_]) -> Iterator[Entry]:
    """Subjects with an event of which this is not on record: told where there are any, never left out in silence."""
    counts = events.count(which)
    if any(counts.values()):
        why = "counted as an event, and in no figure of what is not known of it"
        yield from _counted(events, statistic, counts, f"{events.method}; {why}")


def _absent(events: _Events, statistic: str, column: str) -> Iterator[Entry]:
    for arm in events.totals:
        reason = f"ADAE has no column {column}"
        yield Entry(group=arm, statistic=statistic, text=results.NOT_ESTIMABLE, unit="subjects", reason=reason)


def _events(trial: Protocol, data: Patients, arms: Sequence[str]) -> _Events:
    """ADAE's events of these arms in the safety population, every value checked."""
    if trial.safety is None:
        raise ProtocolError(
            "the protocol does not say in whom adverse events are counted", where="safety", remedy="Add [safety]."
        )
    if data.adae is None:
        raise DataError("there is no ADAE", remedy="Add the adverse events to the data.")
    names, adae = data.names, data.adae
    counted = subjects(trial, data, trial.safety.population, arms)
    arm_of = dict(zip(counted[names.subject].to_list(), counted[names.arm].to_list(), strict=True))
    sizes = Counter(arm_of.values())
    place = {subject: i for i, subject in enumerate(arm_of) if subject is not None}
    whose = np.array([place.get(subject, -1) for subject in adae[names.subject].to_list()], dtype=np.int64)
    grade = _coded(data, adae, "AETOXGR", {str(k): k for k in _GRADES}, "a grade from 1 to 5")
    serious = _coded(data, adae, "AESER", _YES_NO, "Y or N")
    nyha = _coded(data, adae, "NYHACLS", _NYHA_CODES, "I, II, III or IV")
    inside = whose >= 0
    emergent = inside & (_coded(data, adae, "TRTEMFL", _YES_NO, "Y or N") == 1) if "TRTEMFL" in adae.columns else inside
    kept = np.flatnonzero(emergent)
    return _Events(
        safety=trial.safety,
        subject=whose[kept],
        term=_names(adae, ("AEDECOD", "AETERM"), kept),
        system=_names(adae, ("AEBODSYS",), kept),
        grade=grade[kept],
        serious=serious[kept],
        nyha=nyha[kept],
        arm=np.array([arms.index(arm) for arm in arm_of.values()], dtype=np.int64),
        totals={arm: sizes[arm] for arm in arms},
        columns=frozenset(adae.columns),
        uncounted=adae[names.subject].n_unique() - len(set(whose[inside].tolist())),
        before=int(inside.sum() - emergent.sum()),
    )


def _names(adae: pl.DataFrame, columns: Sequence[str], kept: NDArray[np.int64]) -> list[str]:
    """By event the first of these columns that names it."""
    found: list[str | None] = [None] * adae.height
    for column in (c for c in columns if c in adae.columns):
        held = adae[column].cast(pl.String).to_list()
        found = [name if name is not None else other for name, other in zip(found, held, strict=True)]
    return [NOT_CODED if (name := found[i]) is None else name for i in kept.tolist()]


def _coded(
    data: Patients, adae: pl.DataFrame, column: str, codes: Mapping[str, int], instead: str
) -> NDArray[np.float64]:
    """A column of codes as numbers; missing is ``nan``, and anything else is refused."""
    if column not in adae.columns:
        return np.full(adae.height, np.nan)
    held = adae[column]
    if held.dtype.is_float() and (held.drop_nulls() == held.drop_nulls().round(0)).all():
        held = held.cast(pl.Int64)
    text = held.cast(pl.String)
    numbers: dict[str | None, float] = {None: math.nan}
    numbers.update(codes.items())
    values = text.to_list()
    if not set(values) <= numbers.keys():
        text = text.str.strip_chars()
        bad = text.is_not_null() & ~text.is_in(list(codes))
        if bad.any():
            raise DataError(
                f"{bad.sum()} of {adae.height} adverse events hold what is not {instead}, such as "
                f"{text.filter(bad)[0]!r}",
                file=data.files.get("adae", ""),
                column=column,
                subjects=adae[data.names.subject].filter(bad).unique(maintain_order=True).to_list(),
                remedy=f"Write {instead}, or leave the field empty.",
            )
        values = text.to_list()
    return np.array([numbers[value] for value in values], dtype=np.float64)
