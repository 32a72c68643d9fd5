"""Replaying: the recorded lines of code, run again on a fresh Lab, and whether they give the same bits."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunelab.criteria import CRITERIA
from prunelab.errors import StateError
from prunelab.lab.state import State
from prunelab.lab.store import Store

if TYPE_CHECKING:
    from prunelab.lab.lab import Lab

_METHODS = ("step", "finetune", "adopt")


@dataclass(frozen=True)
class Replay:
    """``lab``: a fresh Lab in memory, in the state that came of the lines; ``differences``: how it is not what was
    recorded, empty where it is the same to the last bit."""

    state: State
    lab: Lab
    differences: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether every bit is the same."""
        return not self.differences

    def __repr__(self) -> str:
        n = len(self.lab.path()) - 1
        told = "the same to the last bit" if self.same else f"different: {'; '.join(self.differences)}"
        return f"Replay of {self.state.id} {self.state.label}, {n} line{'s' if n != 1 else ''}: {told}"


@dataclass(frozen=True)
class Line:
    """A recorded line of code: a method of the Lab and its arguments, which are plain values."""

    method: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    @classmethod
    def parse(cls, action: str, state: str) -> Line:
        """The line of a state, read as data: nothing in it is run.

        Raises:
            StateError: a line that a Lab does not write.
        """
        try:
            call = ast.parse(action, mode="eval").body
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
                    and isinstance(call.func.value, ast.Name) and call.func.value.id == "lab"
                    and call.func.attr in _METHODS and all(word.arg for word in call.keywords)):
                raise ValueError("it is no call of a step")
            kwargs = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
            return cls(call.func.attr, tuple(map(ast.literal_eval, call.args)), kwargs)
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
            raise StateError(f"the recorded line of {state} cannot be replayed: {error}; it is "
                             f"{action[:80]!r}") from error

    def run(self, lab: Lab, known: Mapping[str, Any], plan_of: Callable[[str], Any]) -> None:
        """Run it on a Lab; ``known`` are criteria by name that are none of prunelab's, ``plan_of`` a state's plan."""
        args, kwargs = list(self.args), dict(self.kwargs)
        if "criterion" in kwargs:
            kwargs["criterion"] = known.get(kwargs["criterion"], kwargs["criterion"])
        if self.method == "adopt" and args and isinstance(args[0], str):
            args[0] = plan_of(args[0])
        getattr(lab, self.method)(*args, **kwargs)


def lines_of(path: list[State], known: Mapping[str, Any]) -> list[Line]:
    """The lines that lead to the last state of a path, without searches: what was taken of one says so itself.

    Raises:
        StateError: a line that cannot be replayed, with a criterion that is not at hand.
    """
    lines = []
    for state in path[1:]:
        if state.searched:
            continue
        line = Line.parse(state.action, state.id)
        name = line.kwargs.get("criterion")
        if name is not None and name not in CRITERIA and name not in known:
            raise StateError(f"{state.id} was made with the criterion '{name}', which is none of prunelab's; give it: "
                             f"lab.replay('{path[-1].id}', criteria={{{name!r}: ...}})")
        lines.append(line)
    return lines


def differences(recorded: tuple[Store, State], again: tuple[Store, State]) -> tuple[str, ...]:
    """How two states differ, in words."""
    (store, a), (other, b) = recorded, again
    told = []
    if a.plan.groups != b.plan.groups:
        told.append("other units are cut")
    told += [f"{name} is {b.metrics.get(name)}, and was {value}" for name, value in a.metrics.items()
             if repr(b.metrics.get(name)) != repr(value)]
    first, second = store.snapshot(a.id), other.snapshot(b.id)
    if first is not None and second is not None:
        apart = [name for name, digest in first.tensors.items() if second.tensors.get(name) != digest]
        told += [f"{len(apart)} tensors are other ones, among them {apart[0]}"] if apart else []
        told += ["the random states are other ones"] if first.random.check != second.random.check else []
    elif second is not None and a.metrics == b.metrics:
        return tuple(told)  # the weights were let go: plan and metrics are all there is to compare
    if told and dict(a.trained_with) != dict(b.trained_with):
        told.append(f"it was trained with {_other(a.trained_with, b.trained_with)}")
    if told and dict(a.versions) != dict(b.versions):
        then = ", ".join(f"{key} {value}" for key, value in a.versions.items() if b.versions.get(key) != value)
        told.append(f"it was made with {then}")
    return tuple(told)


def _other(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    keys = [key for key in {**then, **now} if then.get(key) != now.get(key)]
    return ", ".join(f"{key} {then.get(key, 'as it is by itself')} (here {now.get(key, 'as it is by itself')})"
                     for key in keys)
