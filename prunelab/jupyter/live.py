"""A history that another process writes, shown as it grows: the cell's output is brought up to date."""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunelab.lab.watching import Watcher

_EVERY_S = 2.0
_TRIES = 5  # a look that fails may have met a change half way; one after the other, its folder is gone
_QUIET_S = 3600.0  # nothing new for so long: the other process has ended
_LEAVES: weakref.WeakKeyDictionary[Watcher, threading.Event] = weakref.WeakKeyDictionary()


def show_live(watcher: Watcher) -> None:
    """Show a history in this cell's output, and again whenever it has grown, until it is shown elsewhere, closed, or
    silent for an hour."""
    from IPython.display import display

    follow(watcher, display(shown(watcher), raw=True, display_id=True))


def follow(watcher: Watcher, handle: Any, every_s: float = _EVERY_S) -> threading.Thread:
    """The thread that brings a display of IPython's up to date; the one that did it before ends."""
    leave = _LEAVES.pop(watcher, None)
    if leave is not None:
        leave.set()
    _LEAVES[watcher] = leave = threading.Event()
    thread = threading.Thread(target=_followed, args=(weakref.ref(watcher), handle, leave, every_s), daemon=True,
                              name="prunelab-watch")
    thread.start()
    return thread


def shown(watcher: Watcher) -> dict[str, str]:
    """Where the history is, its tree and its curves: as text and as HTML."""
    parts: list[Any] = [watcher, watcher.tree(), *([watcher.curves()] if len(watcher.states) > 1 else [])]
    html = "".join(f"<div>{part._repr_html_()}</div>" for part in parts)
    return {"text/plain": "\n\n".join(map(str, parts)), "text/html": html}


def _followed(watched: weakref.ref[Watcher], handle: Any, leave: threading.Event, every_s: float) -> None:
    before, since, failed = None, time.monotonic(), 0
    while not leave.wait(every_s) and time.monotonic() - since < _QUIET_S:
        watcher = watched()
        if watcher is None:
            return
        try:
            now = (watcher.state.id, [state.id for state in watcher.states], [*watcher.tags], [*watcher.branches])
            if now != before:
                if before is not None:
                    since = time.monotonic()
                handle.update(shown(watcher), raw=True)
                before = now
            failed = 0
        except Exception:  # closed, or its folder is gone: what was shown last stays
            failed += 1
            if failed == _TRIES:
                return
        del watcher
