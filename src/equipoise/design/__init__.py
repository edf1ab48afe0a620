"""What is fixed before the first patient: so far the graph in which hypotheses hand on their share of alpha."""

from .alpha_graph import AlphaGraph, GraphTest

__all__ = ["AlphaGraph", "GraphTest"]
