"""equipoise: a randomized phase III trial with a time-to-event endpoint, from one protocol file.

The stages of a trial's life are the packages: ``protocol``, ``data``, ``survival``, ``design``, ``randomize``,
``analyze``, ``simulate``, ``reconstruct``, ``report``. Each is loaded when it is first named: ``import equipoise``
costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import analyze, data, design, errors, protocol, randomize, reconstruct, report, run, simulate, survival
else:
    _STAGES = frozenset(
        {
            "analyze",
            "data",
            "design",
            "errors",
            "protocol",
            "randomize",
            "reconstruct",
            "report",
            "run",
            "simulate",
            "survival",
        }
    )

    def __getattr__(name: str) -> object:
        if name in _STAGES:
            import importlib

            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *_STAGES})


__all__ = [
    "__version__",
    "analyze",
    "data",
    "design",
    "errors",
    "protocol",
    "randomize",
    "reconstruct",
    "report",
    "run",
    "simulate",
    "survival",
]
