"""Simulated trials on a cluster that runs already."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from ..errors import EquipoiseError, UnsupportedError


@contextmanager
def on_cluster(address: str | None, *, timeout: str = "10 seconds") -> Iterator[Executor | None]:
    """An executor whose workers are those of the Dask cluster with this scheduler ("tcp://..."); None without one,
    which is this machine's threads. The workers need this package, at this version.

    Raises ``UnsupportedError`` where Dask is not installed, ``EquipoiseError`` where nobody answers.

    >>> with on_cluster(None) as executor:
    ...     print(executor)
    None
    """
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise UnsupportedError(
            "a cluster needs Dask, which is not installed",
            where="--cluster",
            remedy='pip install "equipoise[cluster]".',
        ) from None
    try:
        client: Any = Client(address, timeout=timeout)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError) as error:
        raise EquipoiseError(
            f"no Dask scheduler answers at {address!r}: {' '.join(str(error).split())}",
            where="--cluster",
            remedy="Such as tcp://host:8786.",
        ) from None
    with client:
        yield client.get_executor()
