"""From estimands to results: who counts, what is censored, which test, in which order."""

from .estimand import endpoint
from .multiplicity import Decision, decide
from .sap import Results, conventions, run

__all__ = ["Decision", "Results", "conventions", "decide", "endpoint", "run"]
