"""What all figures share: their style, the mark of their origin, and how they become SVG."""

from __future__ import annotations

import io
import warnings
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Blue and vermilion of Okabe and Ito: told apart under every common color vision deficiency and in grey.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
INK = "#222222"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "equipoise",
    "text.parse_math": False,  # an arm may be called "$5 a day"
}


def write_across(axes: Axes, mark: str) -> None:
    """The origin of data that nobody observed, across the figure (``DUMMY``, ``SIMULATED``); nothing for observed.

    >>> axes = Figure().subplots()
    >>> write_across(axes, "DUMMY")
    >>> [t.get_text() for t in axes.texts]
    ['DUMMY']
    """
    if mark:
        axes.text(
            0.5,
            0.5,
            mark,
            transform=axes.transAxes,
            fontsize=min(60.0, 520.0 / len(mark)),
            alpha=0.13,
            ha="center",
            va="center",
        )


def svg(figure: Figure) -> str:
    """The figure as one SVG element, the same for the same figure.

    >>> svg(Figure())[:4]
    '<svg'
    """
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # Text stays text in the SVG: a letter that this font lacks is drawn by the reader's own.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
