"""A channel for Pause and Stop that a running cell does not block.

Where a kernel has subshells, a front end sends what a widget's view says to one of them; but ipykernel 7.4 hands it to
the shell that last published on that widget's comm, which is the one that runs the cell. A comm that the front end
opens, and on which nothing is ever published from here, stays on the subshell that it arrives on. Where there are no
subshells, it is as late as a widget's own message.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from comm import get_comm_manager

_TARGET = "prunelab.control"  # as frame.js says it

Heard = Callable[[str], object]
_LISTENERS: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


def listen(panel: str, owner: Any) -> None:
    """Call ``owner.pressed(what)`` from now on when somebody presses "pause" or "stop" in that panel."""
    _LISTENERS[panel] = owner
    get_comm_manager().register_target(_TARGET, _opened)


def _opened(comm: Any, message: Any) -> None:
    panel = str(message["content"]["data"].get("panel", ""))

    def heard(message: Any) -> None:
        owner = _LISTENERS.get(panel)
        if owner is not None:
            owner.pressed(str(message["content"]["data"].get("press", "")))

    comm.on_msg(heard)
