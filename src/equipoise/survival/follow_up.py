"""How long the subjects were followed: the reverse Kaplan-Meier estimate of the time to censoring."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..data import TimeToEvent
from ..errors import UnsupportedError
from .convention import ConfType, Convention
from .kaplan_meier import Curve, KaplanMeier, kaplan_meier, survival_limits

# Left at risk, as a share of those before, that is only the rounding of fractional weights.
_NOBODY = 1e-10


def follow_up(
    tte: TimeToEvent,
    *,
    level: float = 0.95,
    conf_type: ConfType | None = None,
    convention: Convention = "house",
) -> KaplanMeier:
    """How long the subjects of each arm would have been followed had the event ended nobody's follow-up, strata
    pooled: ``follow_up(tte)["A"].median`` is the median follow-up.

    The Kaplan-Meier estimate with event and censoring exchanged (Schemper and Smith 1996), with Greenwood's variance.
    In the curves ``event`` counts censorings and ``censored`` events. An event comes before censorings of the same
    time here too (house), so that it leaves the risk set before them; "r" and "sas" merely reverse the
    indicator, as ``survfit(Surv(time, 1 - status))`` does, so that it leaves after them. ``level``, ``conf_type``
    and quantiles as in ``kaplan_meier``; late entry is allowed.

    Raises ``UnsupportedError`` for probability weights and competing causes.

    >>> tte = TimeToEvent([5, 8, 8, 12], [1, 0, 1, 0], unit="days")
    >>> follow_up(tte)["all"].survival.tolist(), follow_up(tte, convention="r")["all"].survival.round(3).tolist()
    ([1.0, 0.5, 0.0], [1.0, 0.667, 0.0])
    """
    if tte.weight_type == "probability":
        raise UnsupportedError(
            "follow-up has no variance here under probability weights", remedy="Leave the weights out, or use copies."
        )
    curves = kaplan_meier(tte, level=level, conf_type=conf_type, convention=convention)
    first = "before" if convention == "house" else "after"
    return KaplanMeier(
        curves=tuple(_reversed(curve, convention) for curve in curves.values()),
        method=f"reverse {curves.method}; its events are the censorings, deaths leave {first} them",
        origin=tte.origin,
    )


def _reversed(curve: Curve, convention: Convention) -> Curve:
    at_risk = curve.at_risk - curve.event if convention == "house" else curve.at_risk
    left = at_risk - curve.censored
    left = np.where(left <= _NOBODY * curve.at_risk, 0.0, left)
    kept = np.divide(left, at_risk, out=np.ones(len(left)), where=curve.censored > 0)
    survival = np.asarray(np.cumprod(kept), dtype=np.float64)
    with np.errstate(divide="ignore"):
        step = np.divide(curve.censored, at_risk * left, out=np.zeros(len(left)), where=curve.censored > 0)
    log_se = np.sqrt(np.cumsum(step))
    lower, upper = survival_limits(survival, log_se, curve.level, curve.conf_type)
    std_error = np.multiply(survival, log_se, out=np.zeros(len(left)), where=survival > 0)
    for array in (at_risk, survival, std_error, lower, upper):
        array.flags.writeable = False
    return replace(
        curve, events=float(curve.censored.sum()), at_risk=at_risk, event=curve.censored, censored=curve.event,
        survival=survival, std_error=std_error, lower=lower, upper=upper,
    )  # fmt: skip
