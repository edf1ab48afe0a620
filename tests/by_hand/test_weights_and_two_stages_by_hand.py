"""Accelerated failure times, IPE, two-stage estimation and weights for switching, small enough to do on paper."""

from __future__ import annotations

import math
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest

from equipoise.analyze.switching import Switches, ipcw, ipe, msm, two_stage
from equipoise.analyze.switching.logistic import pooled_logistic
from equipoise.analyze.switching.switching_of_psi import SwitchingOfPsi, martingale
from equipoise.kernels import accelerated_draws, ratio_draws
from equipoise.survival import TimeToEvent, TimeVarying, accelerated

INF = math.inf


def endpoint(control: list[tuple[float, int]], experimental: list[tuple[float, int]]) -> TimeToEvent:
    time, event = zip(*(control + experimental), strict=True)
    arm = ["A"] * len(control) + ["B"] * len(experimental)
    return TimeToEvent(time, event, arm, control="A", experimental="B", unit="days")


def close(got: Any, want: Any, rel: float = 1e-12) -> None:
    want = [float(x) for x in want] if isinstance(want, list) else float(want)
    np.testing.assert_allclose(np.asarray(got, dtype=float), want, rtol=rel, atol=1e-13)


def test_exponential_time_ratio() -> None:
    """12 days and 2 events in A, 18 days and 2 events in B: a mean of 6 and of 9."""
    found = accelerated(endpoint([(2, 1), (4, 1), (6, 0)], [(3, 1), (6, 0), (9, 1)]), distribution="exponential")
    close(found.time_ratio, F(9, 6))
    close(found.coef[0], math.log(6))
    close(found.se[1] ** 2, F(1, 2) + F(1, 2))
    close(found.loglik, -2 * math.log(6) - 2 - 2 * math.log(9) - 2)


def test_lognormal_without_censoring() -> None:
    """Least squares of the logarithms: means 1 and 2, residuals -1, 1, -2, 2, so that scale^2 = 10/4."""
    times = [math.exp(x) for x in (0, 2, 0, 4)]
    found = accelerated(endpoint([(t, 1) for t in times[:2]], [(t, 1) for t in times[2:]]), distribution="lognormal")
    close(found.coef, [1, 1])
    close(found.scale**2, F(10, 4))
    close(found.se[1] ** 2, F(10, 4) * (F(1, 2) + F(1, 2)))
    close(found.log_scale_se**2, F(1, 2 * 4))


def test_iterative_parameter_estimation() -> None:
    """Control has 10 days off and 10 days on treatment and 2 events, experimental 60 days and 2 events.

    With e^psi = 1/5 control has 10 + 10/5 = 12 days, 6 an event: a fifth of the 30 in experimental, as supposed.
    """
    tte = endpoint([(4, 1), (6, 1), (10, 0)], [(12, 1), (18, 1), (30, 0)])
    record = Switches(tte=tte, switch=[INF, 2, 4, INF, INF, INF])
    found = ipe(record, distribution="exponential", recensor=False)
    close(math.exp(found.psi), F(1, 5), rel=1e-7)
    assert found.unswitched is not None
    close(found.unswitched.time, [F(4), 2 + F(4, 5), 4 + F(6, 5), F(12), F(18), F(30)], rel=1e-7)
    # It keeps the P of the test as observed: limits are psi -+ 1.96 psi / z.
    z = abs(found.observed.z or 0)
    close(found.psi_conf_int[0], found.psi * (1 + 1.959963984540054 / z), rel=1e-7)
    assert found.p_value == found.observed.p_value


# Progression on day 1: after it 2 and 4 days of those who do not switch, 5 and 7 of those who do on day 3.
STAGES = [(3, 1), (5, 1), (6, 1), (8, 1)], [(4, 1), (9, 0)]


def staged(end: float = 10) -> Switches:
    return Switches(
        tte=endpoint(*STAGES), switch=[INF, INF, 3, 3, INF, INF], progression=[1, 1, 1, 1, 2, INF],
        administrative=[end] * 6,
    )  # fmt: skip


def test_two_stages() -> None:
    """Means of 6/2 and 12/2: the factor is 2, var(log factor) = 1/2 + 1/2."""
    found = two_stage(staged(), distribution="exponential", recensor=False)
    close(found.effects[0].time_ratio, 2)
    close(found.psi_conf_int, [-math.log(2) - 1.959963984540054, -math.log(2) + 1.959963984540054])
    assert found.unswitched is not None
    close(found.unswitched.time, [F(3), F(5), 1 + F(5, 2), 1 + F(7, 2), F(4), F(9)])
    assert found.unswitched.event.tolist() == [1, 1, 1, 1, 1, 0]


def test_two_stages_since_the_switch_recensored() -> None:
    """All of control are cut on day 10/2 = 5: a death on day 5 counts, the one on day 3 + 5/2 does not."""
    found = two_stage(staged(), distribution="exponential", since="switch")
    assert found.unswitched is not None
    close(found.unswitched.time, [F(3), F(5), 3 + F(3, 2), F(5), F(4), F(9)])
    assert found.unswitched.event.tolist() == [1, 1, 1, 0, 1, 0]
    lost = found.recensored[0]
    assert (lost.arm, lost.of, lost.subjects, lost.events, lost.events_lost) == ("A", 4, 1, 4, 1)
    close([lost.followed, lost.followed_after], [F(11, 2), F(5)])


def test_two_stages_that_count_the_day() -> None:
    """With an offset of a day 8/2 and 14/2: 7/4, and what is divided begins on day 0."""
    found = two_stage(staged(), distribution="exponential", offset=1, recensor=False)
    close(found.effects[0].time_ratio, F(7, 4))
    assert found.unswitched is not None
    close(found.unswitched.time[2:4], [6 * F(4, 7), 8 * F(4, 7)])


# Four in control, visits on days 0 and 2: the second switches on day 2, the fourth on day 4. The marker is 0 for the
# first and fourth, 1 for the second and third. Rows that tell of switching: four up to day 2 and the last of the
# fourth; of marker 0 one of three ends in a switch, of marker 1 one of two, of all two of five.
def visits() -> tuple[Switches, dict[str, TimeVarying]]:
    tte = endpoint([(3, 1), (4, 1), (5, 1), (6, 1)], [(6, 1), (8, 0), (9, 1), (9, 0)])
    marker = TimeVarying(
        subject=[1, 2, 3, 4, 5, 6, 7, 8] * 2, start=[0] * 8 + [2] * 8, value=[0, 1, 1, 0, 0, 1, 0, 1] * 2, unit="days"
    )
    return Switches(tte=tte, switch=[INF, 2, INF, 4] + [INF] * 4), {"marker": marker}


LOW, HIGH, ALL = F(1, 3), F(1, 2), F(2, 5)


def test_weights_by_visit() -> None:
    record, marker = visits()
    found = ipcw(record, marker, time_df=0)
    rows = found.weighted
    control = rows.arm == "A"
    assert rows.subject[control].tolist() == [1, 1, 2, 3, 3, 4, 4]
    assert rows.stop[control].tolist() == [2, 3, 2, 2, 5, 2, 4]
    assert rows.event[control].tolist() == [0, 1, 0, 0, 1, 0, 0]
    zero, one = 1 / (1 - LOW), 1 / (1 - HIGH)
    close(rows.unstabilized[control], [F(1), zero, F(1), F(1), one, F(1), zero])
    kept = 1 - ALL
    close(rows.stabilized[control], [F(1), kept * zero, F(1), F(1), kept * one, F(1), kept * zero])
    assert (rows.used[~control] == 1).all()
    model = next(m for m in found.models if m.part == "denominator")
    close(model.coef, [math.log(LOW / (1 - LOW)), math.log(HIGH / (1 - HIGH)) - math.log(LOW / (1 - LOW))])
    assert (model.rows, model.switches) == (5, 2)
    close(model.loglik[0], 2 * math.log(ALL) + 3 * math.log(1 - ALL))


def test_weights_since_progression() -> None:
    """All of control progress on day 1, where their rows are cut. From then on of marker 0 one of three rows ends in a
    switch, of marker 1 one of two; of all nine rows, which are the numerator's, two do."""
    record, marker = visits()
    record = Switches(tte=record.tte, switch=record.switch, progression=[1] * 4 + [INF] * 4)
    for method in (ipcw, msm):
        found = method(record, marker, since="progression", time_df=0)
        rows = found.weighted
        before = (rows.arm == "A") & (rows.start < record.switch[np.searchsorted(range(1, 9), rows.subject)])
        assert rows.subject[before].tolist() == [1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4]
        assert rows.stop[before].tolist() == [1, 2, 3, 1, 2, 1, 2, 5, 1, 2, 4]
        zero, one, kept = 1 / (1 - LOW), 1 / (1 - HIGH), 1 - F(2, 9)
        close(rows.unstabilized[before], [1, 1, zero, 1, 1, 1, 1, one, 1, 1, zero])
        steady = [[F(1), kept, kept**2 * last] for last in (zero, one, zero)]
        close(rows.stabilized[before], [*steady[0], F(1), kept, *steady[1], *steady[2]])
        assert [(m.part, m.rows, m.switches) for m in found.models] == [("denominator", 5, 2), ("numerator", 9, 2)]
        assert "switching possible from progression on" in found.method


def test_weighted_log_rank() -> None:
    """Day 3: weights .9, 1.2, .9 in A and four in B; day 5: 1.2 and four; later A is gone."""
    record, marker = visits()
    test = ipcw(record, marker, time_df=0).log_rank
    a, c = F(9, 10), F(6, 5)
    first, second = F(4) / (2 * a + c + 4), F(4) / (c + 4)
    close(test.score, -a * first - c * second)
    variance = (first**2 * (2 * a**2 + c**2) + (1 - first) ** 2 * 4) / 7
    variance += (second**2 * c**2 + (1 - second) ** 2 * 4) / 5
    close(test.variance, variance)
    close(test.z, float(a * first + c * second) / math.sqrt(variance))


def test_weights_of_a_marginal_structural_model() -> None:
    """Once somebody switched, the weight is 1 over the chance of having switched then, and stays."""
    record, marker = visits()
    rows = msm(record, marker, time_df=0).weighted
    control = rows.arm == "A"
    assert rows.stop[control].tolist() == [2, 3, 2, 4, 2, 5, 2, 4, 6]
    zero, one = (1 - ALL) / (1 - LOW), (1 - ALL) / (1 - HIGH)
    close(rows.stabilized[control], [F(1), zero, F(1), ALL / HIGH, F(1), one, F(1), zero, zero * ALL / LOW])


def test_weights_by_death_time() -> None:
    """Without covariates the hazard of switching is 1/4 on day 2, and 1/2 on day 4, when the first is dead."""
    record, marker = visits()
    rows = ipcw(record, marker, model="cox").weighted
    third = rows.subject == 3
    assert rows.stop[third].tolist() == [2, 3, 5]
    close(np.log(rows.stabilized / rows.unstabilized)[third], [-F(1, 4), -F(1, 4), -F(1, 4) - F(1, 2)])
    assert (rows.used[rows.arm == "B"] == 1).all()


def test_truncated_weights() -> None:
    """Of the rows 1, 3/2, 1, 1, 2, 1, 3/2 in control the 3/4 quantile (type 7) is halfway between 3/2 and 3/2."""
    record, marker = visits()
    found = ipcw(record, marker, time_df=0, stabilized=False, truncate=(0, 0.75))
    close(found.weighted.used[found.weighted.arm == "A"], [F(1), F(3, 2), F(1), F(1), F(3, 2), F(1), F(3, 2)])
    summary = found.summaries[0]
    close([summary.minimum, summary.mean, summary.maximum, summary.unstabilized], [F(1), F(17, 14), F(3, 2), F(2)])
    close(summary.effective, (3 * F(3, 2) + 1) ** 2 / (3 * F(9, 4) + 1))  # last weights 3/2, 1, 3/2, 3/2
    assert (summary.heaviest, summary.at, summary.events) == ("1", 2.0, 2)


def test_sandwich_of_a_pooled_logistic_model() -> None:
    """P = 1/4, scores 3/4 - 1/4 and -1/4 - 1/4 by cluster, information 4 x 3/16."""
    found = pooled_logistic(np.array([True, False, False, False]), np.ones((4, 1)), np.array([0, 0, 1, 1]))
    close(found.coef[0], math.log(F(1, 3)))
    close(found.se[0] ** 2, F(4, 3))
    close(found.robust_se[0] ** 2, F(1, 2) / F(9, 16))


def test_martingale_residuals() -> None:
    """Two of three die on day 2: a jump of 1/3 + 1/2, of which each of the two meets 1/3 + 1/4."""
    found = martingale(np.array([1.0, 2.0, 2.0, 3.0, 0.5]), np.array([False, True, True, True, False]))
    jump, own = F(1, 3) + F(1, 2), F(1, 3) + F(1, 4)
    close(found, [F(0), 1 - own, 1 - own, 1 - jump - 1, F(0)])
    assert found.sum() == pytest.approx(0, abs=1e-15)


def test_exponential_model_of_copies() -> None:
    """Twice 2 and once 4 days, three events, against once 3 and three times 5 days, one event: means 8/3 and 18."""
    time, event, arm = np.array([2.0, 4.0, 3.0, 5.0]), np.array([True, True, True, False]), np.array([0, 0, 1, 1])
    a = np.column_stack([-np.ones(4), -arm, np.log(time)])
    coef, rate = accelerated_draws(2, a, event, np.array([[2, 1, 1, 3]]), np.array([0.0, 0.0, 1.0]))
    close(rate, [1])
    close(coef[0], math.log(F(3 + 3 * 5, 1) / F(2 * 2 + 4, 3)))


def test_ratio_of_copies() -> None:
    """Two copies of a death on day 1 in A, one on day 2 in B, two left in B and one in A.

    Efron's terms have 3, 2 and 1 of A and 3 of B at risk: 1 = 3r/(3 + 3r) + 3r/(2 + 3r) + 3r/(1 + 3r). Without the one
    left in A the death in B is no term, and there is no maximum.
    """
    copies, order = np.array([[2, 1, 2]]), np.array([[0, 1, 2]])
    u, dead, arm = np.array([[1.0, 2.0, 3.0]]), np.array([[True, True, False]]), np.array([0, 1, 1])
    assert np.isnan(ratio_draws(copies, u, dead, arm, np.array([0, 3]), order)[0])
    copies, order, arm = np.array([[2, 1, 2, 1]]), np.array([[0, 1, 2, 3]]), np.array([0, 1, 1, 0])
    u, dead = np.array([[1.0, 2.0, 3.0, 3.0]]), np.array([[True, True, False, False]])
    r = math.exp(float(ratio_draws(copies, u, dead, arm, np.array([0, 4]), order)[0]))
    close(3 * r / (3 + 3 * r) + 3 * r / (2 + 3 * r) + 3 * r / (1 + 3 * r), 1, rel=1e-9)


def test_no_z_where_scores_add_up_to_zero() -> None:
    """Two subjects, two residuals: the model meets both subjects' shares, their scores are 0, and so is the variance.

    Rounding made a Z of the order of 1e15 of it.
    """
    of = np.array([0, 0, 0, 0, 1, 1, 1])
    visits = np.arange(7.0), np.array([0, 0, 0, 1, 0, 0, 1], dtype=bool), np.ones((7, 1))
    subjects = np.array([6.0, 8.0]), np.array([0.7, 2.7]), np.array([INF, INF]), np.array([True, True])
    for copies in ([1, 1], [1, 3]):
        statistic = SwitchingOfPsi.made(subjects, np.array(copies), of, visits, 0)
        assert np.isnan(statistic.at(np.array([-1.0, -0.1, 0.0, 0.3, 1.2]))).all()
