"""The bootstrap of an analysis that is done again for each sample: the record and its visits, drawn by subject."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...data import TimeToEvent
from ...errors import EquipoiseError
from ...survival import TimeVarying
from .bootstrap import bootstrapped, in_threads, resampled
from .record import Switches, Vector
from .restored_draws import Copies, Draws
from .rpsftm import MANY_FAILED
from .weighted_result import Weighted
from .without_switching import WithoutSwitching

Rows = NDArray[np.int64]
_AGAIN = 10  # samples that a thread analyzes before it takes others


A = TypeVar("A", Weighted, WithoutSwitching)


def with_bootstrap(
    found: A, again: Callable[[Rows], A], tte: TimeToEvent, draws: int, seed: int | None, level: float,
    drawn_at_once: Draws | None = None,
) -> A:  # fmt: skip
    """The analysis with limits of its hazard ratio from ``draws`` samples of its subjects, each analyzed ``again``.

    ``again`` takes the rows of a sample's subjects, one as often as it was drawn, and does everything anew: weights,
    factors and roots vary from sample to sample, as they do from trial to trial. A sample that is refused or has no
    hazard ratio has failed. ``drawn_at_once`` gives the same estimates sooner, of the samples that it settles; the
    others are analyzed again. Both on threads, on which nothing depends. Without draws the analysis stays as it is.
    """
    if not draws or seed is None:
        return found
    psi, ratio, settled = np.full(draws, math.nan), np.full(draws, math.nan), np.zeros(draws, dtype=np.bool_)
    copies = resampled(tte, draws, seed)
    if drawn_at_once is not None:
        psi, ratio, settled = in_threads(drawn_at_once, copies)

    def analyzed(chunk: Copies) -> tuple[Vector, Vector]:
        found = np.full((2, len(chunk)), math.nan)
        for i, sampled in enumerate(chunk):
            try:
                sample = again(np.repeat(np.arange(tte.n), sampled))
            except EquipoiseError:  # a failed sample, counted as such
                continue
            found[:, i] = sample.psi, math.log(sample.hazard_ratio)
        return found[0], found[1]

    left = np.flatnonzero(~settled)
    if len(left):
        psi[left], ratio[left] = in_threads(analyzed, copies[left], chunk=_AGAIN)
    drawn = bootstrapped(psi, ratio, math.log(found.hazard_ratio), seed=seed, level=level)
    warnings: tuple[str, ...] = found.warnings
    if drawn.failed > MANY_FAILED * draws:
        said = f"{drawn.failed} of {draws} bootstrap samples have no estimate"
        said += "" if drawn.reason else ", so that the bootstrap limits are too narrow"
        warnings = (*warnings, said)
    strata = " and strata" if tte.strata else ""
    method = f"{found.method}; and by {draws} bootstrap samples within arms{strata} (seed {seed}; percentiles)"
    return replace(found, bootstrap=drawn, warnings=warnings, method=method)


def sample_of(switches: Switches, rows: Rows, names: Sequence[str]) -> Switches:
    """The record of a sample: each subject drawn is one of its own, numbered from 0, with the covariates named."""
    tte = switches.tte
    fields: dict[str, Any] = {name: getattr(tte, name)[rows] for name in ("time", "event", "arm", "stratum")}
    return Switches(
        tte=tte._with(**fields, subject=np.arange(len(rows)), rows_given=len(rows), kept=None),
        switch=switches.switch[rows],
        progression=None if switches.progression is None else switches.progression[rows],
        administrative=None if switches.administrative is None else switches.administrative[rows],
        may_switch=switches.may_switch,
        covariates={name: column[rows] for name, column in (switches.columns(names) or {}).items()},
    )


def paths_of(tte: TimeToEvent, varying: Mapping[str, TimeVarying]) -> Callable[[Rows], dict[str, TimeVarying]]:
    """What gives the visits of a sample's subjects, numbered as in ``sample_of``.

    >>> tte = TimeToEvent([5, 8], [1, 0], unit="days", subject=["a", "b"])
    >>> path = TimeVarying(subject=["b", "a", "b"], start=[0, 0, 4], value=[1, 0, 2], unit="days")
    >>> found = paths_of(tte, {"dose": path})(np.array([1, 1]))["dose"]
    >>> found.subject.tolist(), found.value.tolist()
    ([0, 0, 1, 1], [1, 2, 1, 2])
    """
    known = {s: i for i, s in enumerate(tte.subject.tolist())}
    sorted_paths = {}
    for name, path in varying.items():
        code = np.array([known.get(s, -1) for s in path.subject.tolist()], dtype=np.int64)
        order = np.argsort(code, kind="stable")[int((code < 0).sum()) :]
        sorted_paths[name] = path, order, np.bincount(code[order], minlength=tte.n)

    def paths(rows: Rows) -> dict[str, TimeVarying]:
        found = {}
        for name, (path, order, counts) in sorted_paths.items():
            first, times = (np.cumsum(counts) - counts)[rows], counts[rows]
            place = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times) + np.repeat(first, times)
            picked = order[place]
            found[name] = TimeVarying(
                subject=np.repeat(np.arange(len(rows)), times), start=path.start[picked], value=path.value[picked],
                unit="days",
            )  # fmt: skip
        return found

    return paths
