"""The error tree. Every message says what is wrong, where, and what to do about it.

    EquipoiseError
    ├── ProtocolError      the protocol file cannot be read or contradicts itself (TOML path)
    ├── DesignError        no such design exists
    ├── DataError          patients that cannot be analyzed (file, column, first five subjects)
    ├── ConvergenceError   an iteration did not converge (last iterate)
    └── UnsupportedError   the combination asked for has no proof here yet

``ProtocolError``, ``DesignError`` and ``DataError`` are also ``ValueError``. The command line prints
the sentence and exits with 2; it never shows a traceback for one of these.
"""

from __future__ import annotations

from collections.abc import Sequence

_SUBJECTS_SHOWN = 5


class EquipoiseError(Exception):
    """Anything equipoise refuses. ``str()`` is one sentence: what, where, remedy.

    >>> print(EquipoiseError("the dose has no unit", where="arms.A.regimen[0].dose", remedy='Write "1 mg".'))
    the dose has no unit (arms.A.regimen[0].dose). Write "1 mg".
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        sentence = what + (f" ({where})" if where else "")
        super().__init__(sentence + (f". {remedy}" if remedy else ""))


class ProtocolError(EquipoiseError, ValueError):
    """The protocol file cannot be read or contradicts itself; ``where`` is the TOML path."""


class DesignError(EquipoiseError, ValueError):
    """No design meets what was asked."""


class DataError(EquipoiseError, ValueError):
    """Patients that cannot be analyzed as they are.

    Names the file and column where they are known, and the first five subjects concerned.
    """

    def __init__(
        self,
        what: str,
        *,
        file: str = "",
        column: str = "",
        subjects: Sequence[object] = (),
        remedy: str = "",
    ) -> None:
        self.file = file
        self.column = column
        self.subjects = tuple(str(s) for s in subjects)
        parts = [p for p in (file, f"column {column}" if column else "", name_subjects(self.subjects)) if p]
        super().__init__(what, where=", ".join(parts), remedy=remedy)


class ConvergenceError(EquipoiseError):
    """An iteration did not converge; ``last`` is the last iterate."""

    def __init__(self, what: str, *, last: object = None, where: str = "", remedy: str = "") -> None:
        self.last = last
        super().__init__(what, where=where, remedy=remedy)


class UnsupportedError(EquipoiseError):
    """The combination asked for has no proof here yet, so no number is given."""


def name_subjects(subjects: Sequence[object]) -> str:
    """The first five subjects as text, with the number left out.

    >>> name_subjects(["01", "02"])
    'subjects 01, 02'
    >>> name_subjects(range(1, 9))
    'subjects 1, 2, 3, 4, 5 and 3 more'
    """
    if not len(subjects):
        return ""
    shown = ", ".join(str(s) for s in subjects[:_SUBJECTS_SHOWN])
    more = len(subjects) - _SUBJECTS_SHOWN
    noun = "subject" if len(subjects) == 1 else "subjects"
    return f"{noun} {shown}" + (f" and {more} more" if more > 0 else "")
