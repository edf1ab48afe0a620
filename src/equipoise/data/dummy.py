"""Dummy arm labels: one permutation over patients, and nothing left in the files that undoes it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import polars as pl

from ..errors import DataError
from ..protocol import DataNames

_OLD, _NEW = "_arm_before", "_arm_after"
# Names by which ADaM and SDTM tell a treatment: TRT01P, TRT01AN, TRTA, TRTSEQP, TR01PG1, DOSE01A, ARM, ACTARMCD.
_TELLS_ARM = re.compile(r"^(TRT(\d\d|SEQ)?[PA]N?|TR\d\d[PA]G\d+N?|TRT[PA]G\d+N?|DOSE\d\d[PA]|(ACT)?ARM(CD|N|UD)?)$")


def shuffled_arms(frames: Mapping[str, pl.DataFrame], names: DataNames, seed: int) -> pl.DataFrame:
    """Subject, arm before and arm after; the permutation depends on the seed and the subjects alone.

    Labels move among the patients of ADTTE, and apart from them among the others (screening failures in
    ADSL carry a label too, and it must not reach a randomized patient).
    """
    holding = [frame for frame in frames.values() if names.arm in frame.columns]
    if not holding:
        raise DataError(
            "no data set has the column of the arm",
            column=names.arm,
            remedy="Add it, or name the right one as arm under [data] in the protocol.",
        )
    pairs = pl.concat([f.select(names.subject, pl.col(names.arm).alias(_OLD)) for f in holding])
    pairs = pairs.drop_nulls().unique().sort(names.subject, _OLD)
    twice = pairs.filter(pairs[names.subject].is_duplicated())
    if twice.height:
        raise DataError(
            "a subject is in two arms",
            column=names.arm,
            subjects=twice[names.subject].unique(maintain_order=True).to_list(),
            remedy="Correct what the check lists under TTE-14 first.",
        )
    generator = np.random.Generator(np.random.Philox(seed))
    followed = pl.col(names.subject).is_in(frames["adtte"][names.subject].unique().to_list())
    groups = [pairs.filter(followed), pairs.filter(~followed)]
    return pl.concat(g.with_columns(g[_OLD].gather(generator.permutation(g.height)).alias(_NEW)) for g in groups)


def with_arms(frame: pl.DataFrame, shuffled: pl.DataFrame, names: DataNames) -> tuple[pl.DataFrame, list[str]]:
    """The frame with the shuffled arms, and the columns that were dropped because they tell the old ones."""
    joined = frame.join(shuffled, on=names.subject, how="left", maintain_order="left")
    arms = joined.drop_nulls(_OLD)
    changed: dict[str, pl.Expr] = {}
    dropped: list[str] = []
    for column in frame.columns:
        if column == names.arm:
            changed[column] = pl.when(pl.col(column).is_not_null()).then(pl.col(_NEW))
        elif column not in _own(frame, names) and (of_arm := _one_to_one(arms, column)) is not None:
            value = pl.col(_NEW).replace_strict(
                of_arm[_OLD], of_arm[column], default=None, return_dtype=frame.schema[column]
            )
            changed[column] = pl.when(pl.col(_OLD).is_not_null()).then(value).otherwise(pl.col(column))
        elif _TELLS_ARM.match(column) and arms[column].n_unique() > 1:
            dropped.append(column)
    relabeled = joined.with_columns(value.alias(column) for column, value in changed.items())
    return relabeled.drop(_OLD, _NEW, *dropped), dropped


def _own(frame: pl.DataFrame, names: DataNames) -> set[str]:
    """Columns that belong to the patient, however few patients there are."""
    measured = {c for c, dtype in frame.schema.items() if dtype == pl.Float64 or dtype.is_temporal()}
    return measured | {names.subject, names.parameter, names.time, names.censoring, "SUBJID", "EVNTDESC"}


def _one_to_one(arms: pl.DataFrame, column: str) -> pl.DataFrame | None:
    """Arm -> value of a column, if each arm has one value and each value one arm."""
    pairs = arms.select(_OLD, column).unique()
    one = pairs.height == pairs[_OLD].n_unique() == pairs[column].n_unique() and pairs.height > 1
    return pairs if one else None
