"""What a forward changes on its layers: noticed, put back, and refused where a graph could not repeat it."""

from __future__ import annotations

import contextlib
import copy
from collections import UserDict, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import paddle

from prunelab.errors import TraceError
from prunelab.graph.contents import Content, contents_in, leaves_of
from prunelab.graph.inputs import dtype_name
from prunelab.graph.places import place_of
from prunelab.graph.program import Op, flatten

Stored = tuple[Any, str, Any, Any]  # what a forward set: the layer, the attribute, its value before and after

# what Layer.__call__ itself writes
_PADDLES_OWN = frozenset({"training", "_built", "_parameters", "_buffers", "_non_persistable_buffer_names_set",
                          "_sub_layers"})


class Snapshot:
    """The attributes of every layer before the forward ran."""

    def __init__(self, model: Any) -> None:
        self.layers = list(model.sublayers(include_self=True))
        known: set[int] = set()
        self.before = [self._now(layer, known) for layer in self.layers]
        self.forwards = [vars(layer).get("forward") for layer in self.layers]

    @staticmethod
    def _now(layer: Any, known: set[int]) -> dict[str, tuple[Any, list[Content]]]:
        state = {name: value for name, value in vars(layer).items() if name != "forward"}
        return {name: (value, contents_in(value, known)) for name, value in state.items()}

    def written(self) -> list[Stored]:
        """What the forward set; containers by what was put into them."""
        found = []
        for layer, before in zip(self.layers, self.before, strict=True):
            for name, now in vars(layer).items():
                if name == "forward":
                    continue
                old, contents = before.get(name, (None, []))
                if now is not old:
                    found.append((layer, name, old, now))
                else:
                    found += [(layer, name, c.before, c.now) for c in contents if c.changed]
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
                for content in contents:
                    content.restore()


def left_behind(model: Any, block: Any, stored: list[Stored], held: Iterable[Any]) -> list[Stored]:
    """What the forward hung up on its layers that depends on the inputs: attention maps, features of its stages.

    A cache of constants is not among it, which is the same at every call. ``held`` are the values of the model's own
    tensors.

    Raises:
        TraceError: a forward that counts, or adds to a list.
    """
    if not stored:
        return []
    tainted, found = _depends_on_inputs(block, {value.id for value in held}), []
    for layer, name, before, after in stored:
        if name in _PADDLES_OWN or type(layer).__module__.startswith("paddle."):
            continue  # Paddle's own layers write down formats and states; what they compute is in the program
        values = [v for v in leaves_of(after) if isinstance(v, paddle.pir.Value)]
        counts = isinstance(before, (int, float, list, set, deque)) and not values and after is not before
        if counts or _counts_inside(before, after):
            raise _changes_itself(model, layer, name)
        if any(v.id in tainted for v in values):
            found.append((layer, name, before, after))
    return found


def _counts_inside(before: Any, after: Any) -> bool:
    """Whether a number in a dict, or of an object's, is another one."""
    if not isinstance(before, dict) or not isinstance(after, Mapping):
        return False
    return any(isinstance(n, (int, float)) and isinstance(after.get(key, n), (int, float)) and after.get(key, n) != n
               for key, n in before.items())


class _ReadError(Exception):
    """Somebody looks into what an earlier call left behind."""


def _read(*_: Any, **__: Any) -> Any:
    raise _ReadError


# Paddle ends the process where a tensor of before meets a value of the program that is being made: so nobody gets it
_UNREAD = dict.fromkeys(("__getitem__", "__iter__", "__reversed__", "__add__", "__radd__", "__or__", "__ror__", "copy",
                         "get", "items", "pop", "popitem", "setdefault", "values"), _read)
_BEHIND = {kind: type(f"_{kind.__name__}Behind", (kind,), _UNREAD) for kind in (list, dict, tuple, deque, UserDict)}


@contextlib.contextmanager
def taken_down(model: Any, names: Iterable[str]) -> Iterator[None]:
    """Inside, what earlier calls of the model left behind is not there, as before the first one."""
    before, layers = Snapshot(model), dict(model.named_sublayers(include_self=True))
    try:
        for name in names:
            path, _, attribute = name.rpartition(".")
            delattr(layers[path], attribute)
        yield
    finally:
        before.restore()


def hang_up(model: Any, left: list[Stored]) -> None:
    """What a call of the model leaves behind, in place of the values of its program: tensors of their shapes, which are
    seen to be read, and lists, dicts and objects that refuse it.

    Raises:
        TraceError: a container of another kind.
    """
    home = place_of(model.parameters())
    for layer, name, _, after in left:
        if isinstance(after, paddle.pir.Value):
            zeros = np.zeros([max(1, n) for n in after.shape], np.float32)
            held: Any = paddle.to_tensor(zeros, dtype_name(after.dtype), place=home)
        else:
            now = getattr(layer, name)
            kind = next((kind for kind in _BEHIND if isinstance(now, kind)), None)
            if kind is not None and now is after:
                held = _BEHIND[kind](dict.fromkeys(after) if kind in (dict, UserDict) else [None] * len(after))
            elif kind is None and (now is after or getattr(now, "__dict__", None) is after):
                held = _unread(now)
            else:  # a container that nobody can be kept from reading
                raise _changes_itself(model, layer, name)
        setattr(layer, name, held)


def _unread(held: Any) -> Any:
    """An object like ``held``, whose attributes that hold values of a program refuse to be read."""
    kind: Any = type(held)
    names = {n for n, part in vars(held).items() if any(isinstance(v, paddle.pir.Value) for v in leaves_of(part))}

    def read(self: Any, name: str) -> Any:
        return _read() if name in names else kind.__getattribute__(self, name)

    behind = kind.__new__(type(f"_{kind.__name__}Behind", (kind,), {"__getattribute__": read}))
    object.__getattribute__(behind, "__dict__").update({n: None if n in names else v for n, v in vars(held).items()})
    return behind


@contextlib.contextmanager
def refusing_memory(model: Any, left: list[Stored]) -> Iterator[None]:
    """Inside, a forward that fails does so because of what it left behind.

    Raises:
        TraceError: it does.
    """
    try:
        yield
    except Exception as error:
        if not left:
            raise
        raise _changes_itself(model, left[0][0], left[0][1]) from error


def refuse_memory(model: Any, left: list[Stored], first: Iterable[Op], next_one: Iterable[Op]) -> None:
    """Refuse a forward that does something else at the next call, when what it has left behind is there.

    Raises:
        TraceError: its operators are others.
    """
    if left and [op.name for op in first] != [op.name for op in next_one]:
        raise _changes_itself(model, left[0][0], left[0][1])


def made_by_forward(stored: list[Stored]) -> list[tuple[Any, str, Any]]:
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
