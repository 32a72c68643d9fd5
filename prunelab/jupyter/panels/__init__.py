"""The panel: everything to look at and to click. One part a file and a class; `panel.Panel` composes them.

A part reads the Lab through the `Desk` that the parts of one panel share, and says what is wished through it; it keeps
nothing that the Lab knows. A new part is a file with a class of `part.Part`, a line in `panel.py`, and a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prunelab.jupyter.panels.panel import Panel
    from prunelab.lab import Lab


def open_panel(lab: Lab) -> Panel:
    """A panel on ``lab``; several on one Lab stay in step."""
    from prunelab.jupyter.panels.panel import Panel

    return Panel(lab)


__all__ = ["open_panel"]
