"""The history: states as a line with branches, the newest to the right; go there, name them, compare two."""

from __future__ import annotations

from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from prunelab.jupyter.panels import actions
from prunelab.jupyter.panels.comparison import comparison_html
from prunelab.jupyter.panels.desk import Desk
from prunelab.jupyter.panels.history_folds import Fold, folded
from prunelab.jupyter.panels.history_layout import Layout, Window
from prunelab.jupyter.panels.part import Part, asset, box, html, span
from prunelab.jupyter.words import HISTORY as WORDS
from prunelab.lab.comparison import Comparison
from prunelab.lab.state import metric_text
from prunelab.render.numbers import count, counted
from prunelab.render.tree import Node

_MOST_DRAWN = 60  # states in the picture that is stored with the notebook


class HistoryTree(anywidget.AnyWidget):
    """``nodes`` in the window, dicts of id, parent, column, lane, label, note, names, told, and of a fold the
    ``first`` of its states; ``edges``: columns and lanes of both ends; ``size``: of the whole tree, in columns and
    lanes; ``here``: the current state's place."""

    _esm = asset("names.js", "history.js")
    _css = asset("history.css")
    words = traitlets.Dict(WORDS).tag(sync=True)
    nodes: Any = traitlets.List().tag(sync=True)
    edges: Any = traitlets.List().tag(sync=True)
    size: Any = traitlets.List([1, 1]).tag(sync=True)
    here: Any = traitlets.List([0, 0]).tag(sync=True)
    current = traitlets.Unicode().tag(sync=True)
    selected: Any = traitlets.List().tag(sync=True)


class History(Part):
    """The tree of states: a click goes there; two that are selected are compared; the current one can be named."""

    title, place, asks_for_work = WORDS["title"], "bottom", True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.tree = HistoryTree()
        self._window, self._layout = Window.around(0, 0), Layout(self.lab.tree())
        self._folds, self._opened = dict[str, Fold](), set[str]()
        self._states = {state.id: state for state in self.lab.states}
        self._hint, self._compared = html("note"), html("compared")
        self._name = widgets.Text(placeholder=WORDS["name"], description=WORDS["name label"],
                                  tooltip=WORDS["name hint"], continuous_update=True)
        self._tag = widgets.Button(description=WORDS["tag"], tooltip=WORDS["tag hint"])
        self._branch = widgets.Button(description=WORDS["branch"], tooltip=WORDS["branch hint"])
        self._compare = widgets.Button(description=WORDS["compare"], tooltip=WORDS["compare hint"])
        self._close = widgets.Button(description=WORDS["close"])
        self._shown: Comparison | None = None
        self._hear()
        self._result = box("row comparison", self._compared, self._close)
        bar = box("row history-bar", self._hint, self._compare, self._name, self._tag, self._branch)
        self.widget = box("history", bar, self.tree, self._result, vertical=True)
        self._tell()
        self._show(None)

    def _hear(self) -> None:
        self.tree.on_msg(lambda _, content, buffers: self._heard(content))
        self._name.observe(lambda _: self._tell(), "value")
        self._tag.on_click(lambda _: self._named(actions.tag(self._name.value.strip(), self._target())))
        self._branch.on_click(lambda _: self._named(actions.branch(self._name.value.strip())))
        self._compare.on_click(lambda _: self.desk.do(actions.compare(*self._pair())))
        self._close.on_click(lambda _: self._show(None))

    def _heard(self, content: Any) -> None:
        state, selected, window, fold = (content.get(wish) for wish in ("goto", "select", "window", "unfold"))
        if state and state != self.lab.state.id:
            self.desk.do(actions.goto(str(state)))
        if selected:
            self._select(str(selected))
        if fold in self._folds:
            self._opened |= {*self._folds[str(fold)].states}
            self.changed()
        if window:
            self._window = Window(*map(int, window))
            self._draw()

    # news

    def changed(self) -> None:
        self._states = {state.id: state for state in self.lab.states}
        tree, self._folds = folded(self.lab.tree(), self.tree.selected, self._opened)
        self._layout = Layout(tree)
        known = self._layout.places
        self.tree.selected = [state for state in self.tree.selected if state in known]
        place = known[self.lab.state.id]
        if not self._window.holds(*place):
            self._window = Window.around(*place)
        self._draw()
        self._tell()

    def worked(self) -> None:
        outcome = self.desk.worker.outcome
        result = outcome.result if outcome is not None else None
        if isinstance(result, Comparison) and result is not self._shown:
            self._show(result)

    def still(self) -> Any:
        return self.lab.tree().newest(_MOST_DRAWN) if len(self.lab.states) > 1 else None

    # drawing

    def _draw(self) -> None:
        layout, tree = self._layout, self.tree
        with tree.hold_sync():
            tree.nodes = [self._told(node) for node in layout.nodes(self._window)]
            tree.edges = [list(edge) for edge in layout.edges(self._window)]
            tree.size, tree.here = list(layout.size), list(layout.places[self.lab.state.id])
            tree.current = self.lab.state.id

    def _told(self, node: Node) -> dict[str, Any]:
        column, lane = self._layout.places[node.id]
        if node.id in self._folds:
            return self._folded(self._folds[node.id], node.parent, column, lane)
        state, names = self._states[node.id], ", ".join(node.names)
        value = next((metric_text(*metric) for metric in state.metrics.items()), count(state.cost.params))
        end = f"{names or node.id} · {value}" if node.id in self._layout.leaves else ""
        return {"id": node.id, "parent": node.parent, "column": column, "lane": lane, "label": node.label, "end": end,
                "names": "" if end else names, "told": node.told}

    @staticmethod
    def _folded(fold: Fold, parent: str | None, column: int, lane: int) -> dict[str, Any]:
        first, last, n = fold.states[0], fold.states[-1], len(fold.states)
        told = WORDS["folded"].format(first=first, last=last, n=n)
        return {"id": fold.id, "parent": parent, "column": column, "lane": lane, "label": counted(n, WORDS["state"]),
                "end": "", "names": "", "told": told, "first": first}

    # naming and comparing

    def _target(self) -> str | None:
        """What a tag is given to: the one state that is selected, or the current one."""
        return self.tree.selected[0] if len(self.tree.selected) == 1 else None

    def _pair(self) -> tuple[str, str | None]:
        """What is compared: two that are selected, the older one first; or the one with the current state."""
        first, *second = sorted(self.tree.selected, key=lambda state: int(state[1:]))
        return first, second[0] if second else None

    def _named(self, action: actions.Action) -> None:
        self._name.value = ""
        self.desk.do(action)

    def _select(self, state: str) -> None:
        before = [other for other in self.tree.selected if other != state]
        self.tree.selected = before if state in self.tree.selected else [*before[-1:], state]
        self._tell()

    def _tell(self) -> None:
        selected, named = self.tree.selected, bool(self._name.value.strip())
        self._tag.disabled = self._branch.disabled = not named
        alone = len(selected) == 1 and selected[0] == self.lab.state.id
        self._compare.disabled = not selected or alone
        told = WORDS["hint"]
        if selected and not alone:
            a, b = self._pair()
            told = WORDS["pair"].format(a=a, b=b or WORDS["here"].format(state=self.lab.state.id))
        self._hint.value = span("quiet", told, told)

    def _show(self, comparison: Comparison | None) -> None:
        self._shown = comparison
        self._compared.value = "" if comparison is None else comparison_html(comparison)
        self._result.layout.display = "none" if comparison is None else None
