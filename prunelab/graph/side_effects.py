"""What a forward changes on its layers: noticed, put back, and refused where a graph could not repeat it."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import paddle

from prunelab.errors import TraceError
from prunelab.graph.program import flatten

# what Layer.__call__ itself writes
_PADDLES_OWN = frozenset({"training", "_built", "_parameters", "_buffers", "_sub_layers"})


class Snapshot:
    """The attributes of every layer before the forward ran."""

    def __init__(self, model: Any) -> None:
        self.layers = list(model.sublayers(include_self=True))
        self.before = [self._now(layer) for layer in self.layers]
        self.forwards = [vars(layer).get("forward") for layer in self.layers]

    @staticmethod
    def _now(layer: Any) -> dict[str, Any]:
        state = {name: value for name, value in vars(layer).items() if name != "forward"}
        return {name: (value, _contents(value)) for name, value in state.items()}

    def written(self) -> list[tuple[Any, str, Any, Any]]:
        """(layer, attribute, before, after) of what the forward set; containers by what was put into them."""
        found = []
        for layer, before in zip(self.layers, self.before, strict=True):
            for name, now in vars(layer).items():
                if name == "forward":
                    continue
                old, contents = before.get(name, (None, None))
                if now is not old:
                    found.append((layer, name, old, now))
                elif contents is not None and (len(now) != len(contents) or _differs(now, contents)):
                    found.append((layer, name, contents, now))
        return found

    def restore(self) -> None:
        for layer, before, forward in zip(self.layers, self.before, self.forwards, strict=True):
            state = vars(layer)
            if forward is not None:  # Paddle takes away one that is the class's own
                state["forward"] = forward
            for name in [n for n in state if n not in before and n != "forward"]:
                del state[name]
            for name, (value, contents) in before.items():
                state[name] = value
                if contents is not None and (len(value) != len(contents) or _differs(value, contents)):
                    value.clear()
                    value.extend(contents) if isinstance(value, list) else value.update(contents)


def _contents(value: Any) -> Any:
    """What a container holds now; None for anything else."""
    for kind in (dict, list, set):
        if isinstance(value, kind):
            return kind(value)
    return None


def _differs(now: Any, before: Any) -> bool:
    if isinstance(now, dict):
        return any(key not in before or now[key] is not before[key] for key in now)
    if isinstance(now, list):
        return any(a is not b for a, b in zip(now, before, strict=False))
    return bool(now != before)


def refuse_side_effects(model: Any, block: Any, stored: list[tuple[Any, str, Any, Any]], held: Iterable[Any]) -> None:
    """A cache of constants is allowed (it is the same at every call); what depends on inputs or counts is not.

    ``held`` are the values of the model's own tensors.
    """
    if not stored:
        return
    tainted = _depends_on_inputs(block, {value.id for value in held})
    for layer, name, before, after in stored:
        if name in _PADDLES_OWN or type(layer).__module__.startswith("paddle."):
            continue  # Paddle's own layers write down formats and states; what they compute is in the program
        leaves = paddle.utils.flatten(after) if after is not None else []
        values = [v for v in leaves if isinstance(v, paddle.pir.Value)]
        counts = isinstance(before, (int, float, list, set)) and not values and after is not before
        if counts or any(v.id in tainted for v in values):
            raise _changes_itself(model, layer, name)


def made_by_forward(stored: list[tuple[Any, str, Any, Any]]) -> list[tuple[Any, str, Any]]:
    """Numbers, text and nests of them that the forward hung up itself: (layer, attribute, value)."""
    return [(layer, name, copy.deepcopy(after)) for layer, name, before, after in stored
            if before is None and _is_plain(after) and not type(layer).__module__.startswith("paddle.")]


def refuse_changes(model: Any, made: list[tuple[Any, str, Any]]) -> None:
    """Refuse what is something else after another run: a counter, a list that grows."""
    for layer, name, value in made:
        if getattr(layer, name, None) != value:
            raise _changes_itself(model, layer, name)


def _is_plain(value: Any) -> bool:
    """Numbers, text and nests of them."""
    leaves = flatten(list(value) if isinstance(value, set) else value)
    return all(isinstance(leaf, (int, float, str)) for leaf in leaves)


def _changes_itself(model: Any, layer: Any, name: str) -> TraceError:
    return TraceError(f"{type(model).__name__} cannot be read as a graph: the forward of {type(layer).__name__} "
                      f"changes its own '{name}' at every call, which a graph cannot repeat; return it instead, or set "
                      "it outside the forward")


def _depends_on_inputs(block: Any, held: set[Any]) -> set[Any]:
    tainted: set[Any] = set()
    for op in block.ops:
        if op.name() == "pd_op.data" and op.results()[0].id in held:
            continue
        if op.name() == "pd_op.data" or any(v.initialized() and v.id in tainted for v in op.operands_source()):
            tainted.update(r.id for r in op.results())
    return tainted
