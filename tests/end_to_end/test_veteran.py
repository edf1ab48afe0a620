"""The bundled trial from its files to its results, equal to R.

Reference values: tests/reference/analysis.json, and R 4.2.2 with survival 3.5-3, options(digits = 17):

    library(survival)
    d <- veteran
    d$test <- as.integer(d$trt == 2)
    coxph(Surv(time, status) ~ test, data = d)
    d$celltype <- relevel(factor(as.character(d$celltype)), ref = "adeno")
    d$prior <- factor(ifelse(d$prior == 10, "Y", "N"))
    coxph(Surv(time, status) ~ test + celltype + karno + age + diagtime + prior, data = d)
    summary(survfit(Surv(time, status) ~ test, data = d), rmean = 365.25)$table
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import norm

from equipoise import analyze, run
from equipoise.analyze import Results
from equipoise.data import check, read_adam
from equipoise.protocol import example
from equipoise.results import Row

REFERENCE = Path(__file__).parents[1] / "reference" / "analysis.json"
COX = 1e-6  # R stops its iterations early: see tests/reference/README.md


@pytest.fixture(scope="module")
def results() -> Results:
    trial = example("veteran")
    return analyze.run(trial, read_adam(None, trial))


def outputs(case: str) -> dict[str, Any]:
    cases = json.loads(REFERENCE.read_text())
    found: dict[str, Any] = next(c for c in cases if c["id"] == case)["outputs"]
    return found


def row(results: Results, analysis: str, statistic: str, group: str = "", at: float | None = None) -> Row:
    found = [
        r for r in results.of(analysis) if r.statistic == statistic and r.group == group and (at is None or r.at == at)
    ]
    assert len(found) == 1, (statistic, len(found))
    return found[0]


def value(results: Results, analysis: str, statistic: str, group: str = "", at: float | None = None) -> float:
    number = row(results, analysis, statistic, group, at).value
    assert number is not None
    return number


def test_log_rank(results: Results) -> None:
    r = outputs("lr.veteran")
    assert value(results, "primary", "log-rank chi-square") == pytest.approx(r["chisq"], rel=1e-9)
    assert value(results, "primary", "log-rank P") == pytest.approx(r["p"], rel=1e-9)
    assert value(results, "primary", "test P") == pytest.approx(r["p"], rel=1e-9)
    for arm, k in (("standard", 0), ("test", 1)):
        assert value(results, "primary", "subjects", arm) == r["n"][k]
        assert value(results, "primary", "events", arm) == r["obs"][k]
        assert value(results, "primary", "observed events", arm) == r["obs"][k]
        assert value(results, "primary", "expected events", arm) == pytest.approx(r["exp"][k], rel=1e-9)


def test_quartiles_with_limits(results: Results) -> None:
    r = outputs("km.veteran.loglog")["quantiles_25_50_75"]
    for arm, stratum in (("standard", "test=0"), ("test", "test=1")):
        for i, name in enumerate(("lower quartile", "median", "upper quartile")):
            for suffix, part in (("", "quantile"), (" lower limit", "lower"), (" upper limit", "upper")):
                assert value(results, "primary", name + suffix, arm) == r[part][stratum][i], (arm, name, suffix)


def test_hazard_ratio(results: Results) -> None:
    # summary(coxph(Surv(time, status) ~ test, data = d))$conf.int
    for statistic, r in (
        ("hazard ratio", 1.017900903938943058),
        ("hazard ratio lower limit", 0.714375526106933112),
        ("hazard ratio upper limit", 1.450388783454239716),
        ("Wald P", 2 * norm.sf(0.017742569518736553 / 0.180661012287690020)),
    ):
        assert value(results, "primary", statistic, "test v standard") == pytest.approx(r, rel=COX), statistic
    gain = 2 * (-505.444233228746782061 - -505.449054918057981922)
    assert value(results, "primary", "model likelihood ratio chi-square") == pytest.approx(gain, rel=1e-6)


def test_adjusted_model(results: Results) -> None:
    # summary(coxph(...))$conf.int, columns exp(coef), lower .95, upper .95; and Pr(>|z|)
    reference = {
        "test v standard": (1.34259300370976509, 0.89387715250081867, 2.01655895171653166, 1.5577272596683778e-01),
        "CELLTYPE: large v adeno": (0.45168297867192414, 0.24947311282670648, 0.81779359270535967, 8.6883910496e-03),
        "CELLTYPE: smallcell v adeno": (0.71569161405902504, 0.41669012751982670, 1.22924555348396281, 0.2254834836),
        "CELLTYPE: squamous v adeno": (0.30238133055101341, 0.16765401700062971, 0.54537595162696162, 7.0456615938e-05),
        "KARNO": (0.96771725511665085, 0.95732692511358253, 0.97822035637344706, 2.5531213362743572e-09),
        "AGE": (0.99133131665047824, 0.97342477851970111, 1.00956725271205050, 3.4919596671002945e-01),
        "DIAGTIME": (1.00008132381964887, 0.98233289369943055, 1.01815042606003381, 9.9289808636332810e-01),
        "PRIORTRT: Y v N": (1.07421869490127775, 0.68132449788386651, 1.69368018918952390, 7.5793970816316147e-01),
    }  # fmt: skip
    assert [r.group for r in results.of("adjusted") if r.statistic == "hazard ratio"] == list(reference)
    for term, numbers in reference.items():
        statistics = ("hazard ratio", "hazard ratio lower limit", "hazard ratio upper limit", "Wald P")
        for statistic, r in zip(statistics, numbers, strict=True):
            assert value(results, "adjusted", statistic, term) == pytest.approx(r, rel=1e-5), (term, statistic)
    assert value(results, "adjusted", "model likelihood ratio chi-square") == pytest.approx(
        62.103886406670540, rel=1e-9
    )
    assert value(results, "adjusted", "concordance") == pytest.approx(0.736029077691958245, rel=1e-9)
    assert value(results, "adjusted", "concordance standard error") == pytest.approx(0.021170117684095702, rel=1e-9)


@pytest.mark.parametrize(
    ("arm", "at", "survival", "lower", "upper"),
    [
        ("standard", 182.625, 0.21242678923658118, 0.12193242489623919, 0.31966685042946991),
        ("standard", 365.25, 0.070808929745527049, 0.023228707607611324, 0.155148640931661086),
        ("test", 182.625, 0.23285294117647037, 0.13836002768505015, 0.34170775080365901),
        ("test", 365.25, 0.109773529411764617, 0.046388086666480463, 0.204009843807547830),
    ],
)
def test_landmarks(results: Results, arm: str, at: float, survival: float, lower: float, upper: float) -> None:
    # summary(survfit(Surv(time, status) ~ test, data = d, conf.type = "log-log"), times = c(182.625, 365.25))
    assert value(results, "primary", "survival", arm, at) == pytest.approx(survival, rel=1e-12)
    assert value(results, "primary", "survival lower limit", arm, at) == pytest.approx(lower, rel=1e-9)
    assert value(results, "primary", "survival upper limit", arm, at) == pytest.approx(upper, rel=1e-9)


def test_restricted_means(results: Results) -> None:
    (a, se_a), (b, se_b) = (118.98924381177946, 13.025773529605328), (112.43157657563019, 14.882141874803922)
    name = "restricted mean"
    assert value(results, name, "restricted mean", "standard") == pytest.approx(a, rel=1e-12)
    assert value(results, name, "restricted mean", "test") == pytest.approx(b, rel=1e-12)
    assert value(results, name, "restricted mean difference") == pytest.approx(b - a, rel=1e-10)
    width = norm.ppf(0.975) * math.hypot(se_a, se_b)
    assert value(results, name, "restricted mean difference lower limit") == pytest.approx(b - a - width, rel=1e-9)
    assert value(results, name, "restricted mean difference upper limit") == pytest.approx(b - a + width, rel=1e-9)
    z = (b - a) / math.hypot(se_a, se_b)
    assert value(results, name, "test P") == pytest.approx(2 * norm.sf(abs(z)), rel=1e-9)


def test_subgroups(results: Results) -> None:
    # coxph(Surv(time, status) ~ test, data = d[d$g == level, ]), and
    # anova(coxph(Surv(time, status) ~ test + g, data = d), coxph(Surv(time, status) ~ test * g, data = d))
    ratios = {
        "Cell type: adeno": 1.22955334768513,
        "Cell type: large": 1.53562375807374,
        "Cell type: smallcell": 1.65206363088666,
        "Cell type: squamous": 0.544381308022895,
        "Karnofsky score: 10-30": 1.0636958869302,
        "Karnofsky score: 40-60": 1.36471380420441,
        "Karnofsky score: 70-99": 0.693971454895991,
        "Prior therapy: N": 1.25160960604188,
        "Prior therapy: Y": 0.674341784127353,
    }
    tests = {"Cell type": 0.0417480175158011, "Karnofsky score": 0.158829633260503, "Prior therapy": 0.0873148120736879}
    for group, r in ratios.items():
        assert value(results, "primary", "subgroup hazard ratio", group) == pytest.approx(r, rel=COX), group
    for group, r in tests.items():
        assert value(results, "primary", "interaction P", group) == pytest.approx(r, rel=COX), group


def test_sentence_is_what_a_paper_would_print(results: Results) -> None:
    assert row(results, "primary", "sentence").text == (
        "Overall survival, test against standard: hazard ratio 1.02 (95% CI 0.71 to 1.45), "
        "median 52.5 v 103 days, log-rank P = 0.9277"
    )
    assert results.warnings == ()
    assert results.origin == "observed"


def test_the_bundled_data_break_no_rule() -> None:
    trial = example("veteran")
    findings = check(read_adam(None, trial), trial)
    assert {f.severity for f in findings} == {"not applicable"}  # there are no dates and no ADAE


def test_run_writes_both_files_and_returns_what_it_computed(tmp_path: Path) -> None:
    trial = example("veteran")
    told: list[str] = []
    done = run.run(trial, read_adam(None, trial), tmp_path / "out", told.append)
    assert [f.name for f in done.files] == ["report.html", "results.csv"]
    assert sorted(f.name for f in (tmp_path / "out").iterdir()) == ["report.html", "results.csv"]
    assert len(told) == 3
    assert (tmp_path / "out" / "results.csv").read_text() == done.results.table().write_csv()
