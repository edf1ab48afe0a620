"""From estimands to results: who counts, what is censored, which test, in which order; then disposition and safety."""

from .closed_test import ClosedTest, closed_test
from .estimand import endpoint, unnamed_arms
from .multiplicity import Decision, adjusted_p, decide
from .proportions import difference, wilson
from .safety import adverse_event_count
from .sap import Results, conventions, refusals, run
from .tie_out import Tie, tie_out, tie_out_rows

__all__ = [
    "ClosedTest",
    "Decision",
    "Results",
    "Tie",
    "adjusted_p",
    "adverse_event_count",
    "closed_test",
    "conventions",
    "decide",
    "difference",
    "endpoint",
    "refusals",
    "run",
    "tie_out",
    "tie_out_rows",
    "unnamed_arms",
    "wilson",
]
