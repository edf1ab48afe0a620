"""Given my trial, which adjustment for switching should I pre-specify? Answered on the proving ground."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .. import results
from ..design.given import whole_number
from ..errors import DesignError, ProtocolError, UnsupportedError
from ..protocol import Protocol, Scenario
from ..randomize import Purpose, generator
from ..results import Row, fixed
from .ground import Law, Lives, Setting, ground, times_at
from .model import Model, law_times, model
from .proving import ADJUSTED, METHODS, Proven, prove
from .trial import number_of, scenario_of, subjects_of

if TYPE_CHECKING:
    import polars as pl


_MEDIANS = 100_000  # patients from whose medians the time ratio is taken
_PATIENTS = 400_000  # from whom the true hazard ratio is
_SOON, _LATER = 7.0, 28.0  # days between visits: a switch at progression begins a week after it was decided
_FOUND = 0.95  # share of trials in which a method must have an estimate to be advised
_BIASED = 0.05  # of the log hazard ratio
_ODDS, _PROGNOSIS, _KEPT = 3.0, 1.5, 0.5
ASSUMED = (
    "patients are those of the scenario's control arm, without its baseline factors and losses to follow-up; the "
    "experimental treatment multiplies their times by the ratio of the medians of survival that the scenario has "
    "without crossover",
    "nobody knows beforehand how people will switch: the settings are a grid of what may be true, with odds of "
    f"{_ODDS:g} for patients who are well, {_PROGNOSIS:g} times the time left for those who are well at progression, "
    f"and {100 * _KEPT:g}% of the effect where it wanes; a switch at progression begins a week after it was decided, a "
    "later one four weeks after",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Advice:
    """What each method makes of the trial in every setting, and the sentences that follow.

    ``best`` are the adjusted methods whose largest root mean square error over the settings is the smallest or, given
    the Monte Carlo error, may be; the smallest comes first. Empty where none has an estimate in 95% of the trials of
    every setting.
    """

    proven: tuple[Proven, ...]
    best: tuple[str, ...]
    sentences: tuple[str, ...]
    notes: tuple[str, ...]

    def worst(self, method: str) -> Proven:
        """The setting in which a method errs most."""
        return _worst(self.proven, method)

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def rows(self) -> list[Row]:
        """The sentences, then the rows of each setting."""
        said = [Row(analysis="switching", role="simulation", statistic="sentence", text=t, origin="simulated")
                for t in self.sentences]  # fmt: skip
        return said + [row for one in self.proven for row in one.rows()]

    def table(self) -> pl.DataFrame:
        """The long table of it."""
        return results.long_table(self.rows())


def advise(
    trial: Protocol,
    scenario: str | Scenario | None = None,
    *,
    trials: int,
    seed: int,
    shares: Sequence[float] = (),
    draws: int = 0,
    executor: Executor | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Advice:
    """Which adjustment for switching errs least in trials like this one, over settings that nobody can rule out.

    Trials have the scenario's patients, accrual, cut-off and control arm (``lives_of``). The settings (``settings_of``)
    differ in when and by whom people switch, whether the reason is measured, and whether the effect lasts; each comes
    at the ``shares`` who switch of those in whom progression is seen (default: the scenario's crossover).

    Raises ``ProtocolError`` for a protocol without a crossover of the control arm in part, ``UnsupportedError`` for a
    model that cannot be taken over, ``DesignError`` for numbers that are none: one trial tells of no Monte Carlo error.

    >>> from equipoise.protocol import example
    >>> found = advise(example("tandem"), trials=2, seed=1)
    >>> len(found.proven)
    6
    """
    if whole_number(trials) == 1:
        raise DesignError(
            "one trial does not tell by how much methods err by chance", where="trials", remedy="Give 100 or more."
        )
    chosen = scenario_of(trial, scenario)
    lives = lives_of(trial, chosen)
    settings = settings_of(trial, chosen, lives, shares)
    proven: list[Proven] = []
    for i, (label, setting) in enumerate(settings):
        found = prove(
            ground(lives, setting, seed=seed, patients=_PATIENTS), trials=trials, draws=draws, label=label,
            executor=executor,
            progress=lambda share, i=i: progress((i + share) / len(settings)),  # type: ignore[misc]
        )  # fmt: skip
        proven.append(found)
    best = _best(proven)
    return Advice(
        proven=tuple(proven), best=best, sentences=_sentences(proven, best), notes=(_numbers(proven), *ASSUMED)
    )


def _numbers(proven: Sequence[Proven]) -> str:
    """The numbers that the settings share: patients, time ratio, and who switches."""
    lives, settings = proven[0].ground.lives, [one.ground.setting for one in proven]
    shares = " or ".join(f"{100 * share:g}" for share in dict.fromkeys(s.share for s in settings))
    return (
        f"trials have {lives.patients[0]} patients in control and {lives.patients[1]} on the experimental treatment, "
        f"which multiplies time by {fixed(settings[0].time_ratio, 2)}; {shares}% of those in whom progression is seen "
        "switch"
    )


def lives_of(trial: Protocol, scenario: Scenario) -> Lives:
    """The control arm's life in a scenario, as many patients as a trial of it has in the two arms of the crossover.

    >>> from equipoise.protocol import example
    >>> protocol = example("tandem")
    >>> lives_of(protocol, protocol.scenario["stated"]).patients
    (104, 103)
    """
    control, experimental = _arms(trial, scenario)
    made = model(trial, scenario)
    if made.cured.any() or made.laws_by is not None:
        raise UnsupportedError(
            "a model in which some never have an event, or levels of a factor hazards of their own, has no place on "
            "the proving ground",
            where="scenario.NAME.progression", remedy="Use a scenario without cured, by and levels.",
        )  # fmt: skip
    laws = [_law(made, k, made.arms.index(control)) for k in range(3)]
    sizes = trial.randomization.allocation if trial.randomization else {}
    total = number_of(subjects_of(trial, scenario, None))
    published = {n.arm: int(n.printed.value) for n in trial.published.numbers
                 if n.statistic == "subjects" and n.arm in (control, experimental) and n.estimand is None
                 and not n.printed.word}  # fmt: skip
    if scenario.patients is None and len(published) == 2:
        patients = published[control], published[experimental]
    else:
        parts = sum(sizes.values()) or 2
        own = [total * sizes.get(arm, 1) // parts for arm in (control, experimental)]
        patients = own[0], own[1]
    return Lives(
        progression=laws[0], death_before=laws[1], death_after=laws[2], patients=patients,
        accrual=float(made.timing[0]), cutoff=float(made.timing[1]),
    )  # fmt: skip


def settings_of(
    trial: Protocol, scenario: Scenario, lives: Lives, shares: Sequence[float] = ()
) -> list[tuple[str, Setting]]:
    """The grid of settings: nobody's choice, then confounded at progression and after it, the latter measured or not,
    each with an effect that lasts or wanes; the scenario's time ratio, and visits every week or every four."""
    share = shares[0] if shares else _share(scenario)
    plain = Setting(time_ratio=_time_ratio(trial, scenario, lives), share=share, every=_SOON)
    confounded = replace(plain, odds=_ODDS, prognosis=_PROGNOSIS)
    later = replace(plain, odds=_ODDS, timing="after progression", every=_LATER)
    named = [
        ("at progression, whoever", plain),
        ("at progression, the well more often", confounded),
        ("after progression, the well more often", later),
        ("after progression, the well more often, not measured", replace(later, measured=False)),
        ("at progression, the well more often, effect wanes", replace(confounded, kept=_KEPT)),
        ("after progression, the well more often, effect wanes", replace(later, kept=_KEPT)),
    ]
    if not shares:
        return named
    return [(f"{100 * share:g}% {label}", replace(one, share=share)) for share in shares for label, one in named]


def _share(scenario: Scenario) -> float:
    """The scenario's share of those who progress that cross over, over the levels of the factor it depends on."""
    crossover = scenario.crossover
    assert crossover is not None
    levels = scenario.factors[crossover.by].levels if crossover.by is not None else {"": 1.0}
    found = sum(share * crossover.shares.get(level, crossover.probability) for level, share in levels.items())
    if not 0 < found < 1:
        raise ProtocolError(
            f"{100 * found:g}% of those who progress cross over in the scenario, and an adjustment needs some who do "
            "and some who do not",
            where="scenario.NAME.crossover.probability", remedy="Give shares of your own: --share 0.7.",
        )  # fmt: skip
    return found


def _arms(trial: Protocol, scenario: Scenario) -> tuple[str, str]:
    """The arm in which people cross over, and the one to whose treatment."""
    if scenario.crossover is None or scenario.progression is None:
        raise ProtocolError(
            "the scenario has no crossover after progression, so that there is nothing to adjust for",
            where="scenario.NAME.crossover",
            remedy='Such as crossover = { arm = "A", drug = "...", probability = 0.7 }.',
        )
    control = scenario.crossover.arm
    if trial.arms[control].role == "experimental":
        raise UnsupportedError(
            "on the proving ground people cross over from control to the experimental treatment, and not the other way",
            where="scenario.NAME.crossover.arm", remedy="Name the control arm.",
        )  # fmt: skip
    others = [arm for arm in trial.arms if arm != control]
    if len(others) != 1:
        raise UnsupportedError(
            "the proving ground is for trials of two arms", where="arms", remedy="Write a protocol of two of them."
        )
    return control, others[0]


def _law(made: Model, k: int, arm: int) -> Law:
    """A law of an arm with its hazard ratio in it."""
    return tuple(law_times(made.laws_by_arm[0, arm, k], float(made.ratios[k, arm])).tolist())


def _time_ratio(trial: Protocol, scenario: Scenario, lives: Lives) -> float:
    """Median survival of the experimental arm over that of control in the scenario, nobody crossing over."""
    _, experimental = _arms(trial, scenario)
    made = model(trial, scenario)
    place = made.arms.index(experimental)
    laws = [_law(made, k, place) for k in range(3)]
    both = [(lives.progression, lives.death_before, lives.death_after), laws]
    medians = []
    for three in both:
        rng = generator(0, purpose=Purpose.PROVING)
        first, before, after = (times_at(law, rng.exponential(size=_MEDIANS)) for law in three)
        medians.append(float(np.median(np.where(before <= first, before, first + after))))
    if not 0 < medians[0] < math.inf or not math.isfinite(medians[1]):
        raise UnsupportedError(
            "half of an arm never die in this scenario, so that there is no ratio of medians",
            where="scenario.NAME", remedy="Give laws under which they do.",
        )  # fmt: skip
    return medians[1] / medians[0]


def _worst(proven: Sequence[Proven], method: str) -> Proven:
    """The setting with the largest error; one in which a method has no estimate comes last."""
    return max(proven, key=lambda one: -math.inf if math.isnan(one.rmse(method)) else one.rmse(method))


def _best(proven: Sequence[Proven]) -> tuple[str, ...]:
    """Adjusted methods by their largest error; those that two Monte Carlo errors do not set apart from the first."""
    usable = [m for m in ADJUSTED if all(one.converged(m) >= _FOUND for one in proven)]
    if not usable:
        return ()
    worst = {m: _worst(proven, m) for m in usable}
    ordered = sorted(usable, key=lambda m: worst[m].rmse(m))
    first = ordered[0]
    top = worst[first].rmse(first) + 2 * worst[first].rmse_error(first)
    return tuple(m for m in ordered if m == first or worst[m].rmse(m) - 2 * worst[m].rmse_error(m) <= top)


def _sentences(proven: Sequence[Proven], best: Sequence[str]) -> tuple[str, ...]:
    if not best:
        return ("No adjustment has an estimate in 95% of the trials of every setting: there is none to pre-specify.",)
    first = best[0]
    where = _worst(proven, first)
    said = [
        f"Pre-specify {first}: over {len(proven)} settings its largest root mean square error of the log hazard ratio, "
        f"{fixed(where.rmse(first), 3)} ({where.label}), is the smallest of the adjustments."
    ]
    if len(best) > 1:
        trials = f"{proven[0].trials} trials a setting" if len(proven) > 1 else f"{proven[0].trials} trials"
        said.append(f"{trials} do not set it apart from {', '.join(best[1:])}.")
    for one in proven:
        off = [m for m in METHODS if abs(one.bias(m)) > _BIASED + 2 * one.bias_error(m)]
        known = f"biased by more than 5% are {', '.join(off)}" if off else "no method shows a bias of more than 5%"
        least = min((m for m in ADJUSTED if one.converged(m) >= _FOUND), key=one.rmse)
        said.append(
            f"{one.label[0].upper()}{one.label[1:]}: {known}; of the adjustments {least} errs least "
            f"({fixed(one.rmse(least), 3)})."
        )
    return tuple(said)
