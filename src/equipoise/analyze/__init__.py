"""From estimands to results: who counts, what is censored, which test, in which order; then disposition and safety."""

from . import switching
from .closed_testing import ClosedTest, closed_test
from .estimand import endpoint, left_out, without_record
from .imputation import Pooled, impute, pool
from .multiplicity import Decision, adjusted_p, decide
from .proportions import clopper_pearson, difference, wilson
from .rates import exposure_adjusted_rate, rate_difference, rate_ratio
from .safety import adverse_event_count
from .sap import Results, conventions, refusals, run
from .tie_out import Tie, tie_out, tie_out_rows
from .tipping_point import TippingPoint, tipping_point
from .two_by_two import cmh, fisher
from .two_proportions import Comparison, risk_difference, risk_ratio

__all__ = [
    "ClosedTest",
    "Comparison",
    "Decision",
    "Pooled",
    "Results",
    "Tie",
    "TippingPoint",
    "adjusted_p",
    "adverse_event_count",
    "clopper_pearson",
    "closed_test",
    "cmh",
    "conventions",
    "decide",
    "difference",
    "endpoint",
    "exposure_adjusted_rate",
    "fisher",
    "impute",
    "left_out",
    "pool",
    "rate_difference",
    "rate_ratio",
    "refusals",
    "risk_difference",
    "risk_ratio",
    "run",
    "switching",
    "tie_out",
    "tie_out_rows",
    "tipping_point",
    "wilson",
    "without_record",
]
