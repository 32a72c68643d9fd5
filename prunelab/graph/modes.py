"""Which parts of a model train: an operator that follows the mode follows that of the layer it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from prunelab.graph.program import Op, Program

# whether all of it trains, or whether any of some layers does, by their names
Training = bool | Callable[[Collection[str]], bool]


def training_of(layer: Any) -> Training:
    """A model's mode; where its layers are in several, what each is in."""
    whole = bool(layer.training)
    if _is_in_one(layer):  # at every run: the layers' names take as long as a small network does
        return whole
    modes = {name: part.training for name, part in layer.named_sublayers(include_self=True)}

    def trains(names: Collection[str]) -> bool:
        known = [modes[name] for name in names if name in modes]
        return any(known) if known else whole

    return trains


def _is_in_one(layer: Any) -> bool:
    known, todo = {id(layer)}, [layer]
    while todo:
        part = todo.pop()
        if part.training != layer.training:
            return False
        inner = [p for p in part._sub_layers.values() if p is not None and id(p) not in known]
        known.update(map(id, inner))
        todo += inner
    return True


def layers_of(program: Program, op: Op, names: Mapping[int, str]) -> tuple[str, ...]:
    """The layer whose parameters an operator reads; of one that reads none (a dropout) those before and after it.

    ``names`` are the parameters' by value id.
    """
    own = _holder(program, op, names)
    if own:
        return (own,)
    return tuple(found for walk in (_before, _after) if (found := _nearest(program, op, names, walk)))


def follow_modes(layer: Any, model: Any) -> None:
    """Put each part of ``layer`` into the mode of the part of ``model`` that has its name."""
    layer.train() if model.training else layer.eval()
    modes = {name: part.training for name, part in model.named_sublayers()}
    for name, part in layer.named_sublayers():
        part.training = modes.get(name, part.training)


def _holder(program: Program, op: Op, names: Mapping[int, str]) -> str:
    for value in op.inputs:
        producer = program.producers.get(value) if value is not None else None
        inside = producer.inputs if producer is not None and producer.name == "builtin.combine" else (value,)
        for v in inside:
            if v is not None and v in names:
                return names[v].rpartition(".")[0]
    return ""


def _before(program: Program, op: Op) -> list[Op]:
    return [program.producers[v] for v in op.inputs if v is not None and v in program.producers]


def _after(program: Program, op: Op) -> list[Op]:
    return [reader for v in op.outputs for reader in program.consumers.get(v, ())]


def _nearest(program: Program, op: Op, names: Mapping[int, str], walk: Callable[[Program, Op], list[Op]]) -> str:
    seen, todo = {op.index}, walk(program, op)
    while todo:
        later = list[Op]()
        for one in todo:
            found = _holder(program, one, names)
            if found:
                return found
            if one.index not in seen:
                seen.add(one.index)
                later += walk(program, one)
        todo = later
    return ""
