"""Trials in which people switch treatment and the truth is known, to see what each adjustment makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..analyze.switching import Switches
from ..data import TimeToEvent
from ..errors import DesignError
from ..kernels.history import time_at
from ..randomize import Purpose, generator
from ..results import fixed, read_only
from ..survival import TimeVarying, cox

Vector = NDArray[np.float64]
Timing = Literal["at progression", "after progression"]
Law = tuple[float, ...]

VISITS = 6  # from progression on, at which somebody may decide to switch
CONTROL, EXPERIMENTAL = "control", "experimental"
_MANY = 20_000  # patients from whom the chance of switching is found
_OWN = 1 << 40  # trial number from which on streams are those of a ground itself
_STEEP = 2.0  # how steeply what is seen at a visit depends on the time that is left


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """How patients live without the experimental treatment, and how they are followed; times in days.

    Laws as ``kernels.history.time_at`` takes them: of ``progression``, of death before it, and of death after it,
    counted from progression. ``patients`` is the number in the control and in the experimental arm; they enter evenly
    over ``accrual`` days, and the data are cut ``cutoff`` days after the first. Nobody is lost to follow-up.
    """

    progression: Law
    death_before: Law
    death_after: Law
    patients: tuple[int, int]
    accrual: float
    cutoff: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What nobody knows when the trial is planned, and what an adjustment depends on.

    There are visits ``every`` so many days from randomization on, and progression is seen at the next. ``share`` of the
    control patients in whom it is seen switch: it is decided at that visit ("at progression"), or at one of six from it
    on ("after progression"), and takes place at the next one. Patients who are well at the visit switch with ``odds``
    times the odds of those who are ill (1: no confounding). At progression being well multiplies the time left by
    ``prognosis`` against being ill; at later visits it is the more likely the more time is left. ``both``: patients of
    the experimental arm switch to the control treatment with the same chances. ``measured``: whether anybody knows who
    is well.

    ``time_ratio`` multiplies time on the experimental treatment from randomization on; from a switch on it acts to the
    power ``kept``: 1 is a common treatment effect, 0 none after the switch.
    """

    time_ratio: float
    share: float
    timing: Timing = "at progression"
    odds: float = 1.0
    prognosis: float = 1.0
    kept: float = 1.0
    both: bool = False
    measured: bool = True
    every: float = 28.0

    def __post_init__(self) -> None:
        for name in ("time_ratio", "odds", "prognosis", "every"):
            if not 0 < getattr(self, name) < math.inf:
                raise DesignError(f"{name} = {getattr(self, name)!r} is not above 0", where=name, remedy="Such as 1.5.")
        if not 0 < self.share < 1:
            remedy = "It lies between 0 and 1, such as 0.7: a whole group leaves nobody to compare with."
            raise DesignError(f"{self.share!r} is no share of those who progress", where="share", remedy=remedy)
        if not 0 <= self.kept <= 1:
            raise DesignError(f"kept = {self.kept!r} is no share of an effect", where="kept", remedy="Such as 1.")
        if self.timing not in ("at progression", "after progression"):
            raise DesignError(f"unknown timing {self.timing!r}", remedy="'at progression' or 'after progression'.")

    def __str__(self) -> str:
        kept = "common effect" if self.kept == 1 else f"{100 * self.kept:g}% of the effect after the switch"
        hidden = "" if self.measured else ", which nobody measures"
        confounded = "no confounding" if self.odds == 1 else f"odds {self.odds:g} times for the well{hidden}"
        where = "both arms" if self.both else "control"
        return f"{100 * self.share:g}% of {where} in whom progression is seen, {self.timing}, {confounded}, {kept}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """``lives`` under a ``setting``: the ``intercept`` of the log odds of switching by which the share is met, the
    middle of the time left after progression, and the true hazard ratio of death had nobody switched."""

    lives: Lives
    setting: Setting
    seed: int
    intercept: float
    middle: float
    hazard_ratio: float

    @property
    def psi(self) -> float:
        """Minus the logarithm of the time ratio: the effect of treatment on time from randomization on."""
        return -math.log(self.setting.time_ratio)

    @property
    def psi_of_switching(self) -> float:
        """The same of the time from the switch on."""
        return self.setting.kept * self.psi


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """Patients before anybody switches, (n,): arm, days of progression (inf: none) and death, end of follow-up; by
    visit (n, v) its day, whether the patient is well, and the uniform by which a switch is decided."""

    arm: NDArray[np.int64]
    progression: Vector
    death: Vector
    end: Vector
    day: Vector
    well: NDArray[np.int64]
    u: Vector

    def __post_init__(self) -> None:
        read_only(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Switched:
    """One trial: the record of switching with overall survival, and what was seen of its patients."""

    record: Switches
    setting: Setting
    drawn: _Drawn

    def at_progression(self) -> dict[str, NDArray[np.int64]]:
        """Who was well at progression, (n,), if it is measured; 0 without a progression."""
        assert self.record.progression is not None
        well = np.where(np.isfinite(self.record.progression), self.drawn.well[:, 0], 0)
        return {"well": well} if self.setting.measured else {}

    def visits(self) -> dict[str, TimeVarying]:
        """What was seen at each visit since randomization: "visit", whether it is one at which a switch may be decided,
        and "well", 0 or 1, if it is measured. There are rows for everybody, progressed or not: else their number would
        tell of prognosis."""
        tte, drawn, every = self.record.tte, self.drawn, self.setting.every
        planned = every * np.arange(math.ceil(float(tte.time.max()) / every))
        number = np.floor((planned - drawn.day[:, :1]) / every + 0.5)  # of the visit, from that of progression on
        known = np.clip(number, 0, drawn.well.shape[1] - 1).astype(np.int64)  # the last that was seen stays
        seen = {"visit": (number >= 0) & (number < drawn.well.shape[1])}
        if self.setting.measured:
            seen["well"] = np.where(number >= 0, np.take_along_axis(drawn.well, known, axis=1), 0)
        inside = planned < tte.time[:, None]
        who, which = np.nonzero(inside)
        return {
            name: TimeVarying(
                subject=tte.subject[who], start=planned[which], value=value[inside].astype(np.float64), unit="days"
            )
            for name, value in seen.items()
        }


def ground(lives: Lives, setting: Setting, *, seed: int, patients: int = 2_000_000) -> Ground:
    """The ground on which trials are simulated: its chance of switching and its true hazard ratio.

    The truth is the hazard ratio of a Cox model of so many ``patients`` of whom nobody switches, followed as in the
    trial. Raises ``DesignError`` where nobody progresses, or too few live to switch for the share to be met.

    >>> steady = Lives(progression=(1, 1, 300), death_before=(0, 0, 0), death_after=(1, 1, 400), patients=(100, 100),
    ...                accrual=400, cutoff=1200)
    >>> found = ground(steady, Setting(time_ratio=1.5, share=0.7), seed=1, patients=20_000)
    >>> print(f"{found.hazard_ratio:.2f}")
    0.55
    """
    middle = float(time_at(np.array(lives.death_after), math.log(2.0)))
    if not math.isfinite(middle):
        raise DesignError("half of those who progress never die, so that there is no middle of the time left",
                          where="death_after", remedy="Give a law under which they do.")  # fmt: skip
    found = Ground(lives=lives, setting=setting, seed=seed, intercept=0.0, middle=middle, hazard_ratio=math.nan)
    many = _drawn(found, (_MANY, 0), _OWN)
    found = replace(found, intercept=_intercept(found, many))
    whole = _drawn(found, (patients // 2, patients // 2), _OWN + 1)
    time = np.minimum(whole.death, whole.end)
    tte = TimeToEvent(time, whole.death <= whole.end, _names(whole.arm), control=CONTROL, experimental=EXPERIMENTAL,
                      unit="days")  # fmt: skip
    return replace(found, hazard_ratio=math.exp(float(cox(tte).coef[0])))


def switched_trial(ground: Ground, number: int) -> Switched:
    """Trial ``number`` of a ground: the same alone as among many."""
    drawn = _drawn(ground, ground.lives.patients, number)
    at = _switch_day(ground, drawn)
    kept = ground.setting.time_ratio**ground.setting.kept
    factor = np.where(drawn.arm == 0, kept, 1 / kept)
    moved = np.isfinite(at)
    death = np.where(moved, np.ceil(at + (drawn.death - np.where(moved, at, 0.0)) * factor), drawn.death)
    time = np.minimum(death, drawn.end)
    names = _names(drawn.arm)
    tte = TimeToEvent(time, death <= drawn.end, names, control=CONTROL, experimental=EXPERIMENTAL, unit="days",
                      origin="simulated")  # fmt: skip
    progression = np.where(drawn.progression < time, drawn.progression, math.inf)
    record = Switches(
        tte=tte, switch=at, progression=progression, administrative=drawn.end,
        may_switch=(CONTROL, EXPERIMENTAL) if ground.setting.both else (),
    )  # fmt: skip
    return Switched(record=record, setting=ground.setting, drawn=drawn)


def _names(arm: NDArray[np.int64]) -> NDArray[np.str_]:
    return np.array([CONTROL, EXPERIMENTAL])[arm]


def times_at(law: Law, hazard: Vector) -> Vector:
    """Times at which the cumulative hazard of a law reaches each of these, (n,)."""
    values = np.array(law, dtype=np.float64)
    return np.array([time_at(values, h) for h in hazard.tolist()])


def _drawn(ground: Ground, sizes: tuple[int, int], number: int) -> _Drawn:
    """Patients as they would live without a switch, in whole days; who dies before the visit that would have seen the
    progression has none."""
    lives, setting = ground.lives, ground.setting
    rng, n = generator(ground.seed, trial=number, purpose=Purpose.PROVING), sum(sizes)
    arm = np.repeat([0, 1], sizes)
    entry = np.floor(rng.random(n) * lives.accrual)
    progression, before, after = (
        times_at(law, rng.exponential(size=n)) for law in (lives.progression, lives.death_before, lives.death_after)
    )
    at_progression = rng.random(n) < 0.5
    after = after * setting.prognosis ** np.where(at_progression, 0.5, -0.5)
    speed = np.where(arm == 1, setting.time_ratio, 1.0)
    death = np.maximum(1.0, np.ceil(np.where(before <= progression, before, progression + after) * speed))
    seen = np.where(before <= progression, math.inf, setting.every * np.ceil(progression * speed / setting.every))
    seen = np.where(death <= seen, math.inf, seen)
    visits = 1 if setting.timing == "at progression" else VISITS
    day = seen[:, None] + setting.every * np.arange(visits)
    with np.errstate(invalid="ignore"):
        left = (death[:, None] - day) / speed[:, None]
        chance = np.nan_to_num(expit(_STEEP * (left / ground.middle - 1.0)))
    well = (rng.random((n, visits)) < chance).astype(np.int64)
    well[:, 0] = at_progression
    return _Drawn(arm=arm, progression=seen, death=death, end=lives.cutoff - entry, day=day, well=well,
                  u=rng.random((n, visits)))  # fmt: skip


def _switch_day(ground: Ground, drawn: _Drawn) -> Vector:
    """The day of switching, that of the visit after the one that decides it; inf for never, (n,)."""
    setting = ground.setting
    chance = expit(ground.intercept + math.log(setting.odds) * (drawn.well - 0.5))
    last = np.minimum(drawn.death, drawn.end)
    moves = (drawn.u < chance) & (drawn.day + setting.every < last[:, None])
    if not setting.both:
        moves &= (drawn.arm == 0)[:, None]
    first = moves.argmax(axis=1)
    return np.where(moves.any(axis=1), drawn.day[np.arange(len(first)), first] + setting.every, math.inf)


def _intercept(ground: Ground, many: _Drawn) -> float:
    """The intercept at which the share of those who progress while followed, and switch, is that asked for."""
    followed = many.progression < np.minimum(many.death, many.end)
    if not followed.any():
        raise DesignError("nobody progresses while followed", where="progression", remedy="Give another law.")

    def share(intercept: float) -> float:
        return float(np.isfinite(_switch_day(replace(ground, intercept=intercept), many))[followed].mean())

    low, high = -20.0, 20.0
    if share(high) < ground.setting.share:
        raise DesignError(
            f"of those who progress {fixed(100 * share(high), 0)}% at most live to switch, fewer than "
            f"{100 * ground.setting.share:g}%",
            where="share", remedy="Ask for a smaller share.",
        )  # fmt: skip
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if share(middle) < ground.setting.share else (low, middle)
    return (low + high) / 2
