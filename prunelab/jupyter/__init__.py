"""The notebook's side: the `%prune` magic and the panels. Loading it loads neither Paddle nor a widget library."""

from __future__ import annotations

from typing import Any

_MAGIC = "prune"
_WATCHER = "prunelab.lab.watching", "Watcher"


def load(ipython: Any) -> None:
    """Register ``%prune``, ``%%prune`` and their completion in a shell; a second time changes nothing."""
    from prunelab.jupyter.magics.completion import matcher
    from prunelab.jupyter.magics.magic import PruneMagics
    from prunelab.jupyter.quiet import quieten

    quieten()
    if _registered(ipython) is not None:
        return
    magics = PruneMagics(ipython)
    ipython.register_magics(magics)
    # A matcher of the second API (IPython 8.6), which keeps jedi's and the file names' guesses out. The older hook,
    # "complete_command", lets jedi through, and splits words at "-", ":" and ",".
    magics.matcher = matcher(magics.session)
    ipython.Completer.custom_matchers.append(magics.matcher)
    ipython.display_formatter.ipython_display_formatter.for_type_by_name(*_WATCHER, _show_live)


def unload(ipython: Any) -> None:
    """Take ``%prune`` and its completion away again."""
    magics = _registered(ipython)
    if magics is None:
        return
    for kind in ("line", "cell"):
        del ipython.magics_manager.magics[kind][_MAGIC]
    ipython.magics_manager.registry.pop(type(magics).__name__, None)
    matchers = ipython.Completer.custom_matchers
    matchers[:] = [matcher for matcher in matchers if matcher is not magics.matcher]
    ipython.display_formatter.ipython_display_formatter.pop(".".join(_WATCHER), None)


def _show_live(watcher: Any) -> None:
    from prunelab.jupyter.live import show_live

    show_live(watcher)


def _registered(ipython: Any) -> Any:
    """The magics object of a shell, or None."""
    return getattr(ipython.magics_manager.magics["line"].get(_MAGIC), "__self__", None)


__all__ = ["load", "unload"]
