"""`Panel`: the parts of one panel, composed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from prunelab.jupyter.panels.choices import Choices
from prunelab.jupyter.panels.curves import Curves
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.export import Exporter
from prunelab.jupyter.panels.footer import Footer
from prunelab.jupyter.panels.frame import Frame
from prunelab.jupyter.panels.header import Header
from prunelab.jupyter.panels.history import History
from prunelab.jupyter.panels.layers import Layers
from prunelab.jupyter.panels.masks import Masks
from prunelab.jupyter.panels.part import box, tabs
from prunelab.jupyter.panels.picture import picture
from prunelab.jupyter.panels.schedule import Schedule
from prunelab.jupyter.panels.scores import Scores
from prunelab.jupyter.panels.step import Step

if TYPE_CHECKING:
    from prunelab.lab import Lab


class Panel(widgets.VBox):
    """A Lab to look at and to click. Holds no truth: it reads the Lab, asks the Lab, and hears what others do to it."""

    def __init__(self, lab: Lab) -> None:
        self.desk = desk = Desk(lab)
        choices = Choices(desk)
        frame, header, table = Frame(desk), Header(desk), Layers(desk)
        step, schedule = Step(desk, choices), Schedule(desk, choices)
        masks, exporter, curves, scores = Masks(desk), Exporter(desk), Curves(desk), Scores(desk)
        history, footer = History(desk), Footer(desk)
        body = box(
            "body",
            box("left", table.widget, tabs("doing", One_layer=step.widget, All_layers=schedule.widget), vertical=True),
            box("right", tabs("view", Masks=masks.widget, Export=exporter.widget),
                tabs("charts", Curves=curves.widget, Scores=scores.widget), vertical=True),
        )
        inside = box("panel", frame.widget, header.widget, body, history.widget, footer.widget, vertical=True)
        super().__init__([inside])
        self.add_class("prunelab")
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
        return f"Panel on {self.desk.lab!r}"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        made = super()._repr_mimebundle_(**kwargs)
        data, metadata = made if isinstance(made, tuple) else (made, {})
        shown = {**(data or {}), "text/plain": repr(self), "text/html": picture(self.desk.lab, self.desk.layer)}
        return (shown, metadata) if metadata else shown  # type: ignore[return-value]


def widgets_in(root: Any) -> Iterator[Any]:
    """``root`` and all widgets below it, each once: children, layouts, styles, a figure's marks, axes and scales."""
    seen, todo = set[int](), [root]
    while todo:
        value = todo.pop()
        if isinstance(value, widgets.Widget):
            if id(value) not in seen:
                seen.add(id(value))
                yield value
                todo += [getattr(value, name) for name in value.keys]
        elif isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, (list, tuple)) and value and not isinstance(value[0], (int, float, str)):
            todo += value
