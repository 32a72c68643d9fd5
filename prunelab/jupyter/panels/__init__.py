"""The panel: everything to look at and to click. One part a file and a class; `panel.Panel` composes them.

A part reads the Lab through the `Desk` that the parts of one panel share, and says what is wished through it; it keeps
nothing that the Lab knows. A new part is a file with a class of `part.Part`, a line in `PARTS`, and a test.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prunelab.errors import OptionError, shown, unknown_name
from prunelab.jupyter.panels.curves import Curves
from prunelab.jupyter.panels.export import Exporter
from prunelab.jupyter.panels.footer import Footer
from prunelab.jupyter.panels.header import Header
from prunelab.jupyter.panels.history import History
from prunelab.jupyter.panels.layers import Layers
from prunelab.jupyter.panels.masks import Masks
from prunelab.jupyter.panels.network import Network
from prunelab.jupyter.panels.part import Part
from prunelab.jupyter.panels.schedule import Schedule
from prunelab.jupyter.panels.scores import Scores
from prunelab.jupyter.panels.search import Search
from prunelab.jupyter.panels.sensitivity import Sensitivities
from prunelab.jupyter.panels.step import Step

if TYPE_CHECKING:
    from prunelab.jupyter.panels.panel import Panel
    from prunelab.lab import Lab

# name -> class, in the order in which they are read; each says where in the panel it stands
PARTS: dict[str, type[Part]] = {
    "header": Header,
    "layers": Layers,
    "step": Step,
    "schedule": Schedule,
    "masks": Masks,
    "sensitivity": Sensitivities,
    "graph": Network,
    "search": Search,
    "export": Exporter,
    "curves": Curves,
    "scores": Scores,
    "history": History,
    "footer": Footer,
}


def open_panel(lab: Lab, parts: Iterable[str] | None = None, layer: str | None = None) -> Panel:
    """A panel on ``lab``, of all parts or of those that are named; several on one Lab stay in step.

    Raises:
        UnknownNameError: a part or a layer nobody knows.
        OptionError: no parts, or something else than names.
    """
    from prunelab.jupyter.panels.panel import Panel

    return Panel(lab, check_parts(parts), layer)


def check_parts(parts: Iterable[str] | None) -> tuple[str, ...]:
    """The names of parts, each once and in the table's order; all of them for None."""
    if parts is None:
        return tuple(PARTS)
    wanted = [parts] if isinstance(parts, str) else list(parts) if isinstance(parts, Iterable) else []
    if not wanted or not all(isinstance(part, str) for part in wanted):
        raise OptionError(f"parts is {shown(parts)}; give names of parts, such as ['layers', 'masks'] "
                          f"(there are {', '.join(PARTS)})")
    for part in wanted:
        if part not in PARTS:
            raise unknown_name("part", part, PARTS, place="the panel")
    return tuple(part for part in PARTS if part in wanted)


__all__ = ["PARTS", "check_parts", "open_panel"]
