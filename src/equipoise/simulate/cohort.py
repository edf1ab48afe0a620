"""Patients drawn from a scenario: baseline, histories, doses and adverse events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ..errors import ProtocolError
from ..kernels import adverse_event_days, doses_given, histories
from ..kernels.entering import NEVER
from ..kernels.history import CROSS, time_at
from ..protocol import AdverseEvents, Factor, Protocol, Randomization, Scenario
from ..randomize import Purpose, allocate, generator
from ..results import read_only
from .model import Model, open_sites, stopping

_DRAWS = 200
# Columns of a history, as the kernel orders them.
FIELDS = ("entered", "entry", "progression", "death", "crossover", "pfs_day", "pfs_event", "os_day", "os_event",
          "ttp_day", "ttp_event", "treatment_end")  # fmt: skip
ENDPOINTS: Mapping[frozenset[str], int] = {
    frozenset({"progression", "death"}): 0,
    frozenset({"death"}): 1,
    frozenset({"progression"}): 2,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """Patients as they enter: arm (n,) index, a code (n,) for each factor as it is measured and as it truly is, weight
    (n,) in kilograms, and the hazard ratios of progression and death that their factors give them."""

    arm: NDArray[np.int64]
    factors: Mapping[str, NDArray[np.int64]]
    truly: Mapping[str, NDArray[np.int64]]
    weight: NDArray[np.float64]
    on_progression: NDArray[np.float64]
    on_death: NDArray[np.float64]

    def __post_init__(self) -> None:
        read_only(self)

    def __len__(self) -> int:
        return len(self.arm)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """One trial's patients: history (n, 12) in whole days (columns ``FIELDS``), the uniforms behind it, latent
    times of progression, doses and days of adverse events (n, kinds + 1; 0 for none); codes of sites (n,), if there are
    any; who responds (n,), by the column that says so."""

    model: Model
    baseline: Baseline
    uniforms: NDArray[np.float64]
    history: NDArray[np.int64]
    latent: NDArray[np.float64]
    doses: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]
    adverse_events: NDArray[np.int64]
    sites: NDArray[np.int64] | None
    responders: Mapping[str, NDArray[np.bool_]]
    seed: int
    number: int

    def column(self, name: str) -> NDArray[np.int64]:
        """A column of the history by its name."""
        return self.history[:, FIELDS.index(name)]


def draw_baseline(
    trial: Protocol,
    scenario: Scenario,
    subjects: Mapping[str, int] | int,
    *,
    seed: int,
    number: int = 0,
    levels: Mapping[str, Mapping[str, int]] | None = None,
) -> Baseline:
    """Patients at entry: factors by their shares, then arms by the protocol's randomization, then weights.

    ``subjects`` fixes the number in each arm, or in all; ``levels`` fixes how many patients have a level of a factor.
    """
    stream = generator(seed, trial=number, purpose=Purpose.BASELINE)
    n = subjects if isinstance(subjects, int) else sum(subjects.values())
    measuring = generator(seed, trial=number, purpose=Purpose.MEASUREMENT)
    factors: dict[str, NDArray[np.int64]] = {}
    truly: dict[str, NDArray[np.int64]] = {}
    for name, factor in scenario.factors.items():
        shares = np.array(list(factor.levels.values()))
        codes = np.searchsorted(np.cumsum(shares)[:-1], stream.random(n), side="right").astype(np.int64)
        for level, count in (levels or {}).get(name, {}).items():
            codes = _fixed(codes, list(factor.levels).index(level), count, shares, stream)
        truly[name] = codes
        factors[name] = _measured(factor, codes, measuring.random(n)) if factor.measured else codes
    weight = np.full(n, np.nan)
    if scenario.weight is not None:
        w = scenario.weight
        weight[:] = w.mean
        if w.sd > 0:
            low, high = ndtr((w.least - w.mean) / w.sd), ndtr((w.most - w.mean) / w.sd)
            weight = np.round(w.mean + w.sd * ndtri(low + (high - low) * stream.random(n)), 1)
    arm = _allocation(trial, factors, subjects, seed, number)
    on_progression, on_death = np.ones(n), np.ones(n)
    for name, factor in scenario.factors.items():
        by_arm = np.array([factor.ratios(one) for one in trial.arms])
        on_progression *= by_arm[arm, 0, truly[name]]
        on_death *= by_arm[arm, 1, truly[name]]
    return Baseline(
        arm=arm, factors=factors, truly=truly, weight=weight, on_progression=on_progression, on_death=on_death
    )  # fmt: skip


def _measured(factor: Factor, codes: NDArray[np.int64], u: NDArray[np.float64]) -> NDArray[np.int64]:
    """The levels for which true ones are taken."""
    return (u[:, None] >= measured_shares(factor)[codes, : len(factor.levels) - 1]).sum(axis=1).astype(np.int64)


def measured_shares(factor: Factor) -> NDArray[np.float64]:
    """Cumulative shares (l, l) of the levels for which each true level is taken; itself, where nothing is said."""
    levels = list(factor.levels)
    return np.cumsum([[factor.measured.get(a, {a: 1.0}).get(b, 0.0) for b in levels] for a in levels], axis=1)


def _fixed(
    codes: NDArray[np.int64], code: int, count: int, shares: NDArray[np.float64], stream: np.random.Generator
) -> NDArray[np.int64]:
    """The codes with exactly ``count`` patients at one level, which ones being left to chance."""
    n = len(codes)
    chosen = np.zeros(n, dtype=bool)
    chosen[stream.permutation(n)[:count]] = True
    others = shares.copy()
    others[code] = 0.0
    if others.sum() == 0:
        others[np.arange(len(shares)) != code] = 1.0
    elsewhere = np.searchsorted(np.cumsum(others / others.sum())[:-1], stream.random(n), side="right")
    return np.where(chosen, code, np.where(codes == code, elsewhere, codes)).astype(np.int64)


def _allocation(
    trial: Protocol, factors: Mapping[str, NDArray[np.int64]], subjects: Mapping[str, int] | int, seed: int, number: int
) -> NDArray[np.int64]:
    """Arms by the protocol's procedure, as indexes into the protocol's arms."""
    chosen = randomization_of(trial, factors)
    counts = None if isinstance(subjects, int) else subjects
    strata = np.zeros(subjects if isinstance(subjects, int) else sum(subjects.values()), dtype=np.int64)
    for column in chosen.strata:
        strata = strata * (int(factors[column].max()) + 1) + factors[column]
    return _as_arms(trial, chosen, allocate(
        chosen, strata, stream=generator(seed, trial=number, purpose=Purpose.ALLOCATION), counts=counts
    ))  # fmt: skip


def randomization_of(trial: Protocol, factors: Iterable[str]) -> Randomization:
    """The procedure by which patients are allocated, whose strata are among the factors of the scenario."""
    chosen = trial.randomization
    if chosen is None:
        raise ProtocolError(
            "patients cannot be allocated: the protocol does not say how",
            where="randomization",
            remedy='Add [randomization] with procedure = "simple" or "permuted blocks", assumed if need be.',
        )
    known = tuple(factors)
    for column in chosen.strata:
        if column not in known:
            raise ProtocolError(
                f"the scenario has no factor {column!r}, by which the randomization is stratified",
                where="randomization.strata",
                remedy=f"Add [scenario.NAME.factors.{column}].",
            )
    return chosen


def _as_arms(trial: Protocol, chosen: Randomization, codes: NDArray[np.int64]) -> NDArray[np.int64]:
    arms = list(trial.arms)
    return np.array([arms.index(arm) for arm in chosen.allocation], dtype=np.int64)[codes]


def draw_uniforms(model: Model, n: int, *, seed: int, number: int = 0) -> NDArray[np.float64]:
    """The uniforms of n patients, (n, uniforms), in (0, 1)."""
    drawn = generator(seed, trial=number, purpose=Purpose.NOISE).random((n, model.uniforms))
    return np.clip(drawn, 1e-15, 1 - 1e-15)


def draw_columns(model: Model, n: int, *, seed: int, number: int = 0) -> NDArray[np.float64]:
    """The uniforms of n patients of a trial in order of entry, (n, uniforms), in (0, 1).

    Drawn column by column, so that a law which the model does not have needs none; the first column is the share of the
    accrual period at which a patient enters.
    """
    drawn = generator(seed, trial=number, purpose=Purpose.NOISE).random((model.uniforms, n))
    u = np.clip(drawn, 1e-15, 1 - 1e-15)
    ends, shares = model.accrual
    at = (np.arange(n) + 0.5) / n if model.evenly else np.sort(u[0])
    piece = np.searchsorted(shares[1:-1], at)
    part = (at - shares[piece]) / (shares[piece + 1] - shares[piece])
    u[0] = (ends[piece] + part * (ends[piece + 1] - ends[piece])) / ends[-1]
    return np.ascontiguousarray(u.T)


def cohort(
    trial: Protocol,
    model: Model,
    baseline: Baseline,
    uniforms: NDArray[np.float64],
    *,
    seed: int,
    number: int = 0,
    event_counts: Mapping[tuple[str, int], int] | None = None,
    more_frequent: tuple[tuple[str, int], ...] = (),
    responders: Mapping[tuple[str, str], int] | None = None,
) -> Cohort:
    """The patients whom these uniforms give. ``event_counts`` fixes how many subjects of an arm have adverse events of
    a kind (its place among the scenario's kinds; -1 for any), which ones being left to chance; ``more_frequent`` asks
    that an arm have a larger share of subjects with a kind than every other (drawn until it has); ``responders`` how
    many of an arm have Y in a column, left to chance among those who are longest without progression."""
    history, latent = _histories(model, baseline, uniforms)
    end = history[:, FIELDS.index("treatment_end")]
    end[:] = np.minimum(end, _discontinued(model, baseline.arm, seed, number))
    n = len(baseline)
    regimens = regimen_table(trial)
    u = generator(seed, trial=number, purpose=Purpose.DOSES).random((n, len(regimens)))
    doses = doses_given(end, baseline.arm, baseline.weight, regimens, model.scenario.missed_doses, u)
    days = _adverse_events(
        model, baseline.arm, end, event_counts or {}, more_frequent,
        generator(seed, trial=number, purpose=Purpose.ADVERSE_EVENTS),
    )  # fmt: skip
    return Cohort(
        model=model, baseline=baseline, uniforms=uniforms, history=history, latent=latent, doses=doses,
        adverse_events=days, sites=_sites(model, history[:, FIELDS.index("entry")], seed, number),
        responders=_responders(model, baseline.arm, history, responders or {}, seed, number), seed=seed, number=number,
    )  # fmt: skip


def _responders(
    model: Model, arm: NDArray[np.int64], history: NDArray[np.int64], counts: Mapping[tuple[str, str], int], seed: int,
    number: int,
) -> dict[str, NDArray[np.bool_]]:  # fmt: skip
    """Who responds: in each arm as many as are asked for, drawn from twice as many who stay longest free of progression
    (who progresses at the first scan has hardly responded)."""
    found: dict[str, NDArray[np.bool_]] = {}
    if not counts:
        return found
    u = generator(seed, trial=number, purpose=Purpose.RESPONSE).random(len(arm))
    free = history[:, FIELDS.index("pfs_day")]
    for (name, column), count in counts.items():
        here = np.flatnonzero(arm == model.arms.index(name))
        longest = here[np.argsort(-free[here], kind="stable")[: max(2 * count, len(here) // 2)]]
        chosen = longest[np.argsort(u[longest])[:count]]
        found.setdefault(column, np.zeros(len(arm), dtype=bool))[chosen] = True
    return found


def _histories(
    model: Model, baseline: Baseline, uniforms: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Histories and latent times of progression, by the laws of each level and arm."""
    history = np.empty((len(baseline), len(FIELDS)), dtype=np.int64)
    latent = np.empty(len(baseline))
    uniforms = _turned(model, baseline, uniforms)
    level = baseline.truly[model.laws_by] if model.laws_by is not None else np.zeros(len(baseline), dtype=np.int64)
    for s, a in np.ndindex(model.laws_by_arm.shape[:2]):
        here = (level == s) & (baseline.arm == a)
        history[here], latent[here] = histories(
            uniforms[here], baseline.arm[here], baseline.on_progression[here], baseline.on_death[here],
            model.laws_by_arm[s, a], model.ratios, model.timings[a], model.crossing,
        )  # fmt: skip
    return history, latent


def _discontinued(model: Model, arm: NDArray[np.int64], seed: int, number: int) -> NDArray[np.int64]:
    """The day on which each patient would stop treatment for other reasons than progression, death or leaving."""
    never = np.full(len(arm), np.iinfo(np.int64).max)
    if model.scenario.discontinuation is None:
        return never
    laws, ratios, stays = stopping(model)
    u = generator(seed, trial=number, purpose=Purpose.DISCONTINUATION).random((len(arm), 2))
    for i in np.flatnonzero(u[:, 1] >= stays[arm]):
        time = time_at(laws[arm[i]], -np.log1p(-u[i, 0]) / ratios[arm[i]])
        if time < model.timing[1]:  # later ones are after the cut-off
            never[i] = max(1, int(np.ceil(time)))
    return never


def _sites(model: Model, entry: NDArray[np.int64], seed: int, number: int) -> NDArray[np.int64] | None:
    """A site that was open on each patient's day of entry, drawn by their paces."""
    if not model.scenario.sites:
        return None
    opens, closes, pace = open_sites(model.scenario)
    day = entry[:, None]
    chances = np.cumsum(((opens < day + 1) & (day < closes)) * pace, axis=1)  # at some time of that day
    u = generator(seed, trial=number, purpose=Purpose.SITES).random(len(entry))
    return (u[:, None] * chances[:, -1:] >= chances[:, :-1]).sum(axis=1).astype(np.int64)


def _turned(model: Model, baseline: Baseline, uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Uniforms turned so that one law of an arm serves where some are cured, and one chance of crossing for all."""
    if model.steady or not (model.cured.any() or len(model.crosses)):
        return uniforms
    u = uniforms.copy()
    share = model.cured[:, baseline.arm].T
    laws = u[:, 1:6]
    with np.errstate(divide="ignore", invalid="ignore"):
        u[:, 1:6] = np.where(laws < share, NEVER, (laws - share) / (1 - share))
        if len(model.crosses) and model.scenario.crossover is not None:
            chance = model.crosses[baseline.truly[str(model.scenario.crossover.by)]]
            u[:, CROSS] = np.where(u[:, CROSS] < chance, u[:, CROSS] / chance, 2.0)
    return u


def regimen_table(trial: Protocol) -> NDArray[np.float64]:
    """Every regimen of every arm as ``kernels.doses_given`` takes it, (r, 8)."""
    rows = []
    for i, arm in enumerate(trial.arms.values()):
        for regimen in arm.regimen or ():
            loading, keep = regimen.loading, regimen.maintenance
            rows.append((
                i, loading.dose.amount if loading else 0.0, loading.day if loading else 0, keep.dose.amount,
                regimen.interval_days, regimen.maintenance_from, bool(loading and loading.dose.per == "kg"),
                keep.dose.per == "kg",
            ))  # fmt: skip
    return np.array(rows, dtype=float).reshape(len(rows), 8)


def _adverse_events(
    model: Model,
    arm: NDArray[np.int64],
    end: NDArray[np.int64],
    counts: Mapping[tuple[str, int], int],
    more_frequent: tuple[tuple[str, int], ...],
    stream: np.random.Generator,
) -> NDArray[np.int64]:
    """Days of adverse events, drawn again where an arm does not have more of a kind as it should."""
    events = model.scenario.adverse_events
    if events is None:
        return np.zeros((len(arm), 1), dtype=np.int64)
    for _ in range(_DRAWS):
        days = _draw_events(events, model, arm, end, counts, stream)
        if all(_leads(days, arm, model.arms.index(name), kind) for name, kind in more_frequent):
            return days
    raise ProtocolError(
        "adverse events are to be more frequent in an arm in which the model makes them rarer",
        where="scenario",
        remedy="Check the shares of [scenario.NAME.adverse_events].",
    )


def _leads(days: NDArray[np.int64], arm: NDArray[np.int64], first: int, kind: int) -> bool:
    """Whether an arm has a larger share of subjects with a kind of event (-1: any) than every other."""
    has = (days.sum(axis=1) if kind < 0 else days[:, kind]) > 0
    shares = [has[arm == a].mean() for a in range(int(arm.max()) + 1)]
    return all(shares[first] > share for a, share in enumerate(shares) if a != first)


def _draw_events(
    events: AdverseEvents,
    model: Model,
    arm: NDArray[np.int64],
    end: NDArray[np.int64],
    counts: Mapping[tuple[str, int], int],
    stream: np.random.Generator,
) -> NDArray[np.int64]:
    """Days of adverse events. Where a count is fixed, the threshold lies between the order statistics of the uniforms
    that give it: the subjects are then drawn from the model given the count."""
    kinds = events.kinds
    u_any, u_kind = stream.random(len(arm)), stream.random((len(arm), len(kinds)))
    u_day = stream.random((len(arm), len(kinds) + 1))
    any_below = np.array([events.any.get(a, 0.0) for a in model.arms])
    kind_below = np.zeros((len(model.arms), len(kinds)))
    for i, name in enumerate(model.arms):
        here = arm == i
        if (name, -1) in counts:
            any_below[i] = _threshold(u_any[here], counts[name, -1])
        else:  # who has an adverse event of a kind has one: at least as many as the largest count of a kind
            least = max((count for (a, _), count in counts.items() if a == name), default=0)
            any_below[i] = max(any_below[i], _threshold(u_any[here], least)) if least else any_below[i]
        have_any = here & (u_any < any_below[i])
        for k, kind in enumerate(kinds):
            share = kind.probability.get(name, 0.0)
            kind_below[i, k] = share / events.any[name] if share > 0 else 0.0
            if (name, k) in counts:
                kind_below[i, k] = _threshold(u_kind[have_any, k], counts[name, k])
    return adverse_event_days(end, arm, any_below, kind_below, u_any, u_kind, u_day)


def _threshold(uniforms: NDArray[np.float64], count: int) -> float:
    """A threshold below which exactly ``count`` of the uniforms lie."""
    ordered = np.sort(uniforms)
    return 2.0 if count >= len(ordered) else float(ordered[count])
