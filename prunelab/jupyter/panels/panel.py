"""`Panel`: the parts of one panel, composed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from prunelab.jupyter.panels import PARTS
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.frame import Frame
from prunelab.jupyter.panels.interrupt import heed
from prunelab.jupyter.panels.part import Part, box, tabs, widgets_in
from prunelab.jupyter.panels.picture import picture

if TYPE_CHECKING:
    from prunelab.lab import Lab

# the two columns of the body, and the places in them from top to bottom
_COLUMNS = {"left": ("table", "doing"), "right": ("view", "charts")}
_MOST_TOLD = 3  # parts of a panel that are told as text too: all of them would be a book


class Panel(widgets.VBox):
    """A Lab to look at and to click. Holds no truth: it reads the Lab, asks the Lab, and hears what others do to it."""

    def __init__(self, lab: Lab, parts: Sequence[str] = tuple(PARTS), layer: str | None = None) -> None:
        self.desk = desk = Desk(lab, layer)
        frame = Frame(desk)
        self.parts: dict[str, Part] = {name: PARTS[name](desk) for name in parts}
        desk.thinks = any(part.sets_ratio for part in self.parts.values())
        inside = box("panel", frame.widget, *composed(self.parts), vertical=True)
        super().__init__([inside])
        self.add_class("prunelab")
        heed()
        desk.listen()
        desk.refresh()

    def close(self) -> None:
        """Take the panel off the screen, and let go of the Lab."""
        if self.comm is not None:
            self.desk.leave()
            for widget in [*widgets_in(self)][::-1]:
                if widget is not self:
                    widget.close()
        super().close()

    def __repr__(self) -> str:
        shown = "" if len(self.parts) == len(PARTS) else f" ({', '.join(self.parts)})"
        return f"Panel{shown} on {self.desk.lab!r}"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        made = super()._repr_mimebundle_(**kwargs)
        data, metadata = made if isinstance(made, tuple) else (made, {})
        told = [repr(self), *(self._texts() if len(self.parts) <= _MOST_TOLD else [])]
        shown = {**(data or {}), "text/plain": "\n\n".join(told), "text/html": picture(self.parts.values())}
        return (shown, metadata) if metadata else shown  # type: ignore[return-value]

    def _texts(self) -> list[str]:
        return [text for part in self.parts.values() if (text := part.text())]


def composed(parts: Mapping[str, Part]) -> list[Any]:
    """Top to bottom: header, the two columns, history, footer; what has no part has no place."""
    at: dict[str, list[Part]] = {}
    for part in parts.values():
        at.setdefault(part.place, []).append(part)
    columns = [box(side, *filled, vertical=True) for side, places in _COLUMNS.items()
               if (filled := [stacked(place, at[place]) for place in places if place in at])]
    body = [box("body" if len(columns) > 1 else "body one", *columns)] if columns else []
    around = {place: [part.widget for part in at.get(place, [])] for place in ("top", "bottom", "foot")}
    return [*around["top"], *body, *around["bottom"], *around["foot"]]


def stacked(place: str, parts: Sequence[Part]) -> Any:
    """The parts of one place: several as tabs, one as it is."""
    if len(parts) == 1:
        return parts[0].widget if place == "table" else box(place, parts[0].widget, vertical=True)
    return tabs(place, {part.title: part.widget for part in parts})
