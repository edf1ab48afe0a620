"""What an analysis may ask of its estimand: which test, which strata; and what would be left out or refused later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ProtocolError
from .analyses import Analysis, Test
from .arms import plain
from .section import quoted
from .switching import check_switching

if TYPE_CHECKING:
    from .trial import Protocol

_TESTS: dict[str, tuple[Test, ...]] = {
    "hazard ratio": ("logrank", "maxcombo", "cox", "adjusted logrank"),
    "difference in restricted mean survival time": ("restricted mean", "logrank", "maxcombo"),
    "ratio of restricted mean survival times": ("restricted mean", "logrank", "maxcombo"),
    "difference in milestone survival": ("milestone", "logrank", "maxcombo"),
    "ratio of milestone survival": ("milestone", "logrank", "maxcombo"),
    "average hazard ratio": ("average hazard ratio", "logrank", "maxcombo"),
    "marginal hazard ratio": ("adjusted logrank", "marginal hazard ratio"),
    "subdistribution hazard ratio": ("gray", "fine-gray"),
}
"""The tests that may stand beside an estimate of each summary; the first is the one taken where none is named."""


def test_of(protocol: Protocol, analysis: Analysis) -> Test:
    """The test of an analysis: as stated, else the one that goes with its estimand's summary."""
    if analysis.test is not None:
        return analysis.test
    summary = protocol.estimands[analysis.estimand].summary
    model = analysis.covariates or analysis.penalty or analysis.null_hazard_ratio != 1
    return "cox" if summary == "hazard ratio" and model else _TESTS[summary][0]


def effect_uses_strata(summary: str, stratified: bool | None) -> bool:
    """Whether the estimate of a summary is made within strata where there are any, given what the analysis says.

    Means weigh strata by their shares, which must be asked for; an average or a subdistribution hazard ratio has no
    stratified estimate here. A test of its own beside the estimate uses strata unless the analysis says no.
    """
    if summary in ("average hazard ratio", "subdistribution hazard ratio"):
        return False
    return stratified is True or (stratified is None and summary in ("hazard ratio", "marginal hazard ratio"))


def margin_aim(protocol: Protocol, analysis: Analysis) -> str:
    """What is shown by rejecting another hazard ratio than 1 in favour of the experimental arm; else nothing."""
    if analysis.null_hazard_ratio == 1:
        return ""
    harm = protocol.endpoints[protocol.estimands[analysis.estimand].variable].event_is == "harm"
    return "non-inferiority" if (analysis.null_hazard_ratio > 1) == harm else "superiority by a margin"


def null_hypothesis(protocol: Protocol, analysis: Analysis) -> str:
    """What a P value of the analysis tests where this is another hazard ratio than 1, in words; else nothing."""
    if analysis.null_hazard_ratio == 1:
        return ""
    harm = protocol.endpoints[protocol.estimands[analysis.estimand].variable].event_is == "harm"
    one_sided = protocol.testing is not None and protocol.testing.sided == 1
    worse = f" or {'more' if harm else 'less'}" if one_sided else ""
    return f"hazard ratio {plain(analysis.null_hazard_ratio)}{worse} ({margin_aim(protocol, analysis)})"


_CONVENTIONS: dict[str, dict[str, str]] = {
    "r": {"ties": "efron", "conf_type": "log", "limits": "wald"},
    "sas": {"ties": "breslow", "conf_type": "log-log", "limits": "wald"},
}
"""What a convention means, which a key must not contradict; limits are by profile under a penalty."""


def check_analysis(protocol: Protocol, analysis: Analysis, path: str) -> None:
    """Nothing is asked of an analysis that its estimand or its test would silently leave out."""
    estimand = protocol.estimands[analysis.estimand]
    summary, test = estimand.summary, test_of(protocol, analysis)
    if analysis.switching is not None:
        check_switching(protocol, analysis, path)
    if test not in _TESTS[summary]:
        raise ProtocolError(
            f'the test "{test}" does not go with the summary "{summary}"',
            where=f"{path}.test",
            remedy=f"Choose one of {', '.join(_TESTS[summary])}, or another estimand.",
        )
    if analysis.subgroups and analysis.covariates:
        raise ProtocolError(
            "subgroups are estimated without covariates, so that they would not add up to the adjusted hazard ratio",
            where=f"{path}.subgroups",
            remedy="Name the subgroups in an analysis without covariates.",
        )
    if summary == "marginal hazard ratio" and not analysis.covariates:
        raise ProtocolError(
            "a marginal hazard ratio is adjusted for covariates, and none is named",
            where=f"{path}.covariates",
            remedy="Name them, or choose the hazard ratio.",
        )
    if test == "adjusted logrank" and not analysis.covariates:
        raise ProtocolError(
            "the adjusted log-rank test needs covariates", where=f"{path}.covariates", remedy="Name them."
        )
    if summary == "subdistribution hazard ratio" and not protocol.endpoints[estimand.variable].competing_codes:
        raise ProtocolError(
            "a subdistribution hazard ratio needs events that compete",
            where=f"endpoints.{quoted(estimand.variable)}.competing_codes",
            remedy="Name their censoring codes.",
        )
    if analysis.switching is None:
        _nothing_idle(analysis, summary, test, path)
    if summary.startswith(_MEANS) and analysis.covariates and analysis.stratified:
        raise ProtocolError(
            "restricted means are adjusted for covariates or stratified, not both",
            where=f"{path}.stratified",
            remedy="Name the stratification factors among the covariates.",
        )
    _strata(protocol, analysis, path)
    _settings(analysis, path)


_MEANS = ("difference in restricted", "ratio of restricted")


def _nothing_idle(analysis: Analysis, summary: str, test: str, path: str) -> None:
    """No key is given that the method behind the summary and the test does not read."""
    hazard = summary == "hazard ratio"
    means = summary.startswith(_MEANS)
    adjustable = hazard or means or summary in ("marginal hazard ratio", "subdistribution hazard ratio")
    idle = {
        "covariates": bool(analysis.covariates) and not adjustable,
        "subgroups": bool(analysis.subgroups) and not hazard,
        "stratified": analysis.stratified is True and summary == "average hazard ratio" and test == summary,
        "diagnostics": "proportional hazards" in analysis.diagnostics and not hazard,
        "rho": analysis.rho > 0 and test != "logrank",
        "gamma": analysis.gamma > 0 and test != "logrank",
        "weights": analysis.weights is not None and test != "logrank",
        "limits": analysis.limits is not None and not hazard,
        "penalty": analysis.penalty is not None and not hazard,
        "ties": analysis.ties is not None and not hazard,
        "null_hazard_ratio": analysis.null_hazard_ratio != 1 and test != "cox",
    }
    said = {"diagnostics": 'the diagnostic "proportional hazards"'}
    for key in (k for k, is_idle in idle.items() if is_idle):
        raise ProtocolError(
            f'{said.get(key, key)} would do nothing in this analysis: its summary is "{summary}", its test "{test}"',
            where=f"{path}.{key}",
            remedy="Remove it, or choose another summary or test.",
        )


def _strata(protocol: Protocol, analysis: Analysis, path: str) -> None:
    """The strata that an analysis asks for are named, and its estimate is made within them."""
    factors = protocol.data.strata
    if analysis.strata == "as verified" and not factors.as_verified:
        raise ProtocolError(
            'strata = "as verified", but the data name none as verified: data.strata.as_verified is missing',
            where=f"{path}.strata",
            remedy='Name the columns: [data] strata = { as_verified = ["..."] }, or leave strata out.',
        )
    if not analysis.stratified:
        return
    if protocol.estimands[analysis.estimand].summary == "subdistribution hazard ratio":
        raise ProtocolError(
            "a Fine-Gray model is not stratified here, so that its subdistribution hazard ratio would be unstratified",
            where=f"{path}.stratified",
            remedy="Leave it out; Gray's test beside the model uses the strata unless stratified = false.",
        )
    if analysis.strata == "as randomized" and not factors.as_randomized:
        raise ProtocolError(
            "stratified = true, but there are no strata: data.strata.as_randomized is missing",
            where=f"{path}.stratified",
            remedy='Name the columns: [data] strata = { as_randomized = ["..."] }, or leave it out.',
        )


def _settings(analysis: Analysis, path: str) -> None:
    """Settings of one analysis that exclude each other."""
    if analysis.penalty and analysis.ties in ("discrete", "exact-marginal"):
        raise ProtocolError(
            f"Firth's penalty is not there for {analysis.ties} ties",
            where=f"{path}.ties",
            remedy='Write "efron" or "breslow", or leave the penalty out.',
        )
    for key, meant in _CONVENTIONS.get(analysis.convention, {}).items():
        given = getattr(analysis, key)
        default = "profile" if key == "limits" and analysis.penalty else meant
        if given not in (None, default):
            raise ProtocolError(
                f'{key} = "{given}" contradicts convention = "{analysis.convention}", which means "{default}"',
                where=f"{path}.{key}",
                remedy="Give one of the two.",
            )
