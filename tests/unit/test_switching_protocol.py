"""What ``[analyses.NAME.switching]`` may ask, and what is refused, with its TOML path."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit import switching_trial
from tests.unit.switching_trial import ANALYSIS, ESTIMAND, NAME

from equipoise.errors import ProtocolError
from equipoise.protocol import Switching, example, read, switching_event, switching_from, synopsis

AT = 'analyses."OS, adjusted"'


def switching(*lines: str, method: str = "rpsftm") -> str:
    return "\n".join([f'\n[{AT}.switching]\nmethod = "{method}"', *lines, ""])


def refused(folder: Path, where: str, *, of: str = "", analysis: str = ANALYSIS, estimand: str = ESTIMAND) -> str:
    with pytest.raises(ProtocolError) as found:
        switching_trial.protocol(folder, of or switching(), analysis, estimand)
    assert found.value.where == where, str(found.value)
    return str(found.value)


def test_defaults(tmp_path: Path) -> None:
    trial = switching_trial.protocol(tmp_path)
    analysis = trial.analyses[NAME]
    asked = analysis.switching
    assert asked is not None
    assert asked.others == ("ipe", "two-stage", "two-stage g-estimation", "ipcw", "msm")
    assert [asked.draws_of(m) for m in ("rpsftm", "ipe", "msm")] == [1000, 200, 200]
    assert switching_event(trial, analysis) == "crossover to trastuzumab"
    assert switching_from(trial, asked) == "progression"
    assert Switching(method="ipcw", beside=["msm"], draws=50).others == ("msm",)
    assert Switching(method="ipcw", draws=50).draws_of("rpsftm") == 50
    lines = dict(synopsis(trial))
    said = next(line for group in lines.values() for line in group if line.startswith("OS, adjusted"))
    assert said.endswith(
        "OS, had nobody switched; hazard ratio had nobody switched, by RPSFTM, limits by 1000 bootstrap samples, "
        "unstratified; house convention"
    )


def test_the_bundled_protocol_has_no_adjusted_analysis() -> None:
    trial = example("tandem")
    assert all(a.switching is None for a in trial.analyses.values())
    assert all(
        rule.strategy == "treatment policy" for e in trial.estimands.values() for rule in e.intercurrent_events.values()
    )


@pytest.mark.parametrize(
    ("lines", "key", "what"),
    [
        (['beside = ["rpsftm"]'], "", "the method 'rpsftm' is named twice"),
        (['beside = ["ipe", "ipe"]'], "", "named twice"),
        (["draws = 1"], "", "more than one sample"),
        (["draws = 38"], ".draws", "38 bootstrap samples have no limits at 95% (analyses"),
        (["draws = -1"], ".draws", "greater than or equal to 0"),
        (["draws = 0", "seed = 3"], "", "seed would do nothing"),
        (['beside = ["ipe"]', 'at_progression = ["ECOG"]'], "", "at_progression would do nothing"),
        (['beside = ["ipe"]', 'visits = "tumor"'], "", "visits would do nothing"),
        (['beside = ["two-stage"]', 'since = "progression"'], "", "since would do nothing"),
        (['at_progression = ["ECOG", "ecog"]'], "", "at_progression name 'ECOG' twice"),
        (['event = "crossing"'], ".event", "there is no intercurrent event 'crossing'"),
        (['may_switch = ["B"]'], ".may_switch[0]", "there is no arm of the estimand 'B'"),
        (['visits = "tumour"'], ".visits", 'Did you mean "tumor"?'),
        (['since = "birth"'], ".since", "'birth'"),
        (
            ['recensor = "some"'],
            ".recensor",
            'recensor is true (in arms in which people may switch), "all arms" or false',
        ),
        (['methods = "ipe"'], ".methods", "unknown key"),
    ],
)
def test_refused_in_the_table(tmp_path: Path, lines: list[str], key: str, what: str) -> None:
    assert what in refused(tmp_path, f"{AT}.switching{key}", of=switching(*lines))


def test_an_unknown_method(tmp_path: Path) -> None:
    assert "'rpsft'" in refused(tmp_path, f"{AT}.switching.method", of=switching(method="rpsft"))
    bare = switching('beside = ["msm"]', "recensor = false", method="ipcw")
    assert "recensor would do nothing" in refused(tmp_path, f"{AT}.switching", of=bare)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('test = "logrank"', "test"),
        ("rho = 1.0", "rho"),
        ('weights = "gehan"', "weights"),
        ('limits = "profile"', "limits"),
        ('penalty = "firth"', "penalty"),
        ("null_hazard_ratio = 1.3", "null_hazard_ratio"),
        ('subgroups = [{ column = "HRCONFFL", label = "Receptors" }]', "subgroups"),
        ('diagnostics = ["proportional hazards"]', "diagnostics"),
        ('ties = "breslow"', "ties"),
        ('convention = "sas"', "convention"),
    ],
)
def test_nothing_idle_in_the_analysis(tmp_path: Path, line: str, key: str) -> None:
    refused(tmp_path, f"{AT}.{key}", analysis=f"{ANALYSIS}{line}\n")


def test_ties_of_weighting_methods(tmp_path: Path) -> None:
    for line in ('ties = "breslow"', 'convention = "sas"', 'diagnostics = ["follow-up"]'):
        switching_trial.protocol(tmp_path, switching(method="ipcw"), f"{ANALYSIS}{line}\n")
    refused(tmp_path, f"{AT}.ties", of=switching(method="ipcw"), analysis=f'{ANALYSIS}ties = "discrete"\n')


def test_the_estimand_is_hypothetical_and_a_hazard_ratio(tmp_path: Path) -> None:
    policy = ESTIMAND.replace('"hypothetical", date = "XODT"', '"treatment policy"')
    assert 'strategy = "hypothetical", date = "XODT"' in refused(tmp_path, f"{AT}.switching", estimand=policy)
    refused(tmp_path, f"{AT}.switching", estimand=ESTIMAND.split("intercurrent_events")[0])
    means = ESTIMAND.replace('"hazard ratio"', '"average hazard ratio"\nrestriction_time = "24 months"')
    refused(tmp_path, f"{AT}.switching", estimand=means)
    undated = ESTIMAND.replace(', date = "XODT"', "")
    at = 'estimands."OS, had nobody switched".intercurrent_events."crossover to trastuzumab"'
    assert "needs `date`" in refused(tmp_path, at, estimand=undated)


def test_which_of_several_events(tmp_path: Path) -> None:
    another = 'intercurrent_events."other drug" = { strategy = "hypothetical", date = "OTHDT" }\n'
    both = f"{ESTIMAND}{another}"
    assert "which is the switch?" in refused(tmp_path, f"{AT}.switching", estimand=both)
    trial = switching_trial.protocol(tmp_path, switching('event = "other drug"'), estimand=both)
    assert switching_event(trial, trial.analyses[NAME]) == "other drug"
    policy = both.replace('"hypothetical", date = "OTHDT"', '"treatment policy"')
    refused(tmp_path, f"{AT}.switching.event", of=switching('event = "other drug"'), estimand=policy)


def test_progression_that_no_endpoint_tells_of(tmp_path: Path) -> None:
    path = tmp_path / "switching.toml"
    whole = switching_trial.text(switching(method="two-stage"))
    head, rest = whole.split("[endpoints.PFS]")
    rest = rest[rest.index("[endpoints.OS]") :]
    cut = head + rest
    for piece in ("PFS, treatment policy", "PFS, confirmed receptors"):
        cut = cut.replace(piece, piece.replace("PFS", "OS, also"))
    cut = cut.replace('variable = "PFS"', 'variable = "OS"')
    path.write_text(cut, encoding="utf-8")
    from equipoise.protocol import read

    with pytest.raises(ProtocolError, match="no endpoint tells of it") as found:
        read(path)
    assert found.value.where == f"{AT}.switching.method"


def test_published_numbers_are_not_tied_out_with_an_adjusted_analysis(tmp_path: Path) -> None:
    number = (
        '  { statistic = "hazard ratio", estimand = "OS, had nobody switched", printed = "0.6", source = "abstract"'
    )
    text = switching_trial.text()
    path = tmp_path / "switching.toml"
    from equipoise.protocol import read

    path.write_text(text.replace("numbers = [\n", f"numbers = [\n{number} }},\n", 1), encoding="utf-8")
    with pytest.raises(ProtocolError, match="adjusted for switching") as found:
        read(path)
    assert found.value.where == "published.numbers[0].estimand"
    shown = f'{number}, use = "shown" }},\n'
    path.write_text(text.replace("numbers = [\n", f"numbers = [\n{shown}", 1), encoding="utf-8")
    assert read(path).analyses[NAME].switching is not None


def test_the_name_of_the_part_is_taken(tmp_path: Path) -> None:
    renamed = ANALYSIS.replace('"OS, adjusted"', "switching")
    with pytest.raises(ProtocolError, match="taken by another part"):
        switching_trial.protocol(tmp_path, '\n[analyses.switching.switching]\nmethod = "ipe"\n', renamed)


@pytest.mark.parametrize("method", ["two-stage", "two-stage g-estimation"])
def test_a_p_that_keeps_no_alpha_is_not_in_the_order(tmp_path: Path, method: str) -> None:
    """Limits and P of two-stage estimation take the factor for known."""
    path = tmp_path / "ordered.toml"
    whole = switching_trial.text(switching(method=method)).replace(
        'order = ["PFS, ITT"]', 'order = ["PFS, ITT", "OS, adjusted"]'
    )
    path.write_text(whole, encoding="utf-8")
    with pytest.raises(ProtocolError, match="does not keep an alpha") as found:
        read(path)
    assert found.value.where == "testing.order[1]"
    path.write_text(whole.replace(f'method = "{method}"', 'method = "rpsftm"'), encoding="utf-8")
    assert read(path).testing is not None
