"""The power of a survival trial at its looks, and the patients it needs for a power."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from ..errors import DesignError, UnsupportedError
from .boundaries import bound_of, drift_for, efficacy_power
from .combo import combo_bounds, combo_power
from .course import Course, events_share, time_of
from .crossing import Bounds, Crossing, GoingOn, crossing, crossing_along, drifts
from .group_sequential import GroupSequential
from .methods import Effect, MaxCombo, Method, counts_events, earliest, effect_at, is_formula
from .spending import Spending

Vector = NDArray[np.float64]
_EXACT = 1e-13
_MOST = 1e7  # patients
_FEWEST = 2.0
_CERTAIN = 6.0  # drift beyond the bound under which power is 1 but for 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """When a course is looked at: calendar times (days) and events per patient randomized in all, (k,), and what the
    test sees there. ``sign`` is -1 where events are benefit, so that more of them favour the experimental arm."""

    calendar: Vector
    events: Vector
    effects: tuple[Effect, ...]
    sign: int


@dataclass(frozen=True, slots=True, eq=False)
class Powered:
    """Bounds on Z as they are used, and the probabilities of stopping at each look under the effect and under none."""

    upper: Vector
    lower: Vector | None
    effect: Crossing
    nothing: Crossing

    @property
    def power(self) -> float:
        """The probability of a claim for the experimental arm at any look."""
        return float(self.effect.upper.sum())


def looks_of(
    course: Course, end: float, test: GroupSequential, method: Method, null_ratio: float, sign: int = 1
) -> Looks:
    """Looks at planned shares of the information expected by ``end`` (days), which is events or the test's own; the
    last look is then."""
    if not counts_events(method):
        return _by_own_information(course, end, test, method, null_ratio, sign)
    final = events_share(course, end)
    events = final * test.information_fractions
    calendar = np.array([*(time_of(course, float(share), before=end) for share in events[:-1]), end])
    effects: tuple[Effect, ...] = ()
    if is_formula(method):
        last = effect_at(course, end, method, null_ratio)
        fractions = test.information_fractions.tolist()
        effects = tuple(Effect(sign * last.size, last.null * t, last.real * t) for t in fractions)
    elif not isinstance(method, MaxCombo):
        seen = [effect_at(course, float(at), method, null_ratio) for at in calendar]
        effects = tuple(replace(one, size=sign * one.size) for one in seen)
    return Looks(calendar, events, effects, sign)


def _by_own_information(
    course: Course, end: float, test: GroupSequential, method: Method, null_ratio: float, sign: int
) -> Looks:
    """Looks where the variance of the test says that so much of its information has come."""
    last = effect_at(course, end, method, null_ratio)
    first = earliest(method)
    calendar = []
    for share in test.information_fractions[:-1].tolist():

        def missing(at: float, share: float = share) -> float:
            try:
                return effect_at(course, at, method, null_ratio).null - share * last.null
            except DesignError:  # nothing to be seen yet
                return -share * last.null

        if first and missing(first) > 0:
            raise DesignError(
                f"{share:.3g} of the information has come before anybody is followed to the time of the {method}",
                where="information_fractions",
                remedy="Have that look later, or take an earlier time.",
            )
        calendar.append(float(brentq(missing, first or 1e-6 * end, end, xtol=1e-9, rtol=_EXACT)))
    times = np.array([*calendar, end])
    seen = [effect_at(course, float(at), method, null_ratio) for at in times]
    events = np.array([events_share(course, float(at)) for at in times])
    return Looks(times, events, tuple(replace(one, size=sign * one.size) for one in seen), sign)


def powered(test: GroupSequential, course: Course, looks: Looks, patients: float, method: Method) -> Powered:
    """What a trial of so many patients does at its looks.

    A formula has the law of the canonical form, at the planned fractions of events. The other methods take the mean and
    the variance of the test at each look; the bounds are those of the planned fractions, of events where these are what
    will be counted at the analysis, of the test's own information else.
    """
    if isinstance(method, MaxCombo):
        upper = combo_bounds(test, course, looks.calendar, method)
        effect, nothing = (
            combo_power(course, looks.calendar, method, upper, looks.sign * math.sqrt(n)) for n in (patients, 0.0)
        )
        return Powered(upper, None, effect, nothing)
    if is_formula(method):
        drift = _drift(test, looks.effects[-1], patients)
        bounds = test.bounds
        return Powered(bounds.upper, test.futility_bounds, crossing(bounds, drift), crossing(bounds, 0.0))
    null, real, means = _along(looks, patients)
    scale = np.sqrt(real / null)
    bounds = test.bounds
    if isinstance(test.futility, Spending):
        lower = _futility_along(test, bounds.upper * scale, real / real[-1], means) / scale
        bounds = replace(bounds, lower=lower)
    seen = Bounds(real / real[-1], bounds.upper * scale, bounds.lower * scale, bounds.inner * scale)
    idle = replace(bounds, fractions=null / null[-1])
    lower_shown = None if test.futility_bounds is None else bounds.lower if test.sided == 1 else bounds.inner
    return Powered(bounds.upper, lower_shown, crossing_along(seen, means), crossing(idle, 0.0))


def patients_for(test: GroupSequential, course: Course, looks: Looks, power: float, method: Method) -> float:
    """How many patients give a power, everything else as it is; not rounded."""
    _has_effect(looks, method)
    if is_formula(method):
        patients = _fixed(test, looks.effects[-1], power) * _inflation(test, power)
        if patients < _FEWEST:
            raise _few(power)
        return patients
    if isinstance(method, MaxCombo):
        upper = combo_bounds(test, course, looks.calendar, method)

        def reached(n: float) -> float:
            return float(combo_power(course, looks.calendar, method, upper, looks.sign * math.sqrt(n)).upper.sum())
    else:

        def reached(n: float) -> float:
            return powered(test, course, looks, n, method).power

    return _rising(reached, power)


def _rising(reached: Callable[[float], float], power: float) -> float:
    low, high = _FEWEST, 64.0
    if reached(low) > power:
        raise _few(power)
    while reached(high) < power:
        low, high = high, high * 4
        if high > _MOST:
            raise DesignError(
                f"ten million patients do not give a power of {power:g}",
                where="power",
                remedy="The test hardly sees that effect: change the effect, the method or the follow-up.",
            )
    return math.exp(
        brentq(lambda x: reached(math.exp(x)) - power, math.log(low), math.log(high), xtol=1e-12, rtol=_EXACT)
    )


def _few(power: float) -> DesignError:
    return DesignError(
        f"fewer than {_FEWEST:g} patients give a power of {power:g}",
        where="power",
        remedy="Ask for more power, or assume less of an effect.",
    )


def _has_effect(looks: Looks, method: Method) -> None:
    if looks.effects and not looks.effects[-1].size > 0:
        raise DesignError(
            "the test sees no effect that favours the experimental arm",
            where="hazard_ratio",
            remedy="A ratio below null_hazard_ratio favours it where events are harm, above where they are benefit.",
        )


def _side(test: GroupSequential) -> float:
    return test.alpha / test.sided


def _fixed(test: GroupSequential, effect: Effect, power: float) -> float:
    """Patients without looks: the bound under no effect and the power under the effect meet on the estimate's scale."""
    z_alpha, z_beta = -float(ndtri(_side(test))), float(ndtri(power))
    return ((z_alpha / math.sqrt(effect.null) + z_beta / math.sqrt(effect.real)) / effect.size) ** 2


def _inflation(test: GroupSequential, power: float) -> float:
    """Information of the test with looks over that of one without."""
    if test.power is not None and abs(test.power - power) < 1e-15:
        assert test.inflation is not None
        return test.inflation
    if len(test.bounds.upper) == 1:
        return 1.0
    fixed = -float(ndtri(_side(test))) + float(ndtri(power))
    return (drift_for(lambda x: efficacy_power(test.bounds, x), power, fixed) / fixed) ** 2


def _drift(test: GroupSequential, effect: Effect, patients: float) -> float:
    """The mean of Z at the last look.

    Where information differs under the effect, it is the drift of the power for which so many patients would be asked:
    those of a test without looks, times the inflation of this one.
    """
    straight = effect.size * math.sqrt(patients * effect.real)
    if effect.null == effect.real or effect.size <= 0:
        return straight
    z_alpha = -float(ndtri(_side(test)))

    def missing(drift: float) -> float:
        power = efficacy_power(test.bounds, drift)
        fixed = z_alpha + float(ndtri(power))
        return _fixed(test, effect, power) * (drift / fixed) ** 2 - patients

    # Below a power of some alpha no patients would be asked for: information under the effect it is.
    least = drift_for(lambda x: efficacy_power(test.bounds, x), min(2 * _side(test), 0.5), z_alpha)
    if missing(least) > 0:
        return straight
    high = min(2 * straight + least, z_alpha + _CERTAIN)
    if missing(high) < 0:  # a power so near to 1 that its digits are lost
        return straight
    return float(brentq(missing, least, high, xtol=1e-12, rtol=_EXACT))


def _along(looks: Looks, patients: float) -> tuple[Vector, Vector, Vector]:
    """Information under none and under the effect, and the means of the estimate over its error, (k,) each."""
    null, real, size = (np.array([getattr(e, name) for e in looks.effects]) for name in ("null", "real", "size"))
    if (np.diff(null) <= 0).any() or (np.diff(real) <= 0).any():
        raise DesignError(
            "a look brings no information beyond the look before it",
            where="information_fractions",
            remedy="Have fewer looks, or later ones.",
        )
    return null, real, size * np.sqrt(patients * real)


def _futility_along(test: GroupSequential, upper: Vector, fractions: Vector, means: Vector) -> Vector:
    """Bounds below which the planned shares of the error of the second kind are spent, the effect as it is at each
    look."""
    if test.binding:
        raise UnsupportedError(
            "binding futility by spending goes with a formula",
            where="binding",
            remedy='Take binding=False, or method="schoenfeld".',
        )
    assert isinstance(test.futility, Spending)
    assert test.power is not None
    spend = np.diff(test.futility.spent(test.spending_fractions, 1 - test.power), prepend=0.0)
    steps = drifts(fractions, means).tolist()
    k = len(fractions)
    lower = np.empty(k)
    going = GoingOn(-steps[0])
    for look, t in enumerate(fractions.tolist()):
        top = float(upper[look])
        lower[look] = top if look + 1 == k else min(-bound_of(going, t, float(spend[look])), top)
        if look + 1 < k:
            on = going.on(t, ((-top, -float(lower[look])),), float(fractions[look + 1]))
            going = replace(on, drift=-steps[look + 1])
    return lower
