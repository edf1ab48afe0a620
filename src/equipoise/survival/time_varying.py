"""Covariates that change while a subject is followed: paths over time, and rows (start, stop] as R has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data import TimeToEvent
from ..data.columns import NEAR_TIE
from ..data.factor import missing_values
from ..errors import DataError
from ..units import TimeUnit, days_per

# Who is followed from the start is at risk at time 0 too (entry < t): a day before it.
_BEFORE_START = -1.0


class TimeVarying:
    """A covariate in long form: ``value`` (m,) of ``subject`` (m,) from ``start`` (m,) on, until the next start.

    It holds at t what the last row with start < t says: what is measured on a day counts from after that day. Every
    subject of the endpoint needs a row at or before its own start. ``unit`` is that of ``start``. Rows of subjects
    who are not in the endpoint are left alone.

    Raises ``DataError`` for rows that do not fit or hold nothing, and for two of one subject and start.

    >>> from equipoise.survival import TimeToEvent, cox
    >>> tte = TimeToEvent([5, 8, 9, 12], [1, 1, 1, 0], unit="days", subject=["a", "b", "c", "d"])
    >>> dose = TimeVarying(subject=["a", "b", "c", "d", "d"], start=[0, 0, 0, 0, 6], value=[1, 0, 1, 1, 0], unit="days")
    >>> round(float(cox(tte, {"dose": dose}).coef[0]), 6)
    0.653321
    """

    __slots__ = ("start", "subject", "value")

    subject: NDArray[Any]
    start: NDArray[np.float64]
    value: NDArray[Any]

    def __init__(self, *, subject: ArrayLike, start: ArrayLike, value: ArrayLike, unit: TimeUnit) -> None:
        ids, starts, values = np.asarray(subject), np.asarray(start), np.asarray(value)
        if not ids.shape == starts.shape == values.shape or ids.ndim != 1:
            raise DataError(
                f"subject, start and value have shapes {ids.shape}, {starts.shape}, {values.shape}",
                column="start",
                remedy="Give one of each a row.",
            )
        if starts.dtype.kind not in "iuf" or not np.isfinite(starts).all():
            raise DataError("a start is no time", column="start", subjects=_where(ids, starts), remedy="Give numbers.")
        gone = missing_values(values) | missing_values(ids)
        if gone.any():
            raise DataError(
                f"{int(gone.sum())} rows of a time-varying covariate hold no value",
                column="value",
                subjects=ids[gone].tolist(),
                remedy="Leave those rows out: the value before goes on.",
            )
        self.subject, self.value = ids, values
        self.start = starts.astype(np.float64) * days_per(unit)


def _where(ids: NDArray[Any], starts: NDArray[Any]) -> list[Any]:
    return ids[~np.isfinite(starts)].tolist() if starts.dtype.kind == "f" else []


def periods(
    tte: TimeToEvent, paths: Mapping[str, TimeVarying]
) -> tuple[TimeToEvent, NDArray[np.int64], dict[str, NDArray[Any]]]:
    """The endpoint cut where a covariate changes: rows (start, stop], each row's subject, and the values by row.

    Rows of a subject follow one another, its event on the last. Returns the endpoint with a row a period, the
    subject's row in ``tte`` (n',), and the values (n',) by name.
    """
    entry = np.full(tte.n, _BEFORE_START) if tte.entry is None else tte.entry
    marks = {name: _in_endpoint(name, path, tte) for name, path in paths.items()}
    owner = np.concatenate([np.arange(tte.n), *(rows for rows, _, _ in marks.values())])
    cut = np.concatenate([entry, *(start for _, start, _ in marks.values())])
    inside = (cut >= entry[owner]) & (cut < tte.time[owner])
    order = np.lexsort((cut[inside], owner[inside]))
    owner, cut = owner[inside][order], cut[inside][order]
    new = np.concatenate([[True], (np.diff(owner) > 0) | (np.diff(cut) > 0)])
    owner, cut = owner[new], cut[new]
    last = np.concatenate([np.diff(owner) > 0, [True]])
    stop = np.where(last, tte.time[owner], np.concatenate([cut[1:], [0.0]]))
    values = {name: value[_last_at(rows, start, owner, cut)] for name, (rows, start, value) in marks.items()}
    rows_in = np.arange(tte.rows_given) if tte.kept is None else tte.kept
    cut_up = tte._with(
        subject=tte.subject[owner],
        time=stop,
        event=np.where(last, tte.event[owner], 0),
        arm=tte.arm[owner],
        stratum=tte.stratum[owner],
        entry=cut,
        weight=None if tte.weight is None else tte.weight[owner],
        kept=rows_in[owner],
    )
    return cut_up, owner, values


def _in_endpoint(
    name: str, path: TimeVarying, tte: TimeToEvent
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[Any]]:
    """Rows of the endpoint's subjects by subject and start: row in the endpoint, start in days, value."""
    known = {s: i for i, s in enumerate(tte.subject.tolist())}
    rows = np.array([known.get(s, -1) for s in path.subject.tolist()], dtype=np.int64)
    here = rows >= 0
    rows, start, value = rows[here], _settled(path.start[here], tte), path.value[here]
    order = np.lexsort((start, rows))
    rows, start, value = rows[order], start[order], value[order]
    twice = np.flatnonzero((np.diff(rows) == 0) & (np.diff(start) == 0))
    if len(twice):
        raise DataError(
            f"{name} has two rows of one subject and start",
            column=name,
            subjects=dict.fromkeys(tte.subject[rows[twice]].tolist()),  # type: ignore[arg-type]
            remedy="Keep one.",
        )
    first = np.full(tte.n, np.inf)
    np.minimum.at(first, rows, start)
    begin = np.zeros(tte.n) if tte.entry is None else tte.entry
    late = first > begin
    if late.any():
        raise DataError(
            f"{name} is not known from the start for {int(late.sum())} of {tte.n} subjects",
            column=name,
            subjects=tte.subject[late].tolist(),
            remedy="Give each subject a row whose start is its entry, or 0.",
        )
    start = np.where(start <= begin[rows], np.minimum(start, _BEFORE_START), start) if tte.entry is None else start
    return rows, start, value


def _settled(start: NDArray[np.float64], tte: TimeToEvent) -> NDArray[np.float64]:
    """Starts that are a time of the endpoint but for rounding, made that time: its near ties are settled already."""
    times = np.unique(tte.time)
    width = NEAR_TIE * float(np.abs(times).mean())
    above = np.minimum(np.searchsorted(times, start), len(times) - 1)
    below = np.maximum(above - 1, 0)
    nearest = np.where(np.abs(times[above] - start) < np.abs(times[below] - start), times[above], times[below])
    return np.where(np.abs(nearest - start) <= width, nearest, start)


def _last_at(
    rows: NDArray[np.int64], start: NDArray[np.float64], owner: NDArray[np.int64], cut: NDArray[np.float64]
) -> NDArray[np.int64]:
    """For each period the covariate's last row with start at most the period's; all sorted by subject, then time."""
    merged = np.lexsort(
        (np.concatenate([np.zeros(len(rows)), np.ones(len(owner))]), np.concatenate([start, cut]),
         np.concatenate([rows, owner]))
    )  # fmt: skip
    is_row = merged < len(rows)
    latest = np.cumsum(is_row) - 1
    found = np.empty(len(owner), dtype=np.int64)
    found[merged[~is_row] - len(rows)] = latest[~is_row]
    return found


def counting_process(
    frame: Any,
    *,
    subject: str,
    start: str,
    stop: str,
    event: str,
    unit: TimeUnit,
    arm: str | None = None,
    covariates: Sequence[str] = (),
    strata: str | Sequence[str] | None = None,
    weight: str | None = None,
    **settings: Any,
) -> tuple[TimeToEvent, dict[str, Any]]:
    """Rows (start, stop] of any frame as an endpoint and its covariates, for ``cox(tte, covariates)``.

    A row says that the subject was followed from after ``start`` to ``stop`` with these covariates, and whether it then
    had the event. Rows of a subject must follow one another without gap or overlap, the event on its last; arm,
    strata and weight must not change. ``settings`` are those of TimeToEvent (control, experimental, ...).

    Raises ``DataError`` naming the column and the first subjects.

    >>> import polars as pl
    >>> rows = pl.DataFrame({"id": [1, 1, 2, 3], "from": [0, 6, 0, 0], "to": [6, 12, 5, 9], "died": [0, 1, 1, 1],
    ...                      "dose": [1.0, 0.0, 1.0, 0.0]})
    >>> tte, covariates = counting_process(rows, subject="id", start="from", stop="to", event="died",
    ...                                    covariates=["dose"], unit="days")
    >>> print(tte)
    3 subjects, 3 events
    """
    import narwhals as nw

    try:
        data = nw.from_native(frame, eager_only=True)
    except TypeError:
        raise DataError(
            f"{type(frame).__name__} is not a frame whose rows can be read",
            remedy="Pass a polars, pandas or arrow table.",
        ) from None
    factors = [strata] if isinstance(strata, str) else list(strata or ())
    fixed = [name for name in (arm, weight, *factors) if name is not None]
    for name in (subject, start, stop, event, *fixed, *covariates):
        if name not in data.columns:
            raise DataError("there is no such column", column=name, remedy=f"Columns: {', '.join(data.columns)}.")
    column = {name: data[name].to_numpy() for name in (subject, start, stop, event, *fixed, *covariates)}
    ids = column[subject]
    for name in (start, stop):
        if column[name].dtype.kind not in "iuf" or not np.isfinite(column[name].astype(np.float64)).all():
            raise DataError("a time is missing or no number", column=name, remedy="Complete it.")
    code = np.unique(ids, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((column[start], code))
    column = {name: values[order] for name, values in column.items()}
    ids, code = ids[order], code[order]
    begin, end, happened = (column[name].astype(np.float64) for name in (start, stop, event))
    same = np.diff(code) == 0

    def refuse(wrong: NDArray[np.bool_], what: str, name: str, remedy: str) -> None:
        if wrong.any():
            raise DataError(what, column=name, subjects=list(dict.fromkeys(ids[wrong].tolist())), remedy=remedy)

    following = np.concatenate([[False], same])
    before = np.concatenate([[0.0], end[:-1]])
    refuse(end <= begin, "a row stops at or before its start", stop, "Remove the row, or mend it.")
    refuse(
        following & (begin < before), "rows of one subject overlap", start, "Each row begins where the last stopped."
    )
    refuse(
        following & (begin > before), "there is a gap between rows of one subject", start,
        "Follow-up with gaps is not analyzed here: fill the gap with a row, or leave the subject out.",
    )  # fmt: skip
    more = np.concatenate([same, [False]])
    refuse(more & (happened != 0), "a subject is followed after its event", event, "The event belongs to the last row.")
    for name in fixed:
        changes = np.concatenate([[False], same & (column[name][1:] != column[name][:-1])])
        refuse(changes, f"{name} changes within a subject", name, "It must stay what it was at the start.")
    first, last = ~following, ~more
    tte = TimeToEvent(
        end[last],
        column[event][last],
        None if arm is None else column[arm][last],
        subject=ids[last],
        unit=unit,
        entry=begin[first] if (begin[first] != 0).any() else None,
        strata={name: column[name][last] for name in factors} or None,
        weight=None if weight is None else column[weight][last],
        **settings,
    )
    paths = {name: TimeVarying(subject=ids, start=begin, value=column[name], unit=unit) for name in covariates}
    return tte, dict(paths)
