"""From estimands to results: who counts, what is censored, which test, in which order."""

from .estimand import endpoint, unnamed_arms
from .multiplicity import Decision, decide
from .sap import Results, conventions, refusals, run

__all__ = ["Decision", "Results", "conventions", "decide", "endpoint", "refusals", "run", "unnamed_arms"]
