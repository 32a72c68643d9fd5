"""A Lab's state and history as things to look at: plain values that show themselves as text, HTML and SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from prunelab.errors import unknown_name
from prunelab.graph import Group
from prunelab.lab.bench import Bench
from prunelab.lab.cuts import gone
from prunelab.lab.state import State, metric_text
from prunelab.plan.sparse import SparseGroup
from prunelab.render.curves import Curves
from prunelab.render.header import Chip, Header, header
from prunelab.render.masks import MaskPicture
from prunelab.render.numbers import change, count, counted, number, signed
from prunelab.render.tree import Node, Tree, tree

_COST: dict[str, Callable[[State], float]] = {
    "params": lambda state: state.cost.params,
    "macs": lambda state: state.cost.macs,
    "sparsity": lambda state: state.sparsity,
}


def header_of(model: str, bench: Bench) -> Header:
    """Where a Lab is: metrics, params and MACs, each with its difference to the dense model."""
    state, dense = bench.state, dense_of(bench.nodes.path(bench.state))
    where = "in memory" if bench.store.folder is None else f"in {bench.store.name}"
    states = counted(len(bench.nodes.states), "state")
    return header(f"Lab of {model}", f"{state.id} {state.label}, {states} {where}", chips_of(state, dense))


def dense_of(path: Sequence[State]) -> State:
    """What the last state of ``path`` is compared with: the last on it before its first cut, which may have been
    trained in the Lab; where nothing is cut yet, the first."""
    uncut = [state for state in path if state.cost == path[0].cost]  # cheaper than to read all plans
    return path[0] if uncut[-1] is path[-1] else uncut[-1]


def chips_of(state: State, dense: State) -> list[Chip]:
    """A state's metrics, params and MACs, each with its difference to the dense model."""
    chips = [Chip(name, metric_text(name, value), _difference(name, value, dense))
             for name, value in state.metrics.items()]
    chips.append(Chip("params", count(state.cost.params), _moved(state.cost.params, dense.cost.params)))
    chips.append(Chip("MACs", count(state.cost.macs), _moved(state.cost.macs, dense.cost.macs)))
    return chips


def _difference(name: str, value: float, dense: State) -> str:
    if name not in dense.metrics or value == dense.metrics[name]:
        return ""
    difference = value - dense.metrics[name]
    told = signed(f"{100 * difference:+.1f}") if name == "accuracy" else number(difference)
    return told if told.startswith(("+", "−")) else f"+{told}"


def _moved(now: int, before: int) -> str:
    return change(now, before) if now != before else ""


def masks_of(bench: Bench, group: Group, state: State | None = None) -> MaskPicture:
    """Kept and cut units of a state (the current one), with their weights: there where kept, in the dense model where
    cut; where a plan masks weights in their place, which."""
    here = bench.state if state is None else state
    kept = np.ones(group.units, bool)
    kept[list(gone(here.plan, group.name))] = False
    weights = bench.recorded(group.name, state).weights(group)
    makers = {member.parameter for member in group.makers}
    in_place = any(isinstance(g, SparseGroup) and g.parameter in makers for g in here.plan.groups)
    if kept.all() and not in_place:
        return MaskPicture(group.name, group.granularity, kept, weights)
    dense = bench.recorded(group.name, bench.nodes.path(here)[0]).weights(group)
    masked = (weights == 0) & (dense != 0) & kept[:, None] if in_place else None
    shown = np.where(kept[:, None] if masked is None else kept[:, None] & ~masked, weights, dense)
    return MaskPicture(group.name, group.granularity, kept, shown, masked)


def curves_of(states: Sequence[State], current: str, names: Sequence[str]) -> Curves:
    """A curve for each name over the states; of all metrics, params and MACs without any.

    Raises:
        UnknownNameError: no metric of a state is called so.
    """
    metrics = list(dict.fromkeys(name for s in states for name in s.metrics))
    for name in names:
        if name not in metrics and name not in _COST:
            raise unknown_name("metric", name, [*metrics, *_COST], place="the history")
    series = {name: tuple(_COST[name](s) if name in _COST else s.metrics.get(name) for s in states)
              for name in names or [*metrics, "params", "macs"]}
    return Curves(tuple(s.id for s in states), tuple(s.parent for s in states), series, current)


def tree_of(states: Sequence[State], current: str, names: Mapping[str, tuple[str, ...]]) -> Tree:
    """The history as a tree, with each state's first metric and its names."""
    def note(state: State) -> str:
        return next((f"{name} {metric_text(name, value)}" for name, value in state.metrics.items()), "")

    return tree([Node(s.id, s.parent, s.label, note(s), names.get(s.id, ())) for s in states], current)
