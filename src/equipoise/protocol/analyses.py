"""``[analyses.*]`` and ``[testing]``: how each estimand is estimated and tested, and in which order."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .section import Duration, Many, Section, Sided, Table, Text
from .switching import Switching

Role = Literal["primary", "key secondary", "sensitivity", "supplementary", "exploratory", "post hoc"]


class Subgroup(Section):
    """A baseline column whose levels are the rows of a forest plot."""

    column: Text
    label: Text


Test = Literal[
    "logrank",
    "maxcombo",
    "cox",
    "restricted mean",
    "milestone",
    "average hazard ratio",
    "adjusted logrank",
    "marginal hazard ratio",
    "gray",
    "fine-gray",
]


class Analysis(Section):
    """One analysis of one estimand. ``test`` defaults to the log-rank test, to the test of the arm in the Cox model
    ("cox") where there are covariates, a penalty or another null hypothesis, and to that which goes with the summary
    where this is no hazard ratio. ``stratified`` defaults to whether there are strata, for restricted means and
    milestones to false: a stratified mean weighs strata by their shares of the subjects. An average or
    subdistribution hazard ratio is unstratified, a test of its own beside it is not. ``weights`` (with ``delay``
    where they are modest) or ``rho`` and ``gamma`` weight the log-rank test. ``limits`` and ``penalty`` are those of
    the hazard ratio; ``null_hazard_ratio`` is its value under the null hypothesis, above 1 for non-inferiority.
    ``ties`` and ``conf_type`` default to the convention's. ``diagnostics`` are rows beside the analysis. ``switching``
    is the estimator of a hazard ratio had nobody switched treatment."""

    estimand: Text
    role: Role
    test: Test | None = None
    rho: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    gamma: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    weights: Literal["modestly weighted", "gehan", "tarone-ware"] | None = None
    delay: Duration | None = None
    stratified: bool | None = None
    strata: Literal["as randomized", "as verified"] = "as randomized"
    covariates: Many[Text] = ()
    ties: Literal["efron", "breslow", "discrete", "exact-marginal"] | None = None
    limits: Literal["wald", "profile"] | None = None
    penalty: Literal["firth"] | None = None
    null_hazard_ratio: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    conf_type: Literal["plain", "log", "log-log"] | None = None
    convention: Literal["house", "r", "sas"] = "house"
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    landmarks: Many[Duration] = ()
    diagnostics: Many[Literal["proportional hazards", "follow-up"]] = ()
    subgroups: Many[Subgroup] = ()
    switching: Switching | None = None

    @model_validator(mode="after")
    def _weights_belong_to_the_log_rank(self) -> Analysis:
        powers = bool(self.rho or self.gamma)
        if self.test not in (None, "logrank") and (powers or self.weights):
            raise ValueError("rho, gamma and weights weight the log-rank test; with another test they mean nothing")
        if powers and self.weights:
            raise ValueError("rho and gamma are weights already: give them or `weights`, not both")
        if (self.delay is None) != (self.weights != "modestly weighted"):
            need = "need" if self.delay is None else "alone have"
            raise ValueError(f'weights = "modestly weighted" {need} a `delay`')
        return self

    @model_validator(mode="after")
    def _nothing_twice(self) -> Analysis:
        named: dict[str, list[str]] = {
            "covariates": [c.upper() for c in self.covariates],
            "subgroups": [s.label for s in self.subgroups],
            "diagnostics": list(self.diagnostics),
        }
        for key, names in named.items():
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{key} name {name!r} twice")
        return self


class Testing(Section):
    """The confirmatory tests: analyses tested in ``order`` at ``alpha``. Any other P value is nominal.

    A "graph" has ``weights`` (shares of alpha) and ``transitions`` (to whom a rejected hypothesis hands what share).
    """

    procedure: Literal["fixed sequence", "holm", "hochberg", "hommel", "graph"]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    sided: Sided
    order: Annotated[Many[Text], Field(min_length=1)]
    weights: Table[float] = Field(default_factory=dict, validate_default=True)
    transitions: Table[Table[float]] = Field(default_factory=dict, validate_default=True)
