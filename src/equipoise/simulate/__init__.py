"""How nature behaves: a scenario as arrays, its patients, one trial and many, and what these say of a design."""

from .arbiter import compare
from .characteristics import Estimated, Operating
from .cluster import on_cluster
from .cohort import FIELDS, Baseline, Cohort, cohort, draw_baseline, draw_columns, draw_uniforms
from .comparison import Comparison
from .curves import TRUTH, Curves, curves
from .looks import Cut, Looks, looks_of
from .many import Trials, run_trials
from .model import Model, model, without_effect
from .nature import Nature, nature, nature_of
from .operating import operating
from .paired import Paired, compare_designs
from .patients import marked_subjects, patients
from .study import Cell, Grid, Study, study
from .trial import trial

__all__ = [
    "FIELDS",
    "TRUTH",
    "Baseline",
    "Cell",
    "Cohort",
    "Comparison",
    "Curves",
    "Cut",
    "Estimated",
    "Grid",
    "Looks",
    "Model",
    "Nature",
    "Operating",
    "Paired",
    "Study",
    "Trials",
    "cohort",
    "compare",
    "compare_designs",
    "curves",
    "draw_baseline",
    "draw_columns",
    "draw_uniforms",
    "looks_of",
    "marked_subjects",
    "model",
    "nature",
    "nature_of",
    "on_cluster",
    "operating",
    "patients",
    "run_trials",
    "study",
    "trial",
    "without_effect",
]
