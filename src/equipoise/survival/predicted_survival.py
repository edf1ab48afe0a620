"""What a Cox model predicts: its baseline hazard, and survival for given covariates with limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import results
from ..data.factor import factor
from ..errors import DataError
from ..results import Origin, Row
from ..units import days
from .convention import ArgumentError, ConfType, Convention, check_level, resolve_conf_type
from .cox_result import Cox
from .cox_steps import Steps, steps_of
from .kaplan_meier import survival_limits
from .maximize import Vector

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BaselineHazard:
    """Cumulative hazard (k,) of a control subject with all covariates 0 at the stratum's death times (k,) in days."""

    stratum: str
    time: Vector
    cumulative_hazard: Vector

    def __post_init__(self) -> None:
        results.read_only(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Survival at a time (days), with standard error and limits; ``nan`` with a ``reason`` beyond follow-up."""

    time: float
    survival: float
    std_error: float
    lower: float
    upper: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PredictedCurve:
    """Survival of one profile in one stratum at the death times (k,) in days; ``followed`` is the stratum's longest."""

    profile: Mapping[str, object]
    stratum: str
    time: Vector
    survival: Vector
    std_error: Vector
    lower: Vector
    upper: Vector
    followed: float
    level: float
    conf_type: ConfType

    def __post_init__(self) -> None:
        results.read_only(self)

    def at(self, times: Sequence[str]) -> tuple[Prediction, ...]:
        """Survival at durations such as ``["12 months"]``."""
        if isinstance(times, str):
            raise ArgumentError("times must be a list", remedy=f'Write ["{times}"].')
        return tuple(self._at(days(t)) for t in times)

    def _at(self, t: float) -> Prediction:
        if t > self.followed:
            nan = math.nan
            reason = f"nobody is followed for {t:g} days; follow-up ends at {self.followed:g} days"
            return Prediction(time=t, survival=nan, std_error=nan, lower=nan, upper=nan, reason=reason)
        i = int(np.searchsorted(self.time, t, side="right")) - 1
        if i < 0:
            bare = math.nan if self.conf_type == "log-log" else 1.0
            reason = "log-log limits are not defined where survival is 1" if math.isnan(bare) else ""
            return Prediction(time=t, survival=1.0, std_error=0.0, lower=bare, upper=bare, reason=reason)
        values = (float(a[i]) for a in (self.survival, self.std_error, self.lower, self.upper))
        survival, std_error, lower, upper = values
        return Prediction(time=t, survival=survival, std_error=std_error, lower=lower, upper=upper)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PredictedSurvival:
    """A curve by profile and stratum: ``curves`` in the order of the profiles, each in all strata."""

    curves: tuple[PredictedCurve, ...]
    method: str
    origin: Origin

    def __str__(self) -> str:
        return f"{self.method}: {len(self.curves)} curve{'s' * (len(self.curves) != 1)}"

    def rows(self, landmarks: Sequence[str] = ()) -> list[Row]:
        """Survival with limits at landmarks by profile and stratum, as rows of the long table."""
        rows = []
        for curve in self.curves:
            words = [f"{name} {value}" for name, value in curve.profile.items()]
            group = ", ".join(words + ([curve.stratum] if curve.stratum else []))
            for mark in curve.at(landmarks):
                for name, value in (
                    ("predicted survival", mark.survival),
                    ("predicted survival lower limit", mark.lower),
                    ("predicted survival upper limit", mark.upper),
                ):
                    shown = results.number(value, results.fixed(value, 3), mark.reason)
                    rows.append(
                        Row(group=group, statistic=name, at=mark.time, unit="probability", method=self.method,
                            level=curve.level if "limit" in name else None, origin=self.origin, **shown)  # type: ignore[arg-type]
                    )  # fmt: skip
        return rows

    def table(self, landmarks: Sequence[str] = ()) -> pl.DataFrame:
        """The long table at landmarks."""
        return results.long_table(self.rows(landmarks))


def baseline_hazard(fit: Cox) -> tuple[BaselineHazard, ...]:
    """The cumulative hazard of a control subject with all covariates 0, by stratum.

    Breslow's (1974) increments, or under Efron's ties those of Efron (1977): the sum over tied terms of
    1 / (sum of risks at that term). It is far from any subject where 0 is no value of a covariate; see
    ``predicted_survival``. Raises ``UnsupportedError`` for exact ties and coefficients without a value.

    >>> from equipoise.survival import TimeToEvent, cox
    >>> tte = TimeToEvent([6, 9, 10, 4, 5, 7], [1, 0, 1, 1, 1, 1], ["B"] * 3 + ["A"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> baseline_hazard(cox(tte))[0].cumulative_hazard.round(4).tolist()
    [0.2813, 0.6727, 1.3159, 2.0459, 7.4538]
    """
    steps = steps_of(fit)
    offset = float(-(_centre(fit) / fit.fitted.scale) @ fit.fitted.beta)
    return tuple(
        BaselineHazard(
            stratum=name,
            time=steps.time[part],
            cumulative_hazard=np.cumsum(steps.hazard[part] * np.exp(offset - steps.top[part])),
        )
        for name, part in _strata(fit, steps)
    )


def predicted_survival(
    fit: Cox,
    profiles: Any,
    *,
    level: float = 0.95,
    conf_type: ConfType | None = None,
    convention: Convention = "house",
) -> PredictedSurvival:
    """The probability of being event-free beyond t for a subject of given arm and covariates, by stratum.

    ``profiles`` is a frame or a mapping of columns, one entry a profile: "arm" (a label) where the model compares
    arms, and each covariate of the model. exp(-cumulative hazard); the variance of the cumulative hazard is that of
    its increments plus that of the coefficients (Tsiatis 1981; Link 1984), under Efron's ties by his terms. Limits as
    in ``kaplan_meier``.

    Raises ``DataError`` for profiles that lack a column or hold another arm or level, ``UnsupportedError`` for exact
    ties and coefficients without a value.

    >>> from equipoise.survival import TimeToEvent, cox
    >>> tte = TimeToEvent([6, 9, 10, 4, 5, 7], [1, 0, 1, 1, 1, 1], ["B"] * 3 + ["A"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> found = predicted_survival(cox(tte), {"arm": ["A", "B"]})
    >>> [round(curve.at(["6 days"])[0].survival, 4) for curve in found.curves]
    [0.2682, 0.784]
    """
    check_level(level)
    resolved = resolve_conf_type(conf_type, convention)
    steps = steps_of(fit)
    f = fit.fitted
    given, x = _profile_matrix(fit, profiles)
    x = (x - _centre(fit)) / f.scale
    covariance = fit.covariance * np.outer(f.scale, f.scale)
    last = f.sets.time[f.sets.starts[1:] - 1]
    curves = []
    for profile, row in zip(given, x, strict=True):
        eta = float(row @ f.beta)
        for s, (name, part) in enumerate(_strata(fit, steps)):
            risk = np.exp(eta - steps.top[part])
            hazard = np.cumsum(steps.hazard[part] * risk)
            # How the cumulative hazard changes with the coefficients: hazard times (x - mean of those at risk).
            slope = np.cumsum((steps.hazard[part, None] * row - steps.drift[part]) * risk[:, None], axis=0)
            variance = np.cumsum(steps.variance[part] * risk**2) + ((slope @ covariance) * slope).sum(axis=1)
            survival, log_se = np.exp(-hazard), np.sqrt(variance)
            lower, upper = survival_limits(survival, log_se, level, resolved)
            curves.append(
                PredictedCurve(
                    profile=profile, stratum=name, time=steps.time[part], survival=survival,
                    std_error=survival * log_se, lower=lower, upper=upper, followed=float(last[s]), level=level,
                    conf_type=resolved,
                )
            )  # fmt: skip
    return PredictedSurvival(
        curves=tuple(curves), method=f"survival predicted by {fit.method}, {resolved} limits", origin=fit.origin
    )


def _strata(fit: Cox, steps: Steps) -> list[tuple[str, slice]]:
    """Each stratum's name ("" without strata) and its steps."""
    names = fit.fitted.matrix.tte.strata if len(steps.bounds) > 2 else ("",)
    return [(name, slice(steps.bounds[s], steps.bounds[s + 1])) for s, name in enumerate(names)]


def _centre(fit: Cox) -> Vector:
    """Means of the covariates, at which the model's own are 0."""
    return np.asarray(fit.fitted.matrix.x.mean(axis=0))


def _profile_matrix(fit: Cox, profiles: Any) -> tuple[list[dict[str, object]], Vector]:
    """The profiles as given, and as rows of covariates."""
    matrix = fit.fitted.matrix
    columns = _profile_columns(profiles)
    arms = matrix.tte.arms
    needed = (["arm"] if matrix.arm_terms else []) + [c.name for c in matrix.layout]
    for name in needed:
        if name not in columns:
            raise DataError("the profiles lack a column of the model", column=name, remedy=f"Give {', '.join(needed)}.")
    for name in columns:
        if name not in needed:
            raise DataError("the model has no such covariate", column=name, remedy=f"It has {', '.join(needed)}.")
    parts: list[Vector] = []
    if matrix.arm_terms:
        codes = _codes("arm", columns["arm"], arms)
        parts += [(codes == i).astype(np.float64) for i in range(1, len(arms))]
    for covariate in matrix.layout:
        column = columns[covariate.name]
        if covariate.levels:
            codes = _codes(covariate.name, column, covariate.levels)
            parts += [(codes == i).astype(np.float64) for i in range(1, len(covariate.levels))]
            continue
        if column.dtype.kind not in "fiub" or not np.isfinite(column.astype(np.float64)).all():
            raise DataError("a profile has no number here", column=covariate.name, remedy="Give a finite number.")
        parts.append(column.astype(np.float64))
    count = len(next(iter(columns.values())))
    given = [{name: columns[name].tolist()[i] for name in needed} for i in range(count)]
    return given, np.column_stack(parts)


def _profile_columns(profiles: Any) -> dict[str, NDArray[Any]]:
    if isinstance(profiles, Mapping):
        columns = {str(name): np.atleast_1d(np.asarray(column)) for name, column in profiles.items()}
    else:
        import narwhals as nw

        try:
            frame = nw.from_native(profiles, eager_only=True)
        except TypeError:
            raise DataError(
                "the profiles are neither a frame nor a mapping", remedy='Such as {"arm": ["A", "B"], "age": [60, 60]}.'
            ) from None
        columns = {name: frame[name].to_numpy() for name in frame.columns}
    if not columns or len({len(column) for column in columns.values()}) > 1 or not len(next(iter(columns.values()))):
        raise DataError("the profiles have no row, or columns of different lengths", remedy="Give one entry a profile.")
    return columns


def _codes(name: str, column: NDArray[Any], levels: tuple[str, ...]) -> NDArray[np.int64]:
    """Codes of labels among the levels of the fit."""
    own = factor(column)
    strange = [level for level in own.levels if level not in levels]
    if strange:
        raise DataError(
            f"{strange[0]!r} is no level that the model knows", column=name, remedy=f"Levels: {', '.join(levels)}."
        )
    return np.array([levels.index(level) for level in own.levels], dtype=np.int64)[own.codes]
