"""Twin of the analysis of one trial of a batch, see `twins` for the conventions.

Every number from its definition: subjects at risk are counted anew at each time of death, the Cox model is solved by
bisection of its score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .twins import km, logrank, quantile, rmst

NEAR = 2.0**-26


def settled(time: Sequence[float]) -> list[float]:
    """Sorted distinct times whose gap is at most 2^-26 of their mean become the earliest of the run."""
    distinct = sorted(set(time))
    mean = sum(distinct) / len(distinct)
    becomes = {}
    for i, t in enumerate(distinct):
        near = i > 0 and t - distinct[i - 1] <= NEAR * mean
        becomes[t] = becomes[distinct[i - 1]] if near else t
    return [becomes[t] for t in time]


def cox_terms(
    time: Sequence[float], event: Sequence[int], arm: Sequence[int], strata: Sequence[int], efron: bool
) -> tuple[list[tuple[float, float, float]], int, int]:
    """(weight, control, experimental at risk) of every factor of the partial likelihood in which both arms are at risk,
    and the deaths by arm at these times.

    Efron (1977): the r-th of d tied deaths finds each of the tied with 1 - r/d of his weight; Breslow (1974): d times
    the whole risk set.
    """
    terms, lost, won = [], 0, 0
    rows = range(len(time))
    for s in sorted(set(strata)):
        for t in sorted({time[i] for i in rows if event[i] and strata[i] == s}):
            n, d = [0, 0], [0, 0]
            for i in rows:
                if strata[i] == s and time[i] >= t:
                    n[arm[i]] += 1
                    d[arm[i]] += event[i] and time[i] == t
            if min(n) == 0:
                continue
            lost, won = lost + d[0], won + d[1]
            for r in range(sum(d)):
                gone = r / sum(d) if efron else 0.0
                terms.append((1.0, n[0] - gone * d[0], n[1] - gone * d[1]))
    return terms, lost, won


def cox_score(beta: float, terms: list[tuple[float, float, float]], won: int) -> tuple[float, float]:
    """Deaths under experimental less those expected, and the information."""
    shares = [(w, b * math.exp(beta) / (a + b * math.exp(beta)), a / (a + b * math.exp(beta))) for w, a, b in terms]
    return math.fsum([won, *(-w * p for w, p, _ in shares)]), math.fsum(w * p * q for w, p, q in shares)


def cox_by_bisection(terms: list[tuple[float, float, float]], lost: int, won: int) -> tuple[float, float]:
    """Log hazard ratio and its standard error; the score falls with beta."""
    if not terms:
        return math.nan, math.nan
    if lost == 0 or won == 0:
        return (math.inf if lost == 0 else -math.inf), math.nan
    low, high = -60.0, 60.0
    for _ in range(200):
        middle = (low + high) / 2
        if cox_score(middle, terms, won)[0] > 0:
            low = middle
        else:
            high = middle
    return low, 1 / math.sqrt(cox_score(low, terms, won)[1])


def batch_trial(
    time: Sequence[float],
    event: Sequence[int],
    arm: Sequence[int],
    strata: Sequence[int] | None = None,
    tau: float | None = None,
    at: float | None = None,
    ties: str = "efron",
) -> dict[str, Any]:
    """Log-rank test and Cox model over strata; medians with strata pooled; restricted mean and survival of each arm as
    averages over strata by their share of all subjects, nan where an arm is absent from one or not followed so long."""
    t = settled(time)
    blocks = [0] * len(t) if strata is None else list(strata)
    test = logrank(t, event, arm, 2, strata=blocks)
    variance = float(test["variance"][1, 1])
    terms, lost, won = cox_terms(t, event, arm, blocks, ties == "efron")
    coef, se = cox_by_bisection(terms, lost, won)
    found: dict[str, Any] = {
        "subjects": [arm.count(a) if isinstance(arm, list) else int((np.asarray(arm) == a).sum()) for a in (0, 1)],
        "observed": test["observed"].tolist(),
        "expected": test["expected"].tolist(),
        "variance": variance,
        "z": float(test["expected"][1] - test["observed"][1]) / math.sqrt(variance) if variance > 0 else math.nan,
        "coef": coef,
        "se": se,
        "median": [],
        "rmst": [],
        "rmst_variance": [],
        "survival": [],
        "survival_se": [],
    }
    for a in (0, 1):
        own = [i for i in range(len(t)) if arm[i] == a]
        found["median"].append(_curve([t[i] for i in own], [event[i] for i in own], None, None)["median"])
        sums = dict.fromkeys(("rmst", "rmst_variance", "survival", "survival_se"), 0.0)
        for block in sorted(set(blocks)):
            share = blocks.count(block) / len(t)
            part = [i for i in own if blocks[i] == block]
            values = _curve([t[i] for i in part], [event[i] for i in part], tau, at)
            sums["rmst"] += share * values["rmst"]
            sums["rmst_variance"] += share**2 * values["rmst_variance"]
            sums["survival"] += share * values["survival"]
            sums["survival_se"] += share**2 * values["survival_se"] ** 2
        sums["survival_se"] = math.sqrt(sums["survival_se"])
        for name, value in sums.items():
            found[name].append(value)
    return found


def _curve(time: list[float], event: list[int], tau: float | None, at: float | None) -> dict[str, float]:
    nan = math.nan
    out = dict.fromkeys(("median", "rmst", "rmst_variance", "survival", "survival_se"), nan)
    if not time:
        return out
    fit = km(time, event)
    end = float(fit["survival"][-1])
    median = quantile(fit["time"], fit["survival"], 0.5)
    out["median"] = math.inf if math.isnan(median) else median
    if tau is not None and (end == 0 or tau <= max(time)):
        out["rmst"], out["rmst_variance"] = rmst(time, event, tau)
    if at is not None and (end == 0 or at <= max(time)):
        before = [k for k, u in enumerate(fit["time"]) if u <= at]
        survival = float(fit["survival"][before[-1]]) if before else 1.0
        out["survival"] = survival
        out["survival_se"] = float(fit["greenwood_se"][before[-1]]) if before and survival > 0 else 0.0
    return out
