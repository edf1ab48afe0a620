"""Whether the terms that a larger Cox model has beyond a smaller one say anything."""

from __future__ import annotations

import math

import numpy as np

from ..errors import UnsupportedError
from .convention import ArgumentError
from .cox_result import Cox
from .inference import Test, chi_square

NO_MORE = "the larger model has no estimable term that the smaller one does not have"


def likelihood_ratio(smaller: Cox, larger: Cox) -> Test:
    """Whether all coefficients that the larger model has beyond the smaller one are zero.

    Twice the gain in the log partial likelihood, chi-square on as many degrees of freedom as estimable terms were added
    (Wilks 1938). Both models are of the same subjects, with the same times, strata, weights and treatment of ties, and
    each term of the smaller one, by name and value, is one of the larger.

    Raises ``ArgumentError`` where the models are not nested, ``UnsupportedError`` for a robust variance and for a
    penalty, whose likelihoods cannot be compared so.

    >>> from equipoise.survival import TimeToEvent, cox
    >>> tte = TimeToEvent([6, 9, 10, 4, 5, 7], [1, 0, 1, 1, 1, 1], ["B"] * 3 + ["A"] * 3, control="A",
    ...                   experimental="B", unit="days")
    >>> test = likelihood_ratio(cox(tte), cox(tte, {"age": [60, 70, 65, 72, 68, 61]}))
    >>> test.df, test.reason
    (1, '')
    """
    _refuse_other_likelihoods(smaller, larger)
    _same_data(smaller, larger)
    _nested(smaller, larger)
    df = int(np.count_nonzero(larger.fitted.used)) - int(np.count_nonzero(smaller.fitted.used))
    if df == 0:
        return Test(statistic=math.nan, df=0, p_value=math.nan, reason=NO_MORE)
    return chi_square(max(2 * (larger.loglik[1] - smaller.loglik[1]), 0.0), df)


def _refuse_other_likelihoods(smaller: Cox, larger: Cox) -> None:
    if smaller.robust or larger.robust:
        raise UnsupportedError(
            "a likelihood ratio test does not go with a robust variance, which does not rely on the likelihood",
            remedy="Test the added terms by their covariance.",
        )
    if smaller.penalty or larger.penalty:
        raise UnsupportedError(
            "the penalized likelihoods of two models have different penalties", remedy="Fit both without the penalty."
        )
    if smaller.ties != larger.ties:
        raise ArgumentError(
            f"the smaller model has {smaller.ties} ties, the larger {larger.ties}", remedy="Fit both with the same."
        )


def _same_data(smaller: Cox, larger: Cox) -> None:
    """The same subjects in the same order, with the same times, events, entries, weights and strata."""
    one, two = smaller.fitted.matrix.tte, larger.fitted.matrix.tte
    if one.n != two.n:
        raise ArgumentError(
            f"the smaller model is of {one.n} subjects, the larger of {two.n}",
            remedy="Leave the same subjects out of both: those with a missing covariate of the larger one.",
        )
    names = ("subject", "time", "event", "entry", "weight")
    different = [n for n in names if not _equal(getattr(one, n), getattr(two, n))]
    strata = [f.stratum if m.stratified else np.zeros(one.n) for f, m in ((one, smaller), (two, larger))]
    if not _equal(*strata):
        different.append("stratum")
    if different:
        raise ArgumentError(
            f"the models are not of the same data: {' and '.join(different)} differ",
            remedy="Fit both to one TimeToEvent, both stratified or both not.",
        )


def _nested(smaller: Cox, larger: Cox) -> None:
    """Each term of the smaller model is one of the larger."""
    one, two = smaller.fitted.matrix, larger.fitted.matrix
    there = dict(zip(two.terms, two.columns, strict=True))
    for term, column in zip(one.terms, one.columns, strict=True):
        if term not in there or not _equal(column, there[term]):
            turned = set(two.terms) < set(one.terms)
            remedy = "Give the smaller model first." if turned else "Add terms to the smaller one to get the larger."
            raise ArgumentError(
                f"the models are not nested: {term} is in the smaller one only",
                where=f"terms of the larger: {', '.join(two.terms)}",
                remedy=remedy,
            )


def _equal(one: object, two: object) -> bool:
    if one is None or two is None:
        return one is two
    return one is two or bool(np.array_equal(np.asarray(one), np.asarray(two)))
