"""What a report says, gathered once for all forms: plain values, from a history alone or from an open Lab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelab.errors import StateError
from prunelab.evaluate import Sensitivity
from prunelab.evaluate.confusion import ClassChanges
from prunelab.evaluate.timing import Timing
from prunelab.lab.repeating import recipe_text
from prunelab.lab.state import State
from prunelab.plan.layers import LayerRow, layers
from prunelab.plan.plan import PlanGroup
from prunelab.plan.sparse import SparseGroup
from prunelab.render.curves import Curves
from prunelab.render.patterns import PatternPicture
from prunelab.render.strip import Strip
from prunelab.render.tradeoff import Dot, Tradeoff
from prunelab.render.tree import Tree

if TYPE_CHECKING:
    from prunelab.lab.reading import Reading


@dataclass(frozen=True)
class Measured:
    """What only an open Lab can tell: latencies of the dense and of the smaller model, classes that changed, the data
    in words, what layers bear; and the ``day`` on which it was found out (empty: it was not)."""

    latency: tuple[Timing, Timing] | None = None
    changes: ClassChanges | None = None
    data: Mapping[str, str] | None = None
    sensitivity: Sensitivity | None = None
    day: str = ""


@dataclass(frozen=True)
class Content:
    """``path`` leads from the first state to ``state``; ``uncut`` is the last on it that cuts nothing: what the smaller
    model is compared with. ``recipe`` repeats the path; where it cannot be written, it says why."""

    title: str
    model: str
    state: State
    uncut: State
    path: tuple[State, ...]
    states: tuple[State, ...]
    tree: Tree
    curves: Curves
    tradeoff: Tradeoff | None
    layers: tuple[LayerRow, ...]
    strips: tuple[Strip, ...]
    patterns: tuple[PatternPicture, ...]
    sensitivity: Sensitivity | None
    measured: Measured
    recipe: str
    workspace: str

    @property
    def metrics(self) -> list[str]:
        """All metrics' names, in the order in which they came."""
        return list(dict.fromkeys(name for state in self.states for name in state.metrics))


def content_of(history: Reading, measured: Measured, title: str | None = None) -> Content:
    """All of it, of the current state."""
    path, states = history.path(), history.states
    model = str(path[0].plan.model).rpartition(".")[2]
    uncut = uncut_of(path)
    return Content(
        title or f"Pruning of {model}", model, path[-1], uncut, path, states, history.tree(), history.curves(),
        _tradeoff(path, uncut, states), _layers(history), _strips(path), _patterns(path[-1]),
        sensed_on(path, history) or measured.sensitivity, measured, _recipe(history),
        str(getattr(history, "workspace", None) or ""))


def uncut_of(path: Sequence[State]) -> State:
    """The last state on the way that cuts nothing."""
    return next(state for state in reversed(path) if not state.plan)


def sensed_on(path: Sequence[State], history: Any) -> Sensitivity | None:
    """What was measured last on the way, in this process; None where nothing was."""
    if not hasattr(history, "sensed"):
        return None
    return next((found for state in reversed(path) if (found := history.sensed(state=state)) is not None), None)


def _tradeoff(path: Sequence[State], uncut: State, states: Sequence[State]) -> Tradeoff | None:
    """The first metric against MACs, from the uncut model on; None where nothing was measured."""
    metric = next(iter(path[-1].metrics), None)
    if metric is None:
        return None
    on_way = {state.id for state in path}
    earlier = {state.id for state in path[:path.index(uncut)]}
    dots = [Dot(s.id, s.label, s.cost.macs, s.metrics[metric], s.id in on_way) for s in states
            if metric in s.metrics and s.id not in earlier]
    return Tradeoff(metric, "MACs", tuple(dots), path[-1].id)


def _layers(history: Reading) -> tuple[LayerRow, ...]:
    graph = getattr(history, "graph", None)
    if graph is not None:
        return layers(graph, history.plan).rows
    return tuple(LayerRow(g.name, g.granularity, g.units, g.units - g.n_removed, None, None, (), "")
                 for g in history.plan.groups)


def _strips(path: Sequence[State]) -> tuple[Strip, ...]:
    """For each layer that loses units, when each of them went."""
    found = []
    for group in path[-1].plan.groups:
        if not isinstance(group, PlanGroup) or not group.n_removed:
            continue
        gone = np.full(group.units, -1)
        for place in reversed(range(len(path))):
            there = next((g for g in path[place].plan.groups if g.name == group.name), None)
            if there is not None and there.removed:
                gone[list(there.removed)] = place
        gone[list(group.kept)] = -1
        found.append(Strip(group.name, group.granularity, gone, tuple(state.id for state in path)))
    return tuple(found)


def _patterns(state: State) -> tuple[PatternPicture, ...]:
    """The masks of weights that lose single ones."""
    return tuple(group.picture() for group in state.plan.groups if isinstance(group, SparseGroup) and group.n_removed)


def _recipe(history: Any) -> str:
    try:
        return recipe_text(history)
    except (StateError, ValueError) as error:
        return f"# {error}\n"
