"""The allocation list: every place of every stratum with its arm, as a pharmacist would print it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DesignError
from ..protocol import Randomization
from .procedures import permuted_blocks, simple_draws
from .streams import Purpose, generator

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("number", "stratum", "block", "block_size", "position", "arm")


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationList:
    """Columns of one length, a place a row: ``number`` (from 1 through the list), ``stratum``, ``block`` (from 1 within
    the stratum), ``block_size``, ``position`` (from 1 within the block) and ``arm``. Simple randomization has no
    blocks: the three columns are None."""

    number: tuple[int, ...]
    stratum: tuple[str, ...]
    block: tuple[int | None, ...]
    block_size: tuple[int | None, ...]
    position: tuple[int | None, ...]
    arm: tuple[str, ...]
    seed: int
    procedure: str

    def __str__(self) -> str:
        strata = len(set(self.stratum))
        within = f" in {strata} strata" if strata > 1 else ""
        return f"Allocation list of {len(self.number)} places{within}, {self.procedure}, seed {self.seed}"

    def table(self) -> pl.DataFrame:
        """The list as a table, a place a row."""
        import polars as pl

        text = {"stratum", "arm"}
        schema = {name: pl.String if name in text else pl.Int64 for name in COLUMNS}
        return pl.DataFrame({name: list(getattr(self, name)) for name in COLUMNS}, schema=schema)


def allocation_list(
    randomization: Randomization, length: int, *, seed: int, strata: Sequence[str] = ("all",)
) -> AllocationList:
    """A list with at least ``length`` places in each of ``strata`` (names); blocks are complete, so it may be more.

    The places come from the stream (seed, trial 0, allocation). Refuses with DesignError a length below 1, no stratum
    or one named twice, several strata where the randomization has none, and a seed out of range.

    Source: Zelen (1974), Matts and Lachin (1988).

    >>> blocks = Randomization(procedure="permuted blocks", allocation={"A": 1, "B": 1}, block_sizes=(4,))
    >>> found = allocation_list(blocks, 6, seed=1)
    >>> print(found)
    Allocation list of 8 places, permuted blocks, seed 1
    >>> found.table().row(4)
    (5, 'all', 2, 4, 1, 'B')
    """
    if length < 1:
        raise DesignError(f"a list cannot have {length} places", where="length", remedy="Ask for one place or more.")
    if not strata or len(set(strata)) < len(strata):
        raise DesignError("strata are missing or named twice", where="strata", remedy="Name each stratum once.")
    if len(strata) > 1 and not randomization.strata:
        raise DesignError(
            f"a list for {len(strata)} strata was asked for, but the randomization has none",
            where="randomization.strata",
            remedy="Name the columns of the strata there, or ask for one list.",
        )
    stream = generator(seed, purpose=Purpose.ALLOCATION)
    arms = tuple(randomization.allocation)
    blocks: tuple[tuple[int | None, ...], ...]
    if randomization.procedure == "simple":
        arm = simple_draws(randomization, length, stream)
        queue = np.zeros(length, dtype=np.int64)
        blocks = ((None,) * length,) * 3
    else:
        places = permuted_blocks(randomization, np.full(len(strata), length, dtype=np.int64), stream)
        arm, queue = places.arm, places.queue
        blocks = tuple(tuple(c.tolist()) for c in (places.block + 1, places.size, places.position + 1))
    return AllocationList(
        number=tuple(range(1, len(arm) + 1)),
        stratum=tuple(strata[q] for q in queue.tolist()),
        block=blocks[0],
        block_size=blocks[1],
        position=blocks[2],
        arm=tuple(arms[a] for a in arm.tolist()),
        seed=seed,
        procedure=randomization.procedure,
    )
