"""No "nan", no "inf" and no "None" ever reaches a reader, whatever the patients do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.end_to_end.pages import Page
from tests.unit import made_trial

from equipoise import analyze, cli

FORBIDDEN = re.compile(r"\b(?:nan|NaN|NAN|inf|Inf|INF|[Ii]nfinity|None|null)\b")

# Times, events, arms (n: new, o: old)
NASTY: dict[str, tuple[list[float], list[int], str]] = {
    "no events at all": ([5, 8, 9, 4, 7, 6], [0] * 6, "nonono"),
    "no events in the new arm": ([5, 8, 9, 4, 7, 6], [0, 1, 0, 1, 0, 1], "nonono"),
    "no events in the old arm": ([5, 8, 9, 4, 7, 6], [1, 0, 1, 0, 1, 0], "nonono"),
    "one event": ([5, 8, 9, 4, 7, 6], [1, 0, 0, 0, 0, 0], "nonono"),
    "all events tied": ([5] * 6, [1] * 6, "nonono"),
    "all times tied, some events": ([5] * 6, [1, 1, 0, 0, 1, 0], "nonono"),
    "one patient an arm": ([5, 8], [1, 1], "no"),
    "one patient an arm, no events": ([5, 8], [0, 0], "no"),
    "one patient an arm, the first has the event": ([5, 8], [1, 0], "no"),
    "arms apart": ([4, 5, 6, 10, 11, 12], [1] * 6, "nnnooo"),
    "arms apart, the other way": ([4, 5, 6, 10, 11, 12], [1] * 6, "ooonnn"),
    "one patient against many": ([5, 8, 9, 4, 7, 6], [1] * 6, "nooooo"),
    "times of a geologist": ([1e9, 2e9, 3e9, 4e9, 5e9, 6e9], [1, 0, 1, 1, 1, 0], "nonono"),
}

PROTOCOL = {
    "estimand": made_trial.ESTIMAND
    + made_trial.ESTIMAND.replace("effect", "gain").replace(
        '"hazard ratio"', '"difference in restricted mean survival time"\nrestriction_time = "3 days"'
    )
    + made_trial.ESTIMAND.replace("effect", "share").replace(
        '"hazard ratio"', '"ratio of restricted mean survival times"\nrestriction_time = "4.5 days"'
    ),
    "analyses": made_trial.PRIMARY
    + """landmarks = ["6 days", "40 days"]
subgroups = [{ column = "SEX", label = "Sex" }, { column = "SITE", label = "Site" }]

[analyses.stratified]
estimand = "effect"
role = "sensitivity"
stratified = true

[analyses.late]
estimand = "effect"
role = "sensitivity"
stratified = false
gamma = 1

[analyses.adjusted]
estimand = "effect"
role = "supplementary"
test = "cox"
covariates = ["AGE", "SEX"]

[analyses.gain]
estimand = "gain"
role = "supplementary"

[analyses.share]
estimand = "share"
role = "supplementary"
""",
    "testing": made_trial.TESTING.replace("fixed sequence", "holm").replace(
        '["primary"]', '["primary", "adjusted", "gain"]'
    ),
    "data": '\n[data]\npath = "adam"\nstrata = { as_randomized = ["SEX"] }\n',
}  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
def test_nothing_unprintable_is_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    time, event, arm = NASTY[name]
    n = len(time)
    frame = made_trial.adtte(
        time, event, arm,
        SEX=["M" if i % 3 else "F" for i in range(n)], SITE=["one"] * n, AGE=[40 + i * i % 7 for i in range(n)],
    )  # fmt: skip
    path = made_trial.files(tmp_path, frame, **PROTOCOL)
    with pytest.raises(SystemExit) as left:
        cli.main(["run", str(path), "--out", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert left.value.code == 1, said.err
    html = (tmp_path / "out" / "report.html").read_text()
    csv = (tmp_path / "out" / "results.csv").read_text()
    seen = {"terminal": said.out, "page": "\n".join(Page(html).visible), "table": csv}
    for where, text in seen.items():
        found = FORBIDDEN.search(text)
        assert found is None, (where, text[max(0, found.start() - 80) : found.end() + 20])
    drawn = re.findall(r'(?:\bd|points|\bx|\by|transform)="([^"]*)"', html)
    assert drawn
    assert not [d for d in drawn if re.search(r"nan|inf", d, re.IGNORECASE)]


@pytest.mark.parametrize("name", ["no events at all", "one patient an arm", "all events tied"])
def test_what_has_no_value_has_a_reason(tmp_path: Path, name: str) -> None:
    time, event, arm = NASTY[name]
    trial = made_trial.protocol(tmp_path)
    results = analyze.run(trial, made_trial.patients(trial, made_trial.adtte(time, event, arm)))
    words = ("sentence", "test decision", "strata", "strata without information")
    for row in results.rows:
        if row.value is None and row.statistic not in words:
            assert row.text in ("not reached", "not estimable"), row
            assert row.reason, row
    assert results.warnings


def test_a_covariate_in_tiny_units_is_no_traceback(tmp_path: Path) -> None:
    n = 40
    age = [(n + 1 - i + i * 7 % 5) / 1e4 for i in range(n)]
    frame = made_trial.adtte(range(1, n + 1), [1] * n, "no" * (n // 2), AGE=age)
    trial = made_trial.protocol(tmp_path, analyses=made_trial.PRIMARY + 'covariates = ["AGE"]\n')
    rows = analyze.run(trial, made_trial.patients(trial, frame)).rows
    assert not [r for r in rows if FORBIDDEN.search(r.text)]
