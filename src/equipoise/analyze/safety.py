"""Adverse events: subjects who had them, by arm, and the difference of their shares, as rows of the long table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from .. import results
from ..data import Patients
from ..errors import DataError, ProtocolError
from ..protocol import Protocol, Safety
from ..results import Row
from .estimand import subjects
from .proportions import difference

NYHA_CLASSES = ("I", "II", "III", "IV")
NOT_CODED = "not coded"
_NYHA_CODES = {name: k for k, name in enumerate(NYHA_CLASSES, start=1)}
_GRADES = (1, 2, 3, 4, 5)
# What a subject or an event is called inside, whatever the sponsor's columns are.
_SUBJECT, _ARM, _GRADE, _SERIOUS, _NYHA, _TERM, _SYSTEM = "subject", "arm", "grade", "serious", "nyha", "term", "system"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Events:
    """Adverse events of the safety population, checked, one row an event, and how many subjects each arm has.

    ``columns`` are those of ADAE; ``uncounted`` are subjects of ADAE in neither arm of the population,
    ``before`` the events that are left out because they did not begin on treatment.
    """

    safety: Safety
    events: pl.DataFrame
    totals: dict[str, int]
    columns: frozenset[str]
    uncounted: int
    before: int

    def count(self, condition: pl.Expr) -> dict[str, int]:
        """Subjects of each arm with at least one event that meets the condition, each once."""
        found = self.events.filter(condition).group_by(_ARM).agg(pl.col(_SUBJECT).n_unique())
        counts = dict(found.iter_rows())
        return {arm: counts.get(arm, 0) for arm in self.totals}

    @property
    def cardiac(self) -> pl.Expr:
        """Events of the protocol's cardiac body system, in whatever case it is written, or with an NYHA class."""
        system = pl.col(_SYSTEM).str.to_lowercase() == self.safety.cardiac.lower()
        return system | pl.col(_NYHA).is_not_null()

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
    condition = pl.lit(True)
    for value, column, name in (
        (grade, "AETOXGR", _GRADE), (serious, "AESER", _SERIOUS), (nyha, "NYHACLS", _NYHA),
        (None if term is None else term.lower(), "AEDECOD", _TERM),
    ):  # fmt: skip
        if value is None:
            continue
        if column not in events.columns and not (name == _TERM and "AETERM" in events.columns):
            raise DataError(
                f"adverse events of one {name} are asked for, and ADAE does not give it",
                file=data.files.get("adae", "ADAE"),
                column=column,
                remedy="Add the column.",
            )
        held = pl.col(name).str.to_lowercase() if name == _TERM else pl.col(name)
        condition = condition & (held == value).fill_null(False)
    return events.count(condition)[arm], events.totals[arm]


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
    rows = [
        Row(group=arm, statistic="subjects", value=float(n), text=str(n), unit="subjects", method="safety population")
        for arm, n in events.totals.items()
    ]
    for part in (_overall, _of_grades, _cardiac, _by_system, _uncounted):
        rows += part(events)
    context: dict[str, Any] = {"analysis": "safety", "role": "safety", "toml_path": "safety"}
    return [replace(row, **context, population=trial.safety.population, origin=data.origin) for row in rows]


def _overall(events: _Events) -> Iterator[Row]:
    yield from _compared(events, "adverse event", pl.lit(True))
    if "AESER" not in events.columns:
        yield from _absent(events, "serious adverse event", "AESER")
        return
    yield from _compared(events, "serious adverse event", pl.col(_SERIOUS).fill_null(False))
    yield from _unknown(events, "adverse event of unknown seriousness", pl.col(_SERIOUS).is_null())


def _of_grades(events: _Events) -> Iterator[Row]:
    if "AETOXGR" not in events.columns:
        yield from _absent(events, "grade 3 or higher adverse event", "AETOXGR")
        return
    own = "at least one event of this very grade: a subject with events of two grades counts in both"
    for k in _GRADES:
        if (events.events[_GRADE] == k).any():
            yield from _compared(events, f"grade {k} adverse event", pl.col(_GRADE) == k, own)
    worst = "worst grade on record 3 or higher, a missing grade being none"
    yield from _compared(events, "grade 3 or higher adverse event", (pl.col(_GRADE) >= 3).fill_null(False), worst)
    yield from _unknown(events, "adverse event of unknown grade", pl.col(_GRADE).is_null())


def _cardiac(events: _Events) -> Iterator[Row]:
    if not {"AEBODSYS", "NYHACLS"} & events.columns:
        return
    which = f"body system {events.safety.cardiac}, or with an NYHA class"
    cardiac = events.cardiac.fill_null(False)
    yield from _compared(events, "cardiac event", cardiac, which)
    if "NYHACLS" not in events.columns:
        return
    own = "at least one event of this very class: a subject with events of two classes counts in both"
    for k, name in enumerate(NYHA_CLASSES, start=1):
        if (events.events[_NYHA] == k).any():
            yield from _compared(events, f"cardiac event, NYHA class {name}", pl.col(_NYHA) == k, own)
    yield from _unknown(events, "cardiac event of unknown NYHA class", cardiac & pl.col(_NYHA).is_null())


def _by_system(events: _Events) -> Iterator[Row]:
    """Body systems in the order of the alphabet, each before its terms; terms by their count in the first arm.

    A row of a term stands behind that of its system, so that names which hold a colon can be told apart.
    """
    if not {"AEBODSYS", "AEDECOD", "AETERM"} & events.columns:
        return
    pairs = events.events.select(_SYSTEM, _TERM).unique()
    for system in sorted(pairs[_SYSTEM].unique()):
        inside = pl.col(_SYSTEM) == system
        yield from _compared(events, f"body system: {system}", inside)
        terms = pairs.filter(inside)[_TERM].to_list()
        counts = {term: events.count(inside & (pl.col(_TERM) == term)) for term in terms}
        for term in sorted(terms, key=lambda t: (*(-n for n in counts[t].values()), t)):
            yield from _compared(events, f"term: {system}: {term}", inside & (pl.col(_TERM) == term))


def _uncounted(events: _Events) -> Iterator[Row]:
    why = "subjects of ADAE who are in neither arm of the safety population"
    n = events.uncounted
    yield Row(statistic="subjects not counted", value=float(n), text=str(n), unit="subjects", method=why)
    if "TRTEMFL" in events.columns:
        why, n = "events of these subjects that are not treatment-emergent", events.before
        yield Row(statistic="events not counted", value=float(n), text=str(n), unit="events", method=why)


def _compared(events: _Events, statistic: str, condition: pl.Expr, detail: str = "") -> Iterator[Row]:
    """The count of each arm, then the difference of the two shares with its limits, in percentage points."""
    counts = events.count(condition)
    method = events.method + (f"; {detail}" if detail else "")
    yield from _counted(events, statistic, counts, method)
    (first, n_1), (second, n_2) = events.totals.items()
    level = events.safety.confidence
    found = difference(counts[first], n_1, counts[second], n_2, level)
    names = ("difference", "difference lower limit", "difference upper limit")
    for name, value in zip(names, (found.estimate, *found.conf_int), strict=True):
        points = 100 * value
        yield Row(
            group=f"{first} v {second}", statistic=f"{statistic} {name}", unit="percentage points", method=found.method,
            level=None if name == "difference" else level,
            **results.number(points, results.fixed(points, 1), found.reason),  # type: ignore[arg-type]
        )  # fmt: skip


def _counted(events: _Events, statistic: str, counts: dict[str, int], method: str) -> Iterator[Row]:
    for arm, n in counts.items():
        text = results.count_percent(n, events.totals[arm])
        yield Row(group=arm, statistic=statistic, value=float(n), text=text, unit="subjects", method=method)


def _unknown(events: _Events, statistic: str, condition: pl.Expr) -> Iterator[Row]:
    """Subjects with an event of which this is not on record: told where there are any, never left out in silence."""
    counts = events.count(condition)
    if any(counts.values()):
        why = "counted as an event, and in no figure of what is not known of it"
        yield from _counted(events, statistic, counts, f"{events.method}; {why}")


def _absent(events: _Events, statistic: str, column: str) -> Iterator[Row]:
    for arm in events.totals:
        reason = f"ADAE has no column {column}"
        yield Row(group=arm, statistic=statistic, text=results.NOT_ESTIMABLE, unit="subjects", reason=reason)


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
    events = adae.select(
        pl.col(names.subject).alias(_SUBJECT),
        _name(adae, ("AEDECOD", "AETERM")).alias(_TERM),
        _name(adae, ("AEBODSYS",)).alias(_SYSTEM),
        _coded(data, adae, "AETOXGR", {str(k): k for k in _GRADES}, "a grade from 1 to 5").alias(_GRADE),
        (_coded(data, adae, "AESER", {"Y": 1, "N": 0}, "Y or N") == 1).alias(_SERIOUS),
        _coded(data, adae, "NYHACLS", _NYHA_CODES, "I, II, III or IV").alias(_NYHA),
        (_coded(data, adae, "TRTEMFL", {"Y": 1, "N": 0}, "Y or N") == 1).fill_null(False).alias("emergent"),
    )  # fmt: skip
    of_subject = counted.select(pl.col(names.subject).alias(_SUBJECT), pl.col(names.arm).alias(_ARM))
    inside = events.join(of_subject, on=_SUBJECT, how="inner", maintain_order="left")
    emergent = inside.filter("emergent") if "TRTEMFL" in adae.columns else inside
    sizes = dict(of_subject.group_by(_ARM).len().iter_rows())
    return _Events(
        safety=trial.safety,
        events=emergent,
        totals={arm: sizes[arm] for arm in arms},
        columns=frozenset(adae.columns),
        uncounted=events[_SUBJECT].n_unique() - inside[_SUBJECT].n_unique(),
        before=inside.height - emergent.height,
    )


def _name(adae: pl.DataFrame, columns: Sequence[str]) -> pl.Expr:
    """The first of these columns that names the event."""
    held = [pl.col(c).cast(pl.String) for c in columns if c in adae.columns]
    return pl.coalesce([*held, pl.lit(NOT_CODED)])


def _coded(data: Patients, adae: pl.DataFrame, column: str, codes: dict[str, int], instead: str) -> pl.Series:
    """A column of codes as whole numbers; missing stays missing, and anything else is refused."""
    if column not in adae.columns:
        return pl.Series(column, [None] * adae.height, dtype=pl.Int64)
    held = adae[column]
    if held.dtype.is_float() and (held.drop_nulls() == held.drop_nulls().round(0)).all():
        held = held.cast(pl.Int64)
    text = held.cast(pl.String).str.strip_chars()
    bad = text.is_not_null() & ~text.is_in(list(codes))
    if bad.any():
        raise DataError(
            f"{bad.sum()} of {adae.height} adverse events hold what is not {instead}, such as {text.filter(bad)[0]!r}",
            file=data.files.get("adae", ""),
            column=column,
            subjects=adae[data.names.subject].filter(bad).unique(maintain_order=True).to_list(),
            remedy=f"Write {instead}, or leave the field empty.",
        )
    return text.replace_strict(codes, return_dtype=pl.Int64)
