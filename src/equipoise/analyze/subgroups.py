"""The rows of a forest plot: the effect in each level of a baseline factor, and one test of interaction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from .. import results
from ..data import TimeToEvent
from ..data.factor import factor, missing_values
from ..errors import DataError
from ..protocol import Analysis, Subgroup
from ..results import Row
from ..survival import cox
from ..survival.cox import partial_maximum

_MOST_LEVELS = 12


def check_levels(column: NDArray[Any], subgroup: Subgroup) -> None:
    """Refuse a column of measurements: a forest plot has a row a category."""
    levels = factor(column[~missing_values(column)]).levels
    if len(levels) > _MOST_LEVELS:
        raise DataError(
            f"the subgroup has {len(levels)} levels",
            column=subgroup.column,
            remedy="Name a column of categories, such as age groups.",
        )


def subgroup_rows(tte: TimeToEvent, column: NDArray[Any], subgroup: Subgroup, analysis: Analysis) -> list[Row]:
    """Subjects, events and hazard ratio in each level, with the interaction test; no P by subgroup.

    The interaction P is the likelihood ratio test of arm x level against arm + level, in the analysis'
    own Cox model (strata and ties). Subjects without a level are left out and counted.
    """
    absent = missing_values(column)
    levels = factor(column[~absent])
    kept = np.flatnonzero(~absent)
    rows: list[Row] = []
    for code, level in enumerate(levels.levels):
        mask = np.zeros(tte.n, dtype=bool)
        mask[kept[levels.codes == code]] = True
        rows += _level_rows(tte, mask, f"{subgroup.label}: {level}", analysis)
    p, reason = _interaction(tte, ~absent, levels.codes, len(levels.levels), analysis)
    method = "likelihood ratio test of arm by level, Cox model"
    rows.append(
        Row(group=subgroup.label, statistic="interaction P", method=method, origin=tte.origin,
            **results.number(p, results.p_value(p), reason))  # type: ignore[arg-type]
    )  # fmt: skip
    if absent.any():
        rows.append(
            Row(group=subgroup.label, statistic="subgroup missing", value=float(absent.sum()), text=str(absent.sum()),
                unit="subjects", origin=tte.origin)
        )  # fmt: skip
    return rows


def _level_rows(tte: TimeToEvent, mask: NDArray[np.bool_], group: str, analysis: Analysis) -> list[Row]:
    rows = []
    happened = tte.event > 0
    for code, side in ((1, "experimental"), (0, "control")):
        inside = mask & (tte.arm == code)
        for name, count in (("subjects", int(inside.sum())), ("events", int((inside & happened).sum()))):
            rows.append(
                Row(group=group, statistic=f"subgroup {name}, {side}", value=float(count), text=str(count),
                    unit="subjects", origin=tte.origin)
            )  # fmt: skip
    estimate, low, high, reason, method = _effect(tte, mask, analysis)
    names = ("subgroup hazard ratio", "subgroup hazard ratio lower limit", "subgroup hazard ratio upper limit")
    for name, value in zip(names, (estimate, low, high), strict=True):
        level = analysis.confidence if "limit" in name else None
        rows.append(
            Row(group=group, statistic=name, level=level, method=method, origin=tte.origin,
                **results.number(value, results.fixed(value, 2), reason))  # type: ignore[arg-type]
        )  # fmt: skip
    return rows


def _effect(tte: TimeToEvent, mask: NDArray[np.bool_], analysis: Analysis) -> tuple[float, float, float, str, str]:
    nothing = math.nan, math.nan, math.nan
    for code, arm in enumerate(tte.arms):
        if not (mask & (tte.arm == code)).any():
            return *nothing, f"nobody in arm {arm}", ""
    fit = cox(
        tte.select(mask), stratified=analysis.stratified, ties=analysis.ties, level=analysis.confidence,
        convention=analysis.convention,
    )  # fmt: skip
    method = f"{fit.method}, within the subgroup"
    if fit.reasons[0]:
        return *nothing, fit.reasons[0], method
    return fit.hazard_ratio, *fit.conf_int, "", method


def _interaction(
    tte: TimeToEvent, present: NDArray[np.bool_], codes: NDArray[np.int64], levels: int, analysis: Analysis
) -> tuple[float, str]:
    if levels < 2:
        return math.nan, "the subgroup has one level"
    try:
        inside = tte.select(present)
    except DataError as error:
        return math.nan, error.what
    main = {f"level {i}": (codes == i).astype(float) for i in range(1, levels)}
    product = {f"arm by level {i}": (codes == i) * inside.arm.astype(float) for i in range(1, levels)}
    small, large = (
        partial_maximum(
            inside, terms, stratified=analysis.stratified, ties=analysis.ties, convention=analysis.convention
        )
        for terms in (main, {**main, **product})
    )
    df = int(large.used.sum()) - int(small.used.sum())
    if df < 1:
        return math.nan, "no level has both arms at risk when events happen"
    gain = max(2 * (large.loglik - small.loglik), 0.0)
    return float(chdtrc(df, gain)), ""
