"""The kernel's interrupt reaches the work that a panel started: between cells ipykernel would pass it over."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import Any

from prunelab.jupyter.panels.worker import stop_all

_LATER_S = 0.5


def heed() -> None:
    """Let an interrupt stop the panels' work from now on, while no cell runs; a cell's own interrupt is the cell's."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # no kernel that works as ipykernel does
        return
    # while a cell runs, ipykernel puts its own handler, and afterwards back what was there before
    loop.call_later(_LATER_S, _install, loop)


def _install(loop: asyncio.AbstractEventLoop) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupted)
    elif before is signal.default_int_handler:  # a cell that awaits
        loop.call_later(_LATER_S, _install, loop)


def interrupted(number: int, frame: Any) -> None:
    """End what runs. In a thread: a handler may run while its own thread holds the locks."""
    threading.Thread(target=stop_all, name="prunelab-interrupt", daemon=True).start()
