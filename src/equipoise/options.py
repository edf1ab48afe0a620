"""What the commands may be asked: their parameters with the sentences of --help."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, Token

from .errors import EquipoiseError


def whole(_: object, tokens: Sequence[Token]) -> int:
    """A whole number as it is written: 10.5 is none, and is not cut to 10."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        where = tokens[0].keyword or ""
        raise EquipoiseError(f"{text!r} is not a whole number", where=where, remedy="Such as 1000.") from None


ProtocolName = Annotated[str, Parameter(help="A protocol file, or the name of a bundled example.")]
Data = Annotated[str | None, Parameter(help="Folder of ADaM files; default: the protocol's [data] path.")]
Cut = Annotated[str | None, Parameter(help="Data cut (YYYY-MM-DD): the data as they stood on that day.")]
Dummy = Annotated[
    str | None,
    Parameter(help="Seed: permute the arm labels for a dry run; all output says DUMMY."),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="One JSON document on standard output.")]
Out = Annotated[str, Parameter(help="Folder to write into.")]
AuditOut = Annotated[str | None, Parameter(help="Folder for audit.csv and audit.html.")]
Tier = Annotated[
    Literal["A", "B", "C"],
    Parameter(help="Published numbers to meet: A the trial's main source, B and C further ones too."),
]
Seed = Annotated[int, Parameter(converter=whole, help="Seed of a reconstruction.")]
Compare = Annotated[
    bool,
    Parameter(negative="", help="Simulate trials of every formula: which reaches the power with the fewest events."),
]
Trials = Annotated[
    int | None, Parameter(converter=whole, help="Trials that --compare simulates for each formula (10000).")
]
Cohorts = Annotated[int, Parameter(converter=whole, help="Cohorts in the ensemble of a reconstruction.")]
Precision = Annotated[
    float | None, Parameter(help="Stop a setting once its power has this Monte Carlo error, asked every 1,000 trials.")
]
Keep = Annotated[str | None, Parameter(help="Folder that keeps every trial, so that a run can go on.")]
Cluster = Annotated[str | None, Parameter(help="Scheduler of a Dask cluster (tcp://...) that simulates.")]
Shares = Annotated[
    tuple[float, ...],
    Parameter(
        negative="", help="Share of those who progress and switch, above 0 and below 1; may be given several times."
    ),
]
Draws = Annotated[
    int, Parameter(converter=whole, help="Bootstrap samples a trial (0: none), of the methods that take some; slow.")
]


def check_folder(folder: str | None, option: str = "--out", what: str = "the report cannot be written") -> None:
    """Refuse a folder into which nothing can be written, before there is something to write: it is made, a file is
    opened in it, and what was not there before is taken away again."""
    if folder is None:
        return
    remedy = f"Choose another {option} folder."
    if not folder.strip():
        raise EquipoiseError(f"{what}: the folder has no name", where=option, remedy=remedy)
    from tempfile import NamedTemporaryFile

    there = Path(folder).absolute()
    made: list[Path] = []
    try:
        for one in (*reversed(there.parents), there):
            with suppress(FileExistsError):  # of a file, the next step says it
                if not one.is_dir():
                    one.mkdir()
                    made.append(one)
        with NamedTemporaryFile(dir=there):
            pass
    except (OSError, ValueError) as error:
        raise EquipoiseError(f"{what}: {_why(error)}", where=str(there), remedy=remedy) from None
    finally:
        for one in reversed(made):
            with suppress(OSError):  # somebody else has put something into it meanwhile
                one.rmdir()


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, PermissionError):
        return "no permission to write"
    if isinstance(error, NotADirectoryError):
        return "there is a file of this name"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
