"""A planned test at the information that was actually seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .group_sequential import GroupSequential


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """How a test came from a plan: ``looks`` of it are done, and its final information is ``share`` of that planned."""

    plan: GroupSequential
    looks: int
    share: float
