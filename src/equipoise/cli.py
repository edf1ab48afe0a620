"""The command line: one protocol in, text, JSON or a report out. Exit 0 clean, 1 with warnings, 2 refused."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version  # noqa: TID251 - reads the version number, imports nothing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from .errors import EquipoiseError
from .leaving import leave, refuse
from .options import (
    AuditOut,
    Cluster,
    Cohorts,
    Compare,
    Cut,
    Data,
    Draws,
    Dummy,
    Json,
    Keep,
    Out,
    Precision,
    ProtocolName,
    Seed,
    Shares,
    Tier,
    Trials,
    check_folder,
    whole,
)
from .printing import (
    in_tenths,
    name_files,
    print_advice,
    print_audit,
    print_comparison,
    print_design,
    print_draft,
    print_json,
    print_results,
    print_run,
    print_sections,
    print_simulation,
    progress,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .data import Finding, Patients
    from .protocol import Protocol
    from .reconstruct import Reconstruction
    from .simulate import Comparison

app = App(
    name="equipoise",
    suppress_keyboard_interrupt=False,
    version=lambda: version("equipoise"),
    help="A randomized phase III trial with a time-to-event endpoint, from one protocol file.",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: run a command and leave with its exit code."""
    leave(app, arguments)


@app.command
def check(
    protocol: ProtocolName,
    *,
    data: Data = None,
    cut: Cut = None,
    patient_weight: Annotated[float | None, Parameter(help="Kilograms: print the dose calendar.")] = None,
    json_: Json = False,
) -> int:
    """Print the protocol as a synopsis, and what the conformance rules find in its data."""
    from .protocol import calendars, synopsis

    trial = _protocol(protocol)
    doses = [] if patient_weight is None else calendars(trial, patient_weight)
    sections = synopsis(trial) + doses
    patients = None
    findings: tuple[Finding, ...] = ()
    stops: list[str] = []
    doubts: list[str] = []
    if data is not None or trial.data.path is not None:
        from .analyze import left_out, refusals
        from .data import check as check_data

        patients = _patients(trial, data, cut, None)
        findings = check_data(patients, trial)
        stops = [str(f) for f in findings if f.severity == "error"] or list(refusals(trial, patients))
        doubts = [str(f) for f in findings if f.severity == "warning"] + left_out(trial, patients)
    rest = [str(f) for f in findings if f.severity == "not applicable"]
    if json_:
        print_json(trial, patients, [], stops + doubts + rest, synopsis=dict(sections))
    else:
        found = [] if patients is None else [*patients.notes, *stops, *doubts, *rest] or ["no finding"]
        print_sections([*sections, *([] if patients is None else [("Data", [str(patients), *found])])])
    if stops:
        return refuse(f"{len(stops)} finding{'s' * (len(stops) > 1)} would stop the analysis: {stops[0]}")
    return 1 if doubts else 0


@app.command
def draft(
    record: Annotated[str, Parameter(help="One study of ClinicalTrials.gov: API v2 JSON with posted results.")],
    *,
    out: Annotated[str | None, Parameter(help="File to write, which must not exist; default: standard output.")] = None,
) -> int:
    """Draft a protocol with its published numbers from a registry record; what is left out is listed."""
    from .protocol import drafted

    return print_draft(drafted(record), out)


@app.command
def analyze(
    protocol: ProtocolName, *, data: Data = None, cut: Cut = None, dummy: Dummy = None, json_: Json = False
) -> int:
    """Run every analysis that the protocol lists and print the results."""
    trial = _protocol(protocol)
    with progress(quiet=json_) as tell:
        tell("reading the data")
        patients = _patients(trial, data, cut, dummy)
        tell("analyzing (the first run also compiles the kernels)")
        from .analyze import run

        results = run(trial, patients)
    if json_:
        print_json(trial, patients, results.rows, [*results.notes, *results.warnings])
    else:
        print_results(trial, results)
    return 1 if results.warnings else 0


@app.command
def report(
    protocol: ProtocolName,
    *,
    data: Data = None,
    cut: Cut = None,
    dummy: Dummy = None,
    out: Out = "out",
    json_: Json = False,
) -> int:
    """Analyze and write report.html and results.csv."""
    check_folder(out)
    trial = _protocol(protocol)
    with progress(quiet=json_) as tell:
        tell("reading the data")
        patients = _patients(trial, data, cut, dummy)
        from .run import run as run_stages

        done = run_stages(trial, patients, out, tell)
    return print_run(trial, done, json_, in_full=False)


@app.command
def run(
    protocol: ProtocolName,
    *,
    data: Data = None,
    cut: Cut = None,
    dummy: Dummy = None,
    tier: Tier = "A",
    seed: Seed = 1,
    cohorts: Cohorts = 20,
    out: Out = "out",
    json_: Json = False,
) -> int:
    """Check, analyze, tie out with published numbers and report; without data, reconstruct them first."""
    check_folder(out)
    trial = _protocol(protocol)
    rebuilt = None
    with progress(quiet=json_) as tell:
        if data is None and trial.data.path is None and trial.published.numbers:
            if cut is not None or dummy is not None:
                raise EquipoiseError(
                    "a reconstruction is made for the data as published, uncut and with its own labels",
                    where="--cut, --dummy",
                    remedy=f"Write the patients with `equipoise reconstruct {protocol}`, then give them as --data.",
                )
            rebuilt = _rebuilt(trial, tier, seed, cohorts, out, tell)
            patients = rebuilt.patients
        else:
            tell("reading the data")
            patients = _patients(trial, data, cut, dummy)
        from .run import run as run_stages

        done = run_stages(trial, patients, out, tell, rebuilt=rebuilt, tier=tier)
    return print_run(trial, done, json_, in_full=True)


@app.command
def design(
    protocol: ProtocolName,
    *,
    compare: Compare = False,
    trials: Trials = None,
    seed: Annotated[int | None, Parameter(converter=whole, help="Seed of what --compare simulates (1).")] = None,
    out: Annotated[str | None, Parameter(help="Folder for plan.json, looks.csv and design.html.")] = None,
    json_: Json = False,
) -> int:
    """Size the trial of the protocol's [design]: looks, bounds, formulas side by side, and assurance."""
    if not compare and (trials is not None or seed is not None):
        raise EquipoiseError("nothing is simulated", where="--trials, --seed", remedy="Give --compare with them.")
    check_folder(out)
    trial = _protocol(protocol)
    files: tuple[Path, ...] = ()
    with progress(quiet=json_) as tell:
        tell("designing (the first run also compiles the kernels)")
        from .design import justification

        found = justification(trial)
        compared = _compared(trial, trials, seed, tell) if compare else None
        comparison = [] if compared is None else compared.rows()
        if out is not None:
            tell("writing the report")
            from .report import write_design

            files = write_design(trial, found, out, comparison)
    if json_:
        print_json(trial, None, [*found.rows(), *comparison], list(found.notes))
    else:
        print_design(found)
        if compared is not None:
            print_comparison(compared)
        name_files(files)
    return 0


def _compared(trial: Protocol, trials: int | None, seed: int | None, tell: Callable[[str], None]) -> Comparison:
    from .simulate import compare

    tell("simulating (the first run also compiles the kernels)")
    given = {"trials": 10_000 if trials is None else trials, "seed": 1 if seed is None else seed}
    return compare(trial, **given, progress=in_tenths(tell))  # type: ignore[arg-type]


@app.command
def simulate(
    protocol: ProtocolName,
    *,
    trials: Annotated[int, Parameter(converter=whole, help="Trials of each setting.")] = 10_000,
    seed: Annotated[int, Parameter(converter=whole, help="Seed of the simulated trials.")] = 1,
    precision: Precision = None,
    keep: Keep = None,
    cluster: Cluster = None,
    out: Annotated[str | None, Parameter(help="Folder for simulation.csv and simulation.html.")] = None,
    json_: Json = False,
) -> int:
    """Simulate what the protocol's [simulation] lists, and the looks of its [design]: power, dates, numbers."""
    check_folder(out)
    check_folder(keep, "--keep", "simulated trials cannot be kept")
    trial = _protocol(protocol)
    files: tuple[Path, ...] = ()
    with progress(quiet=json_) as tell:
        tell("compiling the kernels (the first run only)")
        from .simulate import on_cluster, study

        with on_cluster(cluster) as executor:
            found = study(
                trial, trials=trials, seed=seed, executor=executor, keep=keep, precision=precision, progress=tell
            )
        if out is not None:
            tell("writing the report")
            from .report import write_simulation

            files = write_simulation(trial, found, out)
    if json_:
        print_json(trial, None, found.rows(), list(found.notes))
    else:
        print_simulation(found)
        name_files(files)
    return 1 if found.interrupted else 0


@app.command
def switching(
    protocol: ProtocolName,
    *,
    trials: Annotated[int, Parameter(converter=whole, help="Trials of each setting.")] = 200,
    seed: Annotated[int, Parameter(converter=whole, help="Seed of the simulated trials.")] = 1,
    share: Shares = (),
    draws: Draws = 0,
    out: Annotated[str | None, Parameter(help="Folder for switching.csv and switching.html.")] = None,
    json_: Json = False,
) -> int:
    """Say which adjustment for treatment switching errs least in trials like the protocol's, to be pre-specified."""
    check_folder(out)
    trial = _protocol(protocol)
    files: tuple[Path, ...] = ()
    with progress(quiet=json_) as tell:
        tell("compiling the kernels (the first run only)")
        from .simulate import advise, on_cores

        with on_cores() as executor:
            found = advise(
                trial, trials=trials, seed=seed, shares=share, draws=draws, executor=executor, progress=in_tenths(tell)
            )
        if out is not None:
            tell("writing the report")
            from .report import write_advice

            files = write_advice(trial, found, out)
    if json_:
        print_json(trial, None, found.rows(), list(found.notes))
    else:
        print_advice(found)
        name_files(files)
    return 0


@app.command
def audit(protocol: ProtocolName, *, out: AuditOut = None, json_: Json = False) -> int:
    """Say whether the published numbers of the protocol can all be true, by arithmetic alone."""
    check_folder(out)
    from .reconstruct import audit as audit_numbers
    from .report import write_audit

    found = audit_numbers(_protocol(protocol))
    return print_audit(found, () if out is None else write_audit(found, out), as_json=json_)


@app.command
def reconstruct(
    protocol: ProtocolName,
    *,
    curves: Annotated[
        bool, Parameter(negative="", help="From the protocol's digitized curves, not by a search.")
    ] = False,
    estimand: Annotated[str | None, Parameter(help="With --curves: whose, where there are curves of several.")] = None,
    tier: Tier = "A",
    seed: Annotated[int | None, Parameter(converter=whole, help="Seed of the search (1).")] = None,
    cohorts: Annotated[int | None, Parameter(converter=whole, help="Cohorts in the ensemble (20).")] = None,
    out: Out = "out",
    json_: Json = False,
) -> int:
    """Find patients on whom every published number of the protocol is printed, and write them as ADaM files."""
    if curves and (seed is not None or cohorts is not None):
        raise EquipoiseError("curves are rebuilt without chance", where="--seed, --cohorts", remedy="Leave them out.")
    if estimand is not None and not curves:
        raise EquipoiseError("a search is for all estimands", where="--estimand", remedy="Give --curves with it.")
    check_folder(out)
    trial = _protocol(protocol)
    with progress(quiet=json_) as tell:
        if curves:
            from .run import from_curves

            done = from_curves(trial, out, estimand=estimand, tier=tier, progress=tell)
        else:
            rebuilt = _rebuilt(trial, tier, 1 if seed is None else seed, 20 if cohorts is None else cohorts, out, tell)
            from .run import tied_out

            done = tied_out(trial, rebuilt, out, tier, tell)
    return print_run(trial, done, json_, in_full=False, tied_out=True)


def _rebuilt(
    trial: Protocol, tier: Literal["A", "B", "C"], seed: int, cohorts: int, out: str, tell: Callable[[str], None]
) -> Reconstruction:
    if not 1 <= cohorts <= 10_000:
        raise EquipoiseError(f"{cohorts} cohorts cannot be searched for", where="--cohorts", remedy="Give 1 to 10000.")
    tell("compiling the search (the first run only)")
    from .run import rebuild

    return rebuild(trial, tier=tier, seed=seed, cohorts=cohorts, out=out, progress=tell)


def _protocol(name: str) -> Protocol:
    from .protocol import find

    return find(name)


def _patients(trial: Protocol, data: str | None, cut: str | None, dummy: str | None) -> Patients:
    from .data import read_adam

    patients = read_adam(data, trial)
    if cut is not None:
        patients = patients.cut(cut)
    if dummy is None:
        return patients
    if not dummy.isascii() or not dummy.isdigit():
        raise EquipoiseError(f"the seed {dummy!r} is not a whole number", where="--dummy", remedy="Write --dummy 1.")
    return patients.with_dummy_labels(int(dummy))


if __name__ == "__main__":
    main()
