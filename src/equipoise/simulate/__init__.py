"""How nature behaves: a scenario as arrays, its patients, one trial and many, and what these say of a design."""

from .arbiter import compare
from .cohort import FIELDS, Baseline, Cohort, cohort, draw_baseline, draw_columns, draw_uniforms
from .comparison import Comparison
from .looks import Cut, Looks, looks_of
from .many import Trials, run_trials
from .model import Model, model, without_effect
from .nature import Nature, nature, nature_of
from .operating import Operating, operating
from .patients import patients
from .trial import trial

__all__ = [
    "FIELDS",
    "Baseline",
    "Cohort",
    "Comparison",
    "Cut",
    "Looks",
    "Model",
    "Nature",
    "Operating",
    "Trials",
    "cohort",
    "compare",
    "draw_baseline",
    "draw_columns",
    "draw_uniforms",
    "looks_of",
    "model",
    "nature",
    "nature_of",
    "operating",
    "patients",
    "run_trials",
    "trial",
    "without_effect",
]
