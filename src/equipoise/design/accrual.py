"""How fast patients enter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import DesignError
from ..units import DAYS_PER_MONTH, days
from .given import real_number

Vector = NDArray[np.float64]

_LONGEST = 100 * 365.25  # days
_FASTEST = 1e9  # patients a month


@dataclass(frozen=True, slots=True)
class Accrual:
    """Patients enter evenly in each period: ``rates`` a day over ``lengths`` (days), one after the other.

    ``relative`` rates say in what proportion; the number of patients makes them absolute. An infinite last length is
    one to be solved for.
    """

    lengths: tuple[float, ...]
    rates: tuple[float, ...]
    relative: bool

    @property
    def open(self) -> bool:
        """Whether the end of accrual is to be solved for."""
        return math.isinf(self.lengths[-1])

    @property
    def duration(self) -> float:
        """Days from the first patient to the last."""
        return sum(self.lengths)

    @property
    def patients(self) -> float:
        """How many enter, at absolute rates."""
        return sum(length * rate for length, rate in zip(self.lengths, self.rates, strict=True))

    def entered(self, time: object) -> Vector:
        """The share of all patients who have entered by times (n,) in days."""
        ends = np.cumsum([0.0, *self.lengths])
        shares = np.cumsum([0.0, *(length * rate for length, rate in zip(self.lengths, self.rates, strict=True))])
        return np.asarray(np.interp(np.asarray(time, dtype=float), ends, shares / shares[-1]))

    def rate(self, time: object) -> Vector:
        """The share of all patients who enter a day, at times (n,) in days."""
        starts = np.cumsum([0.0, *self.lengths])
        rates = np.append(np.array(self.rates) / self.patients, 0.0)
        return np.asarray(rates[np.searchsorted(starts, np.asarray(time, dtype=float), side="right") - 1])

    def ending(self, duration: float) -> Accrual:
        """With the last period, or more, cut or drawn out so that accrual lasts so many days."""
        starts = np.cumsum([0.0, *self.lengths[:-1]])
        kept = max(int(np.searchsorted(starts, duration, side="left")), 1)
        lengths = (*self.lengths[: kept - 1], duration - float(starts[kept - 1]))
        return replace(self, lengths=lengths, rates=self.rates[:kept])

    def until(self, patients: float) -> Accrual:
        """Accrual at absolute rates that ends when so many patients have entered."""
        so_far = 0.0
        for at, (length, rate) in enumerate(zip(self.lengths, self.rates, strict=True)):
            last = at + 1 == len(self.lengths)
            if rate > 0 and (so_far + length * rate >= patients or last):
                before = sum(self.lengths[:at])
                return self.ending(before + (patients - so_far) / rate)
            so_far += length * rate
        raise DesignError("nobody enters in the last period", where="accrual", remedy="Give it a rate above zero.")

    def scaled(self, patients: float) -> Accrual:
        """With absolute rates that bring so many patients."""
        factor = patients / self.patients
        return replace(self, rates=tuple(rate * factor for rate in self.rates), relative=False)

    def __str__(self) -> str:
        months = [length / DAYS_PER_MONTH for length in self.lengths]
        if self.relative:
            return f"over {sum(months):.4g} months" + (", evenly" if len(months) == 1 else ", not evenly")
        told = [f"{rate * DAYS_PER_MONTH:.4g} a month for {m:.4g}" for rate, m in zip(self.rates, months, strict=True)]
        if self.open:
            before = f"{', then '.join(told[:-1])} months, then " if told[:-1] else ""
            return f"{before}{self.rates[-1] * DAYS_PER_MONTH:.4g} a month for as long as is needed"
        return ", then ".join(told) + " months"


def accrual(over: str | Sequence[tuple[str | None, float]], *, relative: bool = False) -> Accrual:
    """Patients enter evenly over a duration, or at monthly rates in successive periods [(length, rate), ...].

    A duration alone, or ``relative`` rates, leave the number of patients open. A last length of None lets accrual at
    absolute rates go on as long as is needed.

    Raises ``DesignError`` for lengths and rates that are none.

    >>> print(accrual("24 months"))
    over 24 months, evenly
    >>> print(accrual([("3 months", 5), ("15 months", 14)]))
    5 a month for 3, then 14 a month for 15 months
    """
    if isinstance(over, str):
        return accrual([(over, 1.0)], relative=True)
    try:
        periods = [(length, real_number(rate)) for length, rate in over]
    except (TypeError, ValueError):
        raise DesignError(
            f"accrual of {over!r} is none", where="accrual", remedy='Such as [("3 months", 5), ("15 months", 14)].'
        ) from None
    lengths = [math.inf if length is None else days(length) for length, _ in periods]
    rates = [rate for _, rate in periods]
    bad = not periods or not all(math.isfinite(rate) and rate >= 0 for rate in rates) or min(lengths) <= 0
    if bad or any(map(math.isinf, lengths[:-1])) or not min(rates[0], rates[-1]) > 0:
        raise DesignError(
            "accrual needs periods longer than nothing, rates of zero or more, and a first and a last rate above zero",
            where="accrual",
            remedy='Such as [("3 months", 5), ("15 months", 14)]; the last length may be None.',
        )
    if sum(length for length in lengths if math.isfinite(length)) > _LONGEST or max(rates) > _FASTEST:
        raise DesignError(
            f"accrual lasts longer than a hundred years, or has rates above {_FASTEST:g} a month",
            where="accrual",
            remedy='Such as [("3 months", 5), ("15 months", 14)].',
        )
    if relative and math.isinf(lengths[-1]):
        raise DesignError(
            "relative rates without an end bring no number of patients",
            where="accrual",
            remedy="Give rates in patients a month, or the last length.",
        )
    return Accrual(tuple(lengths), tuple(rate / DAYS_PER_MONTH for rate in rates), relative)
