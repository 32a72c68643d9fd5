"""Python's garbage collector, held while much is made that stays."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Inside, Python's garbage collector waits: thousands of small values are made, all of them kept, and each of its
    rounds walks everything that was ever imported."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
