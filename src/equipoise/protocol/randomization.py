"""``[randomization]``: how patients are allocated to arms."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .section import Many, Section, Table, Text


class Randomization(Section):
    """The procedure: ``simple`` (each patient independently, in the ratio of ``allocation``) or ``permuted blocks``
    (each block, of a size drawn from ``block_sizes``, holds the arms in that ratio), within each combination of
    the levels of ``strata`` (columns of baseline factors)."""

    procedure: Literal["simple", "permuted blocks"]
    allocation: Table[Annotated[int, Field(ge=1)]]
    block_sizes: Many[Annotated[int, Field(ge=1)]] = ()
    strata: Many[Text] = ()

    @model_validator(mode="after")
    def _blocks_hold_the_ratio(self) -> Randomization:
        if len(self.allocation) < 2:
            raise ValueError("an allocation names at least two arms")
        if (self.procedure == "permuted blocks") != bool(self.block_sizes):
            need = "needs" if self.procedure == "permuted blocks" else "has no use for"
            raise ValueError(f'the procedure "{self.procedure}" {need} `block_sizes`')
        if self.strata and self.procedure == "simple":
            raise ValueError("simple randomization has no strata")
        ratio = sum(self.allocation.values())
        for size in self.block_sizes:
            if size % ratio:
                raise ValueError(f"a block of {size} cannot hold the allocation ratio, whose parts add up to {ratio}")
        return self
