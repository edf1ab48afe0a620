"""How nature behaves: a scenario of the protocol as arrays, the patients it gives, and their data sets."""

from .cohort import FIELDS, Baseline, Cohort, cohort, draw_baseline, draw_uniforms
from .model import Model, model, without_effect
from .patients import patients

__all__ = [
    "FIELDS",
    "Baseline",
    "Cohort",
    "Model",
    "cohort",
    "draw_baseline",
    "draw_uniforms",
    "model",
    "patients",
    "without_effect",
]
