"""The columns of a TimeToEvent as they are given, made into checked arrays. Refusals name column and subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .factor import Factor, factor, label, missing_values

WeightType = Literal["case", "probability", "count"]

_MOST_CAUSES = 1e6  # what lies beyond is no code

# Times whose gap is at most this share of the mean time are one time: two computations of the same
# moment differ by rounding, and R's survival settles them so too (its relative rule; its absolute rule
# would merge every time below 1.5e-8, whatever the unit).
NEAR_TIE = float(np.sqrt(np.finfo(float).eps))


def known_word(name: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise DataError(f"{name} = {value!r} is unknown", remedy=f"Use {' or '.join(repr(a) for a in allowed)}.")


def as_array(column: Any) -> NDArray[Any]:
    """A column of whatever kind as a NumPy array."""
    if np.ma.isMaskedArray(column) and np.ma.getmaskarray(column).any():
        raise DataError(
            f"a column has {int(np.ma.getmaskarray(column).sum())} masked values",
            remedy="Fill them with NaN, or select the rows first.",
        )
    return column if type(column) is np.ndarray else np.asarray(column)


def strata_columns(strata: Any) -> dict[str, Any]:
    """Stratification factors by name, from one array, several, or a mapping."""
    if strata is None:
        return {}
    if isinstance(strata, Mapping):
        return {str(name): column for name, column in strata.items()}
    if np.ndim(as_array(strata)) == 2:
        return {f"strata[{i}]": column for i, column in enumerate(strata)}
    return {"strata": strata}


def apart(factors: Mapping[str, Any], taken: Sequence[str]) -> dict[str, str]:
    """What a stratification factor is called beside the columns of the endpoint: "strata time" where it is "time"."""
    return {name: f"strata {name}" if name in taken else name for name in factors}


def settle_missing(arrays: dict[str, NDArray[Any]], ids: NDArray[Any], missing: str) -> NDArray[np.bool_] | None:
    """The rows to keep, or None when nothing is missing. Refuses unless missing = "drop"."""
    known_word("missing", missing, ("refuse", "drop"))
    keep: NDArray[np.bool_] | None = None
    for name, column in arrays.items():
        absent = missing_values(column)
        if not absent.any():
            continue
        if missing == "refuse":
            raise DataError(
                f"{name} is missing for {int(absent.sum())} of {len(absent)} subjects",
                column=name,
                subjects=ids[absent].tolist(),
                remedy='Complete them; from Python, missing="drop" leaves them out, counted and named.',
            )
        keep = ~absent if keep is None else keep & ~absent
    return keep


def refuse(bad: NDArray[np.bool_], what: str, column: str, ids: NDArray[Any], remedy: str = "") -> None:
    if bad.any():
        raise DataError(what, column=column, subjects=ids[bad].tolist(), remedy=remedy)


def require_unique(ids: NDArray[Any], given: bool) -> None:
    if not given:
        return
    seen: set[object] = set()
    listed = ids.tolist()
    if len(set(listed)) == len(listed):
        return
    twice = [s for s in listed if s in seen or seen.add(s)]  # type: ignore[func-returns-value]
    raise DataError(
        "a subject has more than one row",
        column="subject",
        subjects=list(dict.fromkeys(twice)),
        remedy="Give one row per subject; select one endpoint first.",
    )


def marked_events(column: NDArray[Any], codes: object, name: str, ids: NDArray[Any]) -> NDArray[np.float64]:
    """1 where the column holds one of the codes, which are all numbers or all text; missing as NaN."""
    wanted = np.atleast_1d(np.asarray(codes))
    if wanted.dtype.kind in "US":
        absent = missing_values(column)
        text = np.array([v if isinstance(v, str) else "" for v in column.tolist()])
        refuse(~absent & (text == ""), f"{name} holds something that is not text", name, ids, "Give a code that is.")
        return np.where(absent, np.nan, np.isin(text, wanted).astype(float))
    whole = numbers_or_missing(column, name, ids)
    return np.where(np.isnan(whole), np.nan, np.isin(whole, wanted).astype(float))


def numbers_or_missing(column: NDArray[Any], name: str, ids: NDArray[Any]) -> NDArray[np.float64]:
    """A column of numbers as float64, missing as NaN; text is refused."""
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    if column.dtype.kind in "mM":  # their numbers are nanoseconds, or days, or whatever the frame stored
        raise DataError(f"{name} holds dates or time spans", column=name, remedy="Give numbers and their unit.")
    values = np.empty(len(column))
    bad = np.zeros(len(column), dtype=bool)
    absent = missing_values(column)
    for i, value in enumerate(column.tolist()):
        try:
            values[i] = np.nan if absent[i] else float(value)
            bad[i] = isinstance(value, str) and not absent[i]
        except (TypeError, ValueError):
            bad[i] = True
    refuse(bad, f"{name} holds something that is not a number", name, ids, "Mend the values, or their type.")
    return values


def numbers(column: NDArray[Any], name: str, ids: NDArray[Any]) -> NDArray[np.float64]:
    values = numbers_or_missing(column, name, ids)
    if not np.isfinite(values).all():
        refuse(~np.isfinite(values), f"{name} is not finite", name, ids, "Mend the values, or leave the rows out.")
    return values


def in_days(values: NDArray[np.float64], scale: float, name: str, ids: NDArray[Any]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        found = values * scale
    refuse(~np.isfinite(found), f"{name} is too large for a number of days", name, ids, "Mend the values, or the unit.")
    return found


def event_codes(column: NDArray[Any], ids: NDArray[Any]) -> NDArray[np.int64]:
    values = numbers(column, "event", ids)
    bad = (values != np.floor(values)) | (values < 0) | (values > _MOST_CAUSES)
    codes = np.where(bad, 0, values).astype(np.int64)
    refuse(bad, "an event code is not a whole number from 0 up", "event", ids, "0 is censored, 1 the event.")
    return codes


def checked_weights(
    column: NDArray[Any] | None, weight_type: WeightType | None, ids: NDArray[Any]
) -> NDArray[np.float64] | None:
    if column is None:
        if weight_type is not None:
            raise DataError("weight_type is given without weights", column="weight", remedy="Give both or neither.")
        return None
    if weight_type not in get_args(WeightType):
        raise DataError(
            f"weight_type is {weight_type!r}",
            column="weight",
            remedy='Say what the weights are: "case" (replication), "count" (so many subjects in one row) or '
            '"probability" (robust variance).',
        )
    values = numbers(column, "weight", ids)
    refuse(values <= 0, "a weight is not above zero", "weight", ids, "Leave the subject out instead.")
    if weight_type == "count":
        refuse(values != np.floor(values), "a count is not a whole number", "weight", ids, "Counts are of subjects.")
    return values


def merge_near_ties(
    time: NDArray[np.float64], entry: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, int, NDArray[np.int64] | None]:
    """Give times that differ by rounding only the earliest of their values; count the values merged.

    The order that sorts the times comes back too, where nobody enters late: sorting is half of the cost.
    """
    everything = time if entry is None else np.concatenate([time, entry])
    order = np.argsort(everything)
    ordered = everything[order]
    gaps = np.diff(ordered)
    # No mean exceeds the largest time, so most data are settled by this line.
    if not ((gaps > 0) & (gaps <= NEAR_TIE * max(abs(ordered[0]), abs(ordered[-1])))).any():
        return time, entry, 0, order if entry is None else None
    apart = gaps > 0
    mean = np.abs(ordered[np.concatenate([[True], apart])]).mean()
    begins = np.concatenate([[0], np.flatnonzero(gaps > NEAR_TIE * mean) + 1])
    merged = int(np.count_nonzero(apart)) + 1 - len(begins)
    later = np.flatnonzero(gaps <= NEAR_TIE * mean) + 1
    settled = everything.copy()
    settled[order[later]] = ordered[begins[np.searchsorted(begins, later) - 1]]
    if entry is None:
        return settled, None, merged, order
    return settled[: len(time)], settled[len(time) :], merged, None


def arm_factor(column: NDArray[Any] | None, n: int, control: object, experimental: object) -> Factor:
    """Arms as codes: control 0, experimental 1; other groups in the order of their labels, control first."""
    if np.ndim(control) or np.ndim(experimental):  # type: ignore[arg-type]
        raise DataError(
            "control and experimental are one arm each",
            column="arm",
            remedy="For three arms or more name the control only: every other arm is compared with it.",
        )
    named = [label(a) for a in (control, experimental) if a is not None]
    if len(named) != len(set(named)):
        raise DataError(
            f"control and experimental are the same arm {named[0]!r}", column="arm", remedy="Name two different arms."
        )
    if experimental is not None and control is None:
        raise DataError("experimental is named without control", column="arm", remedy="Name both.")
    if column is None:
        if named:
            raise DataError(
                "control is named, but there is no arm", column="arm", remedy="Give the arm of each subject."
            )
        return Factor(np.zeros(n, dtype=np.int64), ("all",))
    if experimental is not None:
        is_control, is_experimental = column == control, column == experimental
        comparable = np.ndim(is_control) and np.ndim(is_experimental)
        if comparable and (is_control | is_experimental).all() and is_control.any() and is_experimental.any():
            return Factor(np.asarray(is_experimental).astype(np.int64), (label(control), label(experimental)))
    groups = factor(column)
    present = ", ".join(groups.levels)
    for name in named:
        if name not in groups.levels:
            raise DataError(f"nobody is in arm {name!r}", column="arm", remedy=f"Arms in the data: {present}.")
    if len(groups.levels) == 2 and len(named) < 2:
        raise DataError(
            f"two arms ({present}), but not which is control and which experimental",
            column="arm",
            remedy="Name both, so that the direction of the effect is known.",
        )
    if len(groups.levels) > 2 and len(named) == 2:
        raise DataError(
            f"{len(groups.levels)} arms ({present}) in a two-arm contrast",
            column="arm",
            remedy="Select the rows of the two arms first, or name the control only.",
        )
    if not named:
        return groups
    ordered = [*named, *(level for level in groups.levels if level not in named)]
    position = np.array([ordered.index(level) for level in groups.levels])
    return Factor(position[groups.codes], tuple(ordered))
