"""An analysis of the protocol in simulated trials, by the functions that analyze a real one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
from scipy.special import ndtri

from ..analyze.effect import Effect, effect_of, test_of_effect, weights_of
from ..data import TimeToEvent
from ..errors import DataError, UnsupportedError
from ..protocol import Analysis, Estimand, Protocol, Scenario, quoted, test_of
from ..protocol.arms import plain
from ..units import TimeUnit
from .own_analysis import AnalysisResult

_LIMIT = 1.959963984540054
_TESTS = {"logrank": "log-rank", "cox": "test of a Cox model", "maxcombo": "MaxCombo",
          "adjusted logrank": "covariate-adjusted log-rank"}  # fmt: skip
_LEAST = 5e-324  # a P that is too small for a float is taken for the smallest one, of which Z is 38


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolAnalysis:
    """What an analysis of the protocol gives of one simulated trial: Z of its test, from its one-sided P, and its
    estimate: a difference as it is (restricted means in days), a ratio as its logarithm, its standard error being the
    width of the 95% limits over 2 * 1.96.

    ``name`` is that of the analysis, ``test`` of what meets the bounds; ``covariates`` are columns of the factors.
    """

    name: str
    analysis: Analysis
    estimand: Estimand
    test: str
    unit: TimeUnit
    covariates: tuple[str, ...]

    @property
    def estimates(self) -> str:
        """What is estimated."""
        summary = self.estimand.summary
        return summary if summary.startswith("difference") else f"log {summary}"

    def __str__(self) -> str:
        return f"the protocol's analysis {self.name!r} ({', '.join(self._told())})"

    def _told(self) -> Iterator[str]:
        analysis = self.analysis
        weighted = self.test == "logrank" and (analysis.weights or analysis.rho or analysis.gamma)
        yield f"{weights_of(analysis)} log-rank" if weighted else _TESTS.get(self.test, self.test)
        if analysis.null_hazard_ratio != 1:
            yield f"null hazard ratio {plain(analysis.null_hazard_ratio)}"
        if analysis.penalty:
            yield "Firth's penalty"
        if self.covariates:
            yield f"adjusted for {', '.join(self.covariates)}"

    def __call__(self, tte: TimeToEvent, factors: pl.DataFrame) -> float | AnalysisResult:
        columns = factors.select(self.covariates) if self.covariates else None
        effect = effect_of(self.analysis, self.estimand, tte, columns, self.unit)
        tested = test_of_effect(self.test, self.analysis, tte, columns, effect)
        if tested.p_one_sided is None or math.isnan(tested.p_one_sided):
            raise DataError(tested.reason or "the test has no one-sided P", remedy="Look when there are more events.")
        z = -float(ndtri(max(tested.p_one_sided, _LEAST)))
        given = _estimate(effect, self.estimand.summary)
        if given is None:
            return z
        estimate, low, high = given
        return AnalysisResult(
            z=z, estimate=estimate, standard_error=(high - low) / (2 * _LIMIT), limits=(low, high)
        )  # fmt: skip


def protocol_analysis(protocol: Protocol, scenario: Scenario, analysis: Analysis) -> ProtocolAnalysis | None:
    """The analysis as a function of a simulated trial; None where it is the log-rank test with the hazard ratio of a
    Cox model that the kernel of many trials has.

    Raises ``UnsupportedError`` for an analysis had nobody switched, for competing events, and for a covariate that is
    no factor of the scenario.
    """
    estimand = protocol.estimands[analysis.estimand]
    kind = test_of(protocol, analysis)
    name = next((name for name, one in protocol.analyses.items() if one is analysis), analysis.estimand)
    path = f"analyses.{quoted(name)}"
    if analysis.switching is not None or estimand.summary == "subdistribution hazard ratio":
        of, key = ("had nobody switched", "switching") if analysis.switching else ("of competing events", "estimand")
        raise UnsupportedError(
            f"an analysis {of} is not simulated many times",
            where=f"{path}.{key}",
            remedy="Draw patients with simulate.trial and analyze them.",
        )
    weighted = analysis.rho or analysis.gamma or analysis.weights
    modelled = analysis.covariates or analysis.penalty or analysis.null_hazard_ratio != 1
    plain = estimand.summary == "hazard ratio" and analysis.ties in (None, "efron") and analysis.convention != "sas"
    if plain and kind == "logrank" and not weighted and not modelled and analysis.limits != "profile":
        return None
    factors = {column.upper(): column for column in scenario.factors}
    if missing := [column for column in analysis.covariates if column.upper() not in factors]:
        raise UnsupportedError(
            f"the scenario has no factor {missing[0]!r}, for which the analysis is adjusted",
            where=f"{path}.covariates",
            remedy=f"Add [scenario.NAME.factors.{missing[0]}].",
        )
    return ProtocolAnalysis(
        name=name,
        analysis=analysis.model_copy(update={"confidence": 0.95, "subgroups": ()}),
        estimand=estimand.model_copy(update={"intercurrent_events": {}}),  # left to treatment policy, see by_logrank
        test=kind,
        unit=protocol.endpoints[estimand.variable].unit,
        covariates=tuple(factors[column.upper()] for column in analysis.covariates),
    )


def _estimate(effect: Effect, summary: str) -> tuple[float, float, float] | None:
    """Estimate and limits, None where they are not estimable."""
    fit: Any = effect.fit
    if summary.startswith("difference"):
        found = (fit.difference, *fit.conf_int)
    elif summary.startswith("ratio"):
        found = (fit.ratio.estimate, *fit.ratio.conf_int)
    else:
        found = (fit.hazard_ratio, *fit.conf_int)
    numbers = [float(x) for x in found]
    if not summary.startswith("difference"):
        if not all(x > 0 for x in numbers):
            return None
        numbers = [math.log(x) for x in numbers]
    return (numbers[0], numbers[1], numbers[2]) if all(map(math.isfinite, numbers)) else None
