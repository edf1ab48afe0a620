"""Concordant and discordant pairs in O(n log n), with each subject's share of them."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add(tree, position, amount):
    i = position + 1
    while i < tree.shape[0]:
        tree[i] += amount
        i += i & (-i)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _below(tree, position):
    """Sum over positions 0 .. position - 1."""
    total = 0.0
    i = position
    while i > 0:
        total += tree[i]
        i -= i & (-i)
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def concordance_pairs(time, event, rank, weight, starts, entry, leaving, entry_order, ranks):
    """Counts of comparable pairs and every row's part in them.

    time, event, weight (n,) and rank (n,) int64 in 0 .. ranks - 1 (rank of the risk score): sorted by
    stratum, then time; starts (s + 1,); entry (n,), leaving and entry_order (n,) int64 (rows of each
    stratum by descending and by ascending entry), all of length 0 when nobody enters late.

    A pair is comparable when one subject has the event at t while the other is at risk and outlives t
    (a censoring at t outlives it). It is concordant when the one who failed has the higher risk.
    Pairs who fail at the same time are counted apart: tied in time only, or in risk as well.
    Returns totals (5,): concordant, discordant, tied risk, tied time, tied both, and shares (n, 3): the
    weight of a row's concordant, discordant and tied-risk partners (Harrell 1982).
    """
    n = time.shape[0]
    late = entry.shape[0] > 0
    totals = np.zeros(5)
    shares = np.zeros((n, 3))
    for s in range(starts.shape[0] - 1):
        first, last = starts[s], starts[s + 1]
        # Descending time: the tree holds those who outlive the event.
        tree = np.zeros(ranks + 1)
        same = np.zeros(ranks)
        here = np.zeros(ranks)
        held = 0.0
        i = last - 1
        j = first
        while i >= first:
            t = time[i]
            if late:
                while j < last and entry[leaving[j]] >= t:
                    row = leaving[j]
                    _add(tree, rank[row], -weight[row])
                    same[rank[row]] -= weight[row]
                    held -= weight[row]
                    j += 1
            begin = i
            while begin >= first and time[begin] == t:
                if not event[begin]:
                    _add(tree, rank[begin], weight[begin])
                    same[rank[begin]] += weight[begin]
                    held += weight[begin]
                begin -= 1
            for row in range(begin + 1, i + 1):
                if event[row]:
                    lower = _below(tree, rank[row])
                    equal = same[rank[row]]
                    shares[row, 0] += lower
                    shares[row, 1] += held - lower - equal
                    shares[row, 2] += equal
                    totals[0] += weight[row] * lower
                    totals[1] += weight[row] * (held - lower - equal)
                    totals[2] += weight[row] * equal
            for row in range(begin + 1, i + 1):
                if event[row]:
                    _add(tree, rank[row], weight[row])
                    same[rank[row]] += weight[row]
                    held += weight[row]
            i = begin
        # Ascending time: the tree holds earlier events; a later exit is their partner.
        tree[:] = 0.0
        same[:] = 0.0
        failed = 0.0
        i = first
        j = first
        while i < last:
            t = time[i]
            end = i
            tied = 0.0
            tied_square = 0.0
            while end < last and time[end] == t:
                end += 1
            # Events before an entry never met that subject: take them away as the entry passes.
            if late:
                while j < last and entry[entry_order[j]] < t:
                    row = entry_order[j]
                    lower = _below(tree, rank[row])
                    equal = same[rank[row]]
                    shares[row, 0] -= failed - lower - equal
                    shares[row, 1] -= lower
                    shares[row, 2] -= equal
                    j += 1
            for row in range(i, end):
                if event[row]:
                    lower = _below(tree, rank[row])
                    equal = same[rank[row]]
                    shares[row, 0] += failed - lower - equal
                    shares[row, 1] += lower
                    shares[row, 2] += equal
                    tied += weight[row]
                    tied_square += weight[row] * weight[row]
            both = 0.0
            for row in range(i, end):
                if event[row]:
                    both += weight[row] * here[rank[row]]
                    here[rank[row]] += weight[row]
                    _add(tree, rank[row], weight[row])
                    same[rank[row]] += weight[row]
                    failed += weight[row]
            for row in range(i, end):
                here[rank[row]] = 0.0
            totals[4] += both
            totals[3] += 0.5 * (tied * tied - tied_square) - both
            for row in range(i, end):
                if not event[row]:
                    lower = _below(tree, rank[row])
                    equal = same[rank[row]]
                    shares[row, 0] += failed - lower - equal
                    shares[row, 1] += lower
                    shares[row, 2] += equal
            i = end
    return totals, shares
