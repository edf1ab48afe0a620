"""The reconstruction of a trial: a representative cohort, the spread over an ensemble, and the strain of the model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import analyze
from ..analyze import tie_out
from ..data import Patients, write_adam
from ..errors import EquipoiseError, ProtocolError
from ..protocol import Protocol
from ..protocol.published import Tier
from ..results import NOT_ESTIMABLE, Row, fixed, p_value
from ..simulate import without_effect
from .cohort import Found, search
from .ensemble import (
    HEADING,
    Task,
    as_patients,
    most_central,
    quantities,
    search_all,
    spread_rows,
    stated_scenario,
    task_of,
    tasks,
)
from .strain import (
    COHORTS,
    LEVEL,
    PASS,
    REBUILDS,
    Calibration,
    beside,
    calibrate,
    digest,
    primary_place,
    read_calibration,
    strain,
)

_SEEN_BY = 5  # unmet targets that are left out one at a time, to see which fight
_FIRST = 2  # cohorts after which a set of numbers that neither meets is given up
_CONTROL = 1 << 19  # trial numbers of the no-effect control start here
_MOST_FIGHTING_STEPS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reconstruction:
    """Patients on whom the analyses print the published numbers, and what is to be said about them.

    ``patients`` are the representative cohort, ``found`` it and the others of the ensemble; ``agrees`` whether every
    target is met. ``rows`` are the spread over the ensemble and the strain; ``calibration`` the strain's reference.
    """

    patients: Patients
    found: tuple[Found, ...]
    agrees: bool
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    calibration: Calibration | None


def reconstruct(
    trial: Protocol,
    *,
    tier: Tier = "A",
    seed: int = 1,
    cohorts: int = 20,
    known_strain: Path | None = None,
    version: str = "",
    progress: Callable[[str], None] = lambda _: None,
) -> Reconstruction:
    """Patients from the published numbers of a protocol and its models.

    An ensemble of ``cohorts`` is searched for, the first eight under the stated model and the others over the
    protocol's further models; the one nearest to the middle of those under the stated model is shown. Where no cohort
    meets every target, the closest is given with what it misses. The strain's reference is read from beside the
    protocol or from ``known_strain``, and computed where neither is of this model and these targets; strain is always
    that of tier A, the main source.

    Raises ``ProtocolError`` before any search for numbers that no data can print.
    """
    if not trial.scenario:
        raise ProtocolError(
            "the protocol has no model of how nature behaves", where="scenario", remedy="Add a [scenario.NAME] table."
        )
    if not trial.analyses:
        raise ProtocolError("the protocol lists no analysis", where="analyses", remedy="Add an [analyses.NAME] table.")
    stated = stated_scenario(trial)
    todo = tasks(trial, tier, cohorts, COHORTS)
    _rehearse(trial, todo, tier, seed)
    found = search_all(trial, todo[:_FIRST], seed=seed, progress=_percent(progress, "searching the first cohorts"))
    if not any(f.agrees for f in found):
        return _closest(trial, todo, found, seed, progress)
    tell = _percent(progress, f"searching {cohorts} cohorts")
    found += search_all(trial, todo[_FIRST:], seed=seed, progress=tell)
    agreeing = [i for i, f in enumerate(found) if f.agrees]
    progress(f"analyzing the {len(agreeing)} cohorts")
    data = [as_patients(trial, found[i]) for i in agreeing]
    seen = quantities(trial, data)
    candidates = [k for k, i in enumerate(agreeing) if todo[i].scenario == stated] or list(range(len(agreeing)))
    chosen = most_central(seen, candidates)
    rows = list(spread_rows(seen, "reconstructed"))
    missed = len(found) - len(agreeing)
    warnings = (
        [f"{missed} of {len(found)} cohorts did not meet every published number and are left out"] if missed else []
    )
    calibration = None
    try:
        calibration = _calibration(trial, known_strain, version, progress)
    except EquipoiseError as error:
        warnings.append(f"the strain of the model has no reference: {error}")
    # The reference is of means over so many cohorts, at tier A: what the ensemble lacks is searched for strain alone.
    held = found[:COHORTS] if tier == "A" else []
    stated_task = task_of(trial, stated, trial.scenario[stated], "A", 0)
    more = [replace(stated_task, number=j) for j in range(len(held), COHORTS)]
    rows += _strain_rows(trial, [*held, *search_all(trial, more, seed=seed)], seed, calibration, progress)
    first = found[agreeing[chosen]]
    return Reconstruction(
        patients=data[chosen],
        found=(first, *(found[i] for i in agreeing if i != agreeing[chosen])),
        agrees=True,
        rows=tuple(rows),
        notes=(*_assumed(trial), *_models(trial, todo)),
        warnings=tuple(warnings),
        calibration=calibration,
    )


def _rehearse(trial: Protocol, todo: Sequence[Task], tier: Tier, seed: int) -> None:
    """Analyze, tie out and write what each model draws without a search, so that what a file cannot hold or the data
    cannot answer is refused before minutes of searching. Models with the same columns need one rehearsal."""
    for task in {tuple(task.model.scenario.factors): task for task in todo}.values():
        drawn = search(trial, task.model, task.targets, seed=seed, number=task.number, attempts=1, steps=0)
        data = as_patients(trial, drawn)
        tie_out(trial, data, tier)
        analyze.run(trial, data)
        with tempfile.TemporaryDirectory() as folder:
            write_adam(data, folder)


def _assumed(trial: Protocol) -> Iterator[str]:
    """What the protocol assumes about nature, visits and allocation."""
    for path, why in trial.assumed.items():
        if path.startswith(("scenario", "visits", "randomization")):
            yield f"assumed: {path}: {why}"


def _models(trial: Protocol, todo: Sequence[Task]) -> Iterator[str]:
    """The models behind the ensemble, with the cohorts of each."""
    for name in dict.fromkeys(t.scenario for t in todo):
        yield f"model {name} ({sum(t.scenario == name for t in todo)} cohorts): {trial.scenario[name].label}"


def _percent(progress: Callable[[str], None], what: str) -> Callable[[float], None]:
    last = -1

    def tell(share: float) -> None:
        nonlocal last
        if int(20 * share) != last:
            last = int(20 * share)
            progress(f"{what}, {5 * last}% done")

    return tell


def _calibration(trial: Protocol, known: Path | None, version: str, progress: Callable[[str], None]) -> Calibration:
    """The stored reference of this very model and these targets, else a new one (minutes)."""
    scenario = trial.scenario[stated_scenario(trial)]
    wanted = digest(trial, scenario, "A")
    for path in (beside(trial), known):
        held = None if path is None else read_calibration(path)
        if held is not None and held.digest == wanted:
            return held
    tell = _percent(progress, f"calibrating the strain diagnostic on {REBUILDS} rebuilt trials (once a protocol)")
    return calibrate(trial, scenario, "A", seed=1, version=version, progress=tell)


def _strain_rows(
    trial: Protocol, stated: Sequence[Found], seed: int, calibration: Calibration | None,
    progress: Callable[[str], None],
) -> list[Row]:  # fmt: skip
    """The strain of the stated model and of the no-effect control, and how often other models are flagged."""
    name = stated_scenario(trial)
    scenario = trial.scenario[name]
    of_survival = primary_place(trial) == 1 or scenario.progression is None
    without = without_effect(scenario, of="survival" if of_survival else "progression")
    control = task_of(trial, name, without, "A", 0)
    todo = [replace(control, number=_CONTROL + j) for j in range(COHORTS)]
    tell = _percent(progress, "searching under no treatment effect, as a control")
    rows: list[Row] = []
    for group, found in (
        ("stated model", stated),
        ("no treatment effect (control)", search_all(trial, todo, seed=seed, progress=tell)),
    ):
        rows += _strain_of(trial, group, found, calibration)
    for model, flagged, of in calibration.power if calibration else ():
        if of:
            rows.append(_row(model, "flagged", f"{flagged} of {of}", float(flagged), "strain P at most 0.05"))
    others = [(m, f, of) for m, f, of in (calibration.power if calibration else ()) if "stated model" not in m]
    if unseen := [m.removesuffix(", at the published numbers") for m, f, of in others if 2 * f < of]:
        rows.append(_row("", "usually not flagged", "; ".join(unseen)))
    rows.append(_row("", "meaning", PASS))
    return rows


def _strain_of(trial: Protocol, group: str, found: Sequence[Found], calibration: Calibration | None) -> list[Row]:
    met = [f for f in found if f.agrees]
    rows = [_row(group, "cohorts that meet every number", f"{len(met)} of {len(found)}", float(len(met)))]
    if len(met) <= COHORTS // 2:  # as in the reference: a mean of few cohorts varies more
        reason = f"only {len(met)} of {len(found)} cohorts meet every number"
        return [*rows, replace(_row(group, "strain", NOT_ESTIMABLE), reason=reason)]
    value = strain(trial, met)
    if calibration is None:
        return [*rows, _row(group, "strain", fixed(value, 2), value, f"mean of {len(met)} cohorts; no reference")]
    p = calibration.p_value(value)
    method = f"tier A, mean of {len(met)} cohorts; reference: {len(calibration.reference)} trials of the model, rebuilt"
    return [
        *rows,
        _row(group, "strain", fixed(value, 2), value, method),
        _row(group, "strain P", p_value(p), p, method),
        _row(group, "strain verdict", "flagged" if p <= LEVEL else f"not flagged ({PASS})"),
    ]


def _row(group: str, statistic: str, text: str, value: float | None = None, method: str = "") -> Row:
    return Row(
        analysis="strain", role="strain", group=group, statistic=statistic, text=text, value=value, method=method,
        toml_path="scenario", origin="reconstructed",
    )  # fmt: skip


def _closest(
    trial: Protocol, todo: Sequence[Task], found: Sequence[Found], seed: int, progress: Callable[[str], None]
) -> Reconstruction:
    """No cohort meets every target: the closest one, what it misses, and which number stands against the rest."""
    nearest = min(range(len(found)), key=lambda i: found[i].distance)
    best, task = found[nearest], todo[nearest]
    missed = [j for j, gap in enumerate(best.gaps) if gap > 0]
    names = ", ".join(best.targets.searched[j].name for j in missed)
    warnings = [f"no cohort meets every published number; the closest misses: {names}"]
    for j in sorted(missed, key=lambda j: -best.gaps[j])[:_SEEN_BY]:
        name = best.targets.searched[j].name
        progress(f"searching without {name}")
        others = replace(best.targets, searched=tuple(t for k, t in enumerate(best.targets.searched) if k != j))
        again = search(trial, task.model, others, seed=seed, number=task.number, attempts=1, steps=_MOST_FIGHTING_STEPS)
        met = "are all met" if again.agrees else "are not all met either"
        warnings.append(f"without {name} the others {met}")
    return Reconstruction(
        patients=as_patients(trial, best),
        found=(best,),
        agrees=False,
        rows=(),
        notes=(f"what differs from the published numbers is {HEADING}",),
        warnings=tuple(warnings),
        calibration=None,
    )
