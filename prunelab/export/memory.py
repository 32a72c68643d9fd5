"""How much memory a piece of work adds to the process at its peak. Linux tells; elsewhere nothing does."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_bytes(work: Callable[[], Any]) -> tuple[Any, int | None]:
    """What ``work`` gives, and the resident memory that the process had at most while it ran, over what it had before.

    Freed memory is given back to the system first, as it would not be counted when it is used again. None where the
    system does not tell.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    try:
        _RESET.write_text("5", encoding="ascii")  # the peak starts anew: `man 5 proc`
        before = _kilobytes("VmRSS")
    except OSError:
        return work(), None
    out = work()
    return out, max(0, _kilobytes("VmHWM") - before) * 1024


def _kilobytes(name: str) -> int:
    line = next(line for line in _STATUS.read_text(encoding="ascii").splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])
