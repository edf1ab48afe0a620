"""How nature behaves: a scenario as arrays, its patients, one trial and many, and what these say of a design."""

from .advice import Advice, advise, lives_of, settings_of
from .arbiter import compare
from .characteristics import Estimated, Operating
from .cluster import on_cluster
from .cohort import FIELDS, Baseline, Cohort, cohort, draw_baseline, draw_columns, draw_uniforms
from .comparison import Comparison
from .curves import TRUTH, Curves, curves
from .design_grid import DesignCell, DesignGrid
from .grid import Cell, Grid
from .ground import Ground, Lives, Setting, Switched, ground, switched_trial
from .looks import Cut, Looks, looks_of
from .many import Trials, run_trials
from .model import Model, model, without_effect
from .nature import Nature, nature, nature_of
from .operating import operating
from .own_analysis import AnalysisResult
from .paired import Paired, compare_designs
from .patients import marked_subjects, patients
from .proving import METHODS, Proven, on_cores, prove
from .study import Study, study
from .trial import trial

__all__ = [
    "FIELDS",
    "METHODS",
    "TRUTH",
    "Advice",
    "AnalysisResult",
    "Baseline",
    "Cell",
    "Cohort",
    "Comparison",
    "Curves",
    "Cut",
    "DesignCell",
    "DesignGrid",
    "Estimated",
    "Grid",
    "Ground",
    "Lives",
    "Looks",
    "Model",
    "Nature",
    "Operating",
    "Paired",
    "Proven",
    "Setting",
    "Study",
    "Switched",
    "Trials",
    "advise",
    "cohort",
    "compare",
    "compare_designs",
    "curves",
    "draw_baseline",
    "draw_columns",
    "draw_uniforms",
    "ground",
    "lives_of",
    "looks_of",
    "marked_subjects",
    "model",
    "nature",
    "nature_of",
    "on_cluster",
    "on_cores",
    "operating",
    "patients",
    "prove",
    "run_trials",
    "settings_of",
    "study",
    "switched_trial",
    "trial",
    "without_effect",
]
