"""Means, average effects and the adjusted log-rank test against the numbers that other programs' documents print.

Each value is compared to the digits printed, unless a reason stands beside another tolerance.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equipoise.survival import TimeToEvent, adjusted_logrank, cox, marginal_hazard_ratio, rmst, weighted_cox

FOLDER = Path(__file__).parent / "data"


def table(name: str) -> dict[str, np.ndarray]:
    """A CSV by column: numbers with nan for an empty field, or text."""
    with (FOLDER / f"{name}.csv").open() as f:
        rows = list(csv.DictReader(f))
    columns = {}
    for key in rows[0]:
        try:
            columns[key] = np.array([float(r[key] or "nan") for r in rows])
        except ValueError:
            columns[key] = np.array([r[key] for r in rows])
    return columns


def digits(value: float, printed: str) -> None:
    """The value lies in the rounding window of what is printed."""
    decimals = len(printed.partition(".")[2])
    assert value == pytest.approx(float(printed), abs=0.5001 * 10.0**-decimals)


# --------------------------------------------------------------------- restricted means
def veteran(**more: Any) -> TimeToEvent:
    d = table("veteran")
    return TimeToEvent(d["time"], d["status"], d["test"], control=1, experimental=0, unit="days", **more)


def test_restricted_means_of_sas() -> None:
    """PROC LIFETEST with RMST(TAU=90), as quoted in the tests of trtswitch 0.2 (rmdiff); its treatment 1 is the
    standard one."""
    fit = rmst(veteran(), tau="90 days")
    digits(fit["0"].rmst, "62.75618")
    digits(fit["1"].rmst, "56.45116")
    digits(fit["0"].std_error, "4.0321")
    digits(fit["1"].std_error, "3.9790")
    se = math.hypot(fit["0"].std_error, fit["1"].std_error)
    digits((fit.difference / se) ** 2, "1.2388")
    digits(fit.p_value, "0.2657")


def test_stratified_restricted_means_of_sas() -> None:
    """Means and standard errors of PROC LIFETEST by cell type (squamous, small, adeno, large), combined by share."""
    size = np.array([[15, 20], [30, 18], [9, 18], [15, 12]])
    mean = np.array([[68.55152, 65.95], [50.86667, 45.16667], [56.44444, 51.91667], [84.8, 64.25]])
    error = np.array([[8.3317, 7.5975], [5.7978, 7.8103], [12.7986, 6.9569], [5.0237, 8.0847]])
    share = size.sum(axis=1) / size.sum()
    difference = share @ (mean[:, 0] - mean[:, 1])
    se = math.sqrt(share**2 @ (error**2).sum(axis=1))
    fit = rmst(veteran(strata={"celltype": table("veteran")["celltype"]}), tau="90 days")
    assert fit.difference == pytest.approx(difference, abs=5e-6)  # means have five decimals
    width = fit.conf_int[1] - fit.difference
    assert width / 1.959963984540054 == pytest.approx(se, abs=5e-5)  # standard errors have four


def test_adjusted_restricted_means_of_survrm2() -> None:
    """The vignette of survRM2 1.0-4: the trial of D-penicillamine in primary biliary cirrhosis, tau of ten years.

    A death and a censoring at the same 3445 days of the control arm make a difference in the fourth digit: survRM2
    counts the death as at risk of being censored then, and its weight as that of the time after it.
    """
    d = table("pbc")
    tte = TimeToEvent(d["time"], d["status"], d["arm"], control=0, experimental=1, unit="days")
    fit = rmst(tte, tau="10 years", covariates={k: d[k] for k in ("age", "bili", "albumin")})
    years = [x / 365.25 for x in (fit.difference, *fit.conf_int)]
    for value, printed in zip(years, ("-0.210", "-0.883", "0.463"), strict=True):
        digits(value, printed)
    for value, printed in zip((fit.ratio.estimate, *fit.ratio.conf_int), ("0.968", "0.877", "1.068"), strict=True):
        digits(value, printed)
    lost = fit.rmtl_ratio
    for value, printed in zip((lost.estimate, *lost.conf_int), ("1.035", "0.806", "1.329"), strict=True):
        digits(value, printed)
    for value, printed in ((fit.p_value, 0.540), (fit.ratio.p_value, 0.514), (lost.p_value, 0.786)):
        assert value == pytest.approx(printed, abs=0.0025)


# ---------------------------------------------------------------------- weighted Cox
def test_weighted_cox_of_coxphw() -> None:
    """The tests of coxphw 4.0.3 on the gastric cancer trial: to its seven digits. It scales the weights to mean 1 over
    the distinct times of events, which changes neither estimate nor variance."""
    d = table("gastric")
    fit = weighted_cox(TimeToEvent(d["time"], d["status"], d["radiation"], control=0, experimental=1, unit="days"))
    digits(fit.coef[0], "0.4625051")
    digits(fit.covariance[0, 0], "0.05699834")
    digits(fit.conf_int[0], "0.9945916")
    digits(fit.conf_int[1], "2.535608")
    digits(fit.p_value, "0.05271492")
    digits(fit.z[0] ** 2, "3.752934")
    theirs = [1.7394781, 1.7201506, 1.7008230, 1.6814955, 1.6621680, 1.6428404, 1.6235129, 1.6041854, 1.5848578]
    assert fit.weight[:9] / fit.weight[0] == pytest.approx(np.array(theirs) / theirs[0], abs=5e-8)


# ------------------------------------------------------------ covariate-adjusted log-rank
LUNG = table("lung")
MALE = np.where(LUNG["sex"] == 1, "male", "female")


def lung(rows: np.ndarray, strata: np.ndarray | None = None) -> TimeToEvent:
    return TimeToEvent(
        LUNG["time"][rows], LUNG["status"][rows], MALE[rows], control="female", experimental="male", unit="days",
        strata=None if strata is None else strata[rows],
    )  # fmt: skip


def test_adjusted_logrank_of_robincar2() -> None:
    """Stored values of the tests of RobinCar2 0.2, with 15 digits: score and variance over the number of subjects."""
    everybody = np.ones(len(MALE), dtype=bool)
    test = adjusted_logrank(lung(everybody), {"age": LUNG["age"]})
    assert test.score / 228 == pytest.approx(0.0851266162073163, rel=1e-13)
    assert test.variance / 228 == pytest.approx(0.175748674116587, rel=1e-13)
    assert test.z == pytest.approx(-3.06610317830763, rel=1e-13)
    assert test.p_value == pytest.approx(0.0021686846372504, rel=1e-11)
    plain = adjusted_logrank(lung(everybody), None)
    assert plain.score / 228 == pytest.approx(0.0895537761860842, rel=1e-13)
    assert plain.variance / 228 == pytest.approx(0.17706769289317, rel=1e-13)
    assert plain.z == pytest.approx(-3.21352484896035, rel=1e-13)


def test_stratified_adjusted_logrank_of_robincar2() -> None:
    """The same by ECOG status. Its grade 3 is one man: he is left out here, RobinCar2 counts him among the subjects.

    That multiplies the explained part of the variance by 227/226 and by the change of part * (1 - part), part the
    share of men; nothing else differs.
    """
    grade = LUNG["ph.ecog"]
    rows = ~np.isnan(grade)
    test = adjusted_logrank(lung(rows, grade.astype(str)), {"age": LUNG["age"][rows]})
    assert test.left_out == ("3.0",)
    assert test.score / 227 == pytest.approx(0.0897521729142622, rel=1e-13)
    plain = adjusted_logrank(lung(rows, grade.astype(str)), None)
    assert plain.variance / 227 == pytest.approx(0.169145720705825, rel=1e-13)
    assert plain.z == pytest.approx(-3.2855836062253, rel=1e-13)
    with_him = 227 / 226 * (137 * 90 / 227**2) / (136 * 90 / 226**2)
    explained = (plain.variance - test.variance) * with_him
    assert (plain.variance - explained) / 227 == pytest.approx(0.169145459377487, rel=1e-13)


def test_adjusted_logrank_in_the_vignette_of_robincar2() -> None:
    """Age and calories at meals, stratified by ECOG status: z of 2.9496 for men and P of .003181.

    The one man of grade 3 (see above) changes the sixth digit of z: P is .0031815 here, and .0031815 less 1e-7 there.
    """
    rows = ~np.isnan(LUNG["ph.ecog"]) & ~np.isnan(LUNG["meal.cal"])
    x = {name: LUNG[name][rows] for name in ("age", "meal.cal")}
    test = adjusted_logrank(lung(rows, LUNG["ph.ecog"].astype(str)), x)
    digits(-test.z, "2.9496")
    assert test.p_value == pytest.approx(0.003181, abs=6e-7)


def test_marginal_hazard_ratio_without_covariates_is_the_one_of_breslow() -> None:
    """0.530397 is what coxph(ties = "breslow") gives. RobinCar2 0.2.4 stores 0.530398 (earlier versions 0.53343): it
    looks for the root to a tolerance of 1e-4 and 1e-6, here it is exact."""
    fit = marginal_hazard_ratio(lung(np.ones(len(MALE), dtype=bool)), None)
    model = cox(lung(np.ones(len(MALE), dtype=bool)), ties="breslow")
    assert math.log(fit.hazard_ratio) == pytest.approx(model.coef[0], rel=1e-10)
    assert math.log(fit.hazard_ratio) == pytest.approx(0.530398178935407, rel=5e-6)
    assert fit.std_error == pytest.approx(0.167180884723583, rel=5e-7)
