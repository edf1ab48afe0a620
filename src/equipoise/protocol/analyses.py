"""``[analyses.*]`` and ``[testing]``: how each estimand is estimated and tested, and in which order."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .section import Duration, Many, Section, Text

Role = Literal["primary", "key secondary", "sensitivity", "supplementary", "exploratory", "post hoc"]


class Subgroup(Section):
    """A baseline column whose levels are the rows of a forest plot."""

    column: Text
    label: Text


class Analysis(Section):
    """One analysis of one estimand. ``test`` defaults to the log-rank test, to the Wald test of the arm
    ("cox") where there are covariates, and to that of the restricted means where they are the summary.
    ``stratified`` defaults to whether there are strata, for restricted means to false: their stratified mean weighs
    strata by their shares of the subjects. ``ties`` and ``conf_type`` default to the convention's."""

    estimand: Text
    role: Role
    test: Literal["logrank", "cox", "restricted mean"] | None = None
    rho: Annotated[float, Field(ge=0)] = 0.0
    gamma: Annotated[float, Field(ge=0)] = 0.0
    stratified: bool | None = None
    strata: Literal["as randomized", "as verified"] = "as randomized"
    covariates: Many[Text] = ()
    ties: Literal["efron", "breslow", "discrete", "exact-marginal"] | None = None
    conf_type: Literal["plain", "log", "log-log"] | None = None
    convention: Literal["house", "r", "sas"] = "house"
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    landmarks: Many[Duration] = ()
    subgroups: Many[Subgroup] = ()

    @model_validator(mode="after")
    def _weights_belong_to_the_log_rank(self) -> Analysis:
        if self.test not in (None, "logrank") and (self.rho or self.gamma):
            raise ValueError("rho and gamma weight the log-rank test; with another test they mean nothing")
        return self

    @model_validator(mode="after")
    def _nothing_twice(self) -> Analysis:
        named = {"covariates": [c.upper() for c in self.covariates], "subgroups": [s.label for s in self.subgroups]}
        for key, names in named.items():
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{key} name {name!r} twice")
        return self


class Testing(Section):
    """The confirmatory tests: analyses tested in ``order`` at ``alpha``. Any other P value is nominal."""

    procedure: Literal["fixed sequence", "holm"]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    sided: Literal[1, 2]
    order: Annotated[Many[Text], Field(min_length=1)]
