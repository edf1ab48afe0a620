"""From estimands to results: who counts, what is censored, which test, in which order; then disposition and safety."""

from .estimand import endpoint, unnamed_arms
from .multiplicity import Decision, decide
from .proportions import difference, wilson
from .safety import adverse_event_count
from .sap import Results, conventions, refusals, run
from .tie_out import Tie, tie_out, tie_out_rows

__all__ = [
    "Decision",
    "Results",
    "Tie",
    "adverse_event_count",
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
