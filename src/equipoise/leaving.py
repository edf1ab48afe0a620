"""How a command ends: its exit code, and one sentence on standard error for whatever stopped it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import cyclopts

from .errors import EquipoiseError

if TYPE_CHECKING:
    from cyclopts import App


def leave(app: App, arguments: Sequence[str] | None) -> NoReturn:
    """Run a command and leave with its exit code: 0 clean, 1 with warnings, 2 refused."""
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except EquipoiseError as error:
        code = refuse(str(error))
    except cyclopts.CycloptsError as error:
        code = refuse(" ".join(str(error).split()) + ' See "equipoise --help".')
    except KeyboardInterrupt:
        code = refuse("stopped; nothing was written half")
    except BrokenPipeError:
        code = _hush()
    except OSError as error:
        code = refuse(f"the output cannot be written: {error.strerror}")
    except Exception as error:  # with exit code 1 it would look as if the work were done
        code = refuse(unforeseen(error))
    try:
        sys.stdout.flush()
    except OSError as error:
        code = (
            _hush() if isinstance(error, BrokenPipeError) else refuse(f"the output cannot be written: {error.strerror}")
        )
    sys.exit(code if isinstance(code, int) else 0)


def _hush() -> int:
    """The reader of the output has gone (as `| head` does): nothing more is said, and nothing has failed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def refuse(sentence: str) -> int:
    """Say why nothing was done; the exit code of a refusal."""
    print(f"equipoise: {sentence}", file=sys.stderr)
    return 2


def unforeseen(error: Exception) -> str:
    """One sentence for an error that nobody foresaw, with the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if Path(f.filename).is_relative_to(Path(__file__).parent)]
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"the program itself failed{where}: {what}. Please report it."
