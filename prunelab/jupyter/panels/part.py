"""What every part of a panel is, and the files of the front end that go into the widgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

if TYPE_CHECKING:
    from prunelab.jupyter.panels.desk import Desk
    from prunelab.lab import Progress


class Part:
    """One part of a panel: makes its ``widget`` when it is made, and hears news through the desk.

    It overrides what it wants to hear; by default nothing happens. ``place`` is where in the panel it stands ("top",
    "table", "doing", "view", "charts", "bottom", "foot"), ``title`` its tab where several share a place.
    """

    title = ""
    place = "view"
    asks_for_work = False  # on its own it needs the footer too, where work is told of and can be stopped
    sets_ratio = False  # without such a part nobody thinks of a cut, and none is previewed
    widget: Any

    def __init__(self, desk: Desk) -> None:
        self.desk, self.lab = desk, desk.lab
        desk.parts.append(self)

    def changed(self) -> None:
        """The Lab is in another state."""

    def chosen(self) -> None:
        """Another layer is chosen; what is thought of changed with it."""

    def previewed(self) -> None:
        """Another cut is thought of."""

    def progressed(self, progress: Progress) -> None:
        """The work is so far."""

    def worked(self) -> None:
        """Work begins, ends, is queued or stopped, or something went wrong."""

    def still(self) -> Any:
        """A value that shows the same without widgets, as HTML and SVG and as text: for saved notebooks, and where
        there are no widgets. None where there is nothing to show."""
        return None

    def picture(self) -> str:
        """What it shows, as HTML and SVG without scripts."""
        value = self.still()
        return "" if value is None else str(value._repr_html_())

    def text(self) -> str:
        """What it shows, as text."""
        value = self.still()
        return "" if value is None else str(value)


def asset(*names: str) -> str:
    """The text of files in ``static/``: it travels inside the widget, so that no front end needs a network."""
    return "".join((files("prunelab.jupyter") / "static" / name).read_text(encoding="utf-8") for name in names)


def box(kind: str, *children: Any, vertical: bool = False) -> Any:
    """A box with the style class ``pl-`` + each word of ``kind``."""
    made = (widgets.VBox if vertical else widgets.HBox)(children)
    for name in kind.split():
        made.add_class(f"pl-{name}")
    return made


def tabs(kind: str, children: Mapping[str, Any]) -> Any:
    """Tabs by title, the first one open."""
    made = widgets.Tab(tuple(children.values()), titles=list(children), selected_index=0)
    made.add_class(f"pl-{kind}")
    return made


def html(kind: str) -> Any:
    """An HTML widget with a style class; what is put into it must be escaped."""
    made = widgets.HTML()
    made.add_class(f"pl-{kind}")
    return made


def span(kind: str, text: str, title: str = "") -> str:
    """A ``<span>`` of a style class; the text is escaped."""
    hover = f' title="{escape(title)}"' if title else ""
    return f'<span class="pl-{kind}"{hover}>{escape(text)}</span>'


def ends(text: str, title: str = "", kind: str = "", tail: int = 12) -> str:
    """Text that is cut off before its last letters where there is no room for all of it: what tells names of layers
    apart is their end. The text is escaped."""
    if len(text) <= 2 * tail:
        return span(kind, text, title) if kind else escape(text)
    hover = f' title="{escape(title)}"' if title else ""
    both = "".join(f"<span>{escape(part)}</span>" for part in (text[:-tail], text[-tail:]))
    return f'<span class="pl-both-ends{f" pl-{kind}" if kind else ""}"{hover}>{both}</span>'


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
