"""``[safety]``: in whom adverse events and exposure are counted, and which arms are compared.

With it the results also hold "disposition", "exposure" and "safety", each where its data set is there."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .estimands import Contrast
from .section import Section, Text


class Safety(Section):
    """Counts of subjects by arm, and the difference of their shares with its interval.

    ``cardiac`` is the body system whose events are listed with their NYHA class.
    """

    population: Text
    treatment: Contrast
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    cardiac: Text = "Cardiac disorders"
