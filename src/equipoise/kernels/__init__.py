"""The only place for numba: arrays in, arrays out, a status code where something can fail.

No frame, no string and no exception enters a kernel, and none calls ``np.linalg``, ``np.outer`` or
``argsort`` (each costs seconds of compilation). Each has a plain NumPy twin in tests/oracles and a
property test against it.

Compiled code is cached in a directory named by the digest of all kernel sources: with numba's own
cache an edited kernel leaves the kernels that call it stale.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import numba


def _cache_directory() -> Path:
    """Where compiled kernels are kept: beside other caches of the user, else in the temporary folder."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    named = f"kernels-{digest.hexdigest()[:16]}"
    base = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    user = getattr(os, "getuid", lambda: 0)()  # Windows has no such number, and a temporary folder a user
    for parent in (Path(base) / "equipoise", Path(tempfile.gettempdir()) / f"equipoise-{user}"):
        try:
            (parent / named).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(parent / named, os.W_OK):
            return parent / named
    return Path(tempfile.mkdtemp(prefix="equipoise-"))


_before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
numba.config.CACHE_DIR = str(_cache_directory())  # type: ignore[attr-defined]
try:
    from .batch import analyze_trials, pack_keys
    from .concordance import concordance_pairs
    from .copies import accelerated_again, accelerated_draws, ratio_draws, switching_tests
    from .counting import death_counts, kaplan_meier_steps, logrank_sums
    from .firth import log_det_gradient
    from .group_sequential import carry, quadrature, tail
    from .grouped_likelihood import grouped_likelihood, two_group_likelihood
    from .hazard_steps import hazard_steps
    from .history import histories
    from .partial_likelihood import partial_likelihood
    from .random import philox
    from .search import anneal, measure
    from .streams import allocate_in_blocks, allocate_simply, fill_uniforms
    from .structural import SAME_Z, structural_crossing, structural_draws, structural_tests
    from .tied_likelihood import discrete_likelihood, marginal_likelihood
    from .treatment import adverse_event_days, doses_given
    from .trials import simulate_trials
finally:
    numba.config.CACHE_DIR = _before  # type: ignore[attr-defined]

__all__ = [
    "SAME_Z",
    "accelerated_again",
    "accelerated_draws",
    "adverse_event_days",
    "allocate_in_blocks",
    "allocate_simply",
    "analyze_trials",
    "anneal",
    "carry",
    "concordance_pairs",
    "death_counts",
    "discrete_likelihood",
    "doses_given",
    "fill_uniforms",
    "grouped_likelihood",
    "hazard_steps",
    "histories",
    "kaplan_meier_steps",
    "log_det_gradient",
    "logrank_sums",
    "marginal_likelihood",
    "measure",
    "pack_keys",
    "partial_likelihood",
    "philox",
    "quadrature",
    "ratio_draws",
    "simulate_trials",
    "structural_crossing",
    "structural_draws",
    "structural_tests",
    "switching_tests",
    "tail",
    "two_group_likelihood",
]
