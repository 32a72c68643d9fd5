"""Kinds of values that are somewhere to be found: variables of the notebook, layers and states of the Lab, folders."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from prunelab.errors import OptionError, unknown_name
from prunelab.jupyter.magics.call import Named
from prunelab.jupyter.magics.session import Session
from prunelab.jupyter.magics.values import Word


@dataclass(frozen=True)
class Variable:
    """A variable of the notebook; those that fit are offered first."""

    metavar: str
    fits: Callable[[Any], bool]
    sample: str

    def read(self, text: str, session: Session, place: str) -> Any:
        """The variable."""
        return session.variable(text, place)

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """The variables that fit, else all of them."""
        if "." in text:
            return _attributes(text, session)
        variables = session.variables
        return [name for name, value in variables.items() if self.fits(value)] or session.data_names()

    def example(self, session: Session) -> str:
        """The first that fits."""
        return next((name for name, value in session.variables.items() if self.fits(value)), self.sample)


@dataclass(frozen=True)
class NamedOrVariable(Variable):
    """One of the names in a table, or a variable that fits."""

    known: Callable[[Session], Iterable[str]]

    def read(self, text: str, session: Session, place: str) -> Any:
        """The variable, or the name."""
        found = session.lookup(text)
        names = list(self.known(session))
        if found is None and text not in names:
            fitting = [name for name, value in session.variables.items() if self.fits(value)]
            raise unknown_name("name or variable", text, [*names, *fitting], place=place)
        return found or text

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """The variables that fit, then the names."""
        return [*(name for name, value in session.variables.items() if self.fits(value)), *self.known(session)]

    def example(self, session: Session) -> str:
        """A name."""
        return self.sample


class Device(Word):
    """A device of this machine. A GPU that is not here is left to the Lab, which knows why."""

    def read(self, text: str, session: Session, place: str) -> Any:
        """The device's name."""
        return text if text.partition(":")[0] == "gpu" else super().read(text, session, place)


def _attributes(text: str, session: Session) -> list[str]:
    owner, _, start = text.rpartition(".")
    named = session.lookup(owner)
    names = [] if named is None else [n for n in dir(named.value) if n.startswith("_") <= start.startswith("_")]
    return [f"{owner}.{name}" for name in names]


# what `prunelab.load_model` has something to say about; told here, since it brings Paddle along
_MODEL_FILES = (".onnx", ".json", ".pdiparams", ".pdmodel", ".safetensors", ".pdparams")


class Model(Variable):
    """A variable that holds a model (or a Lab), ``module:callable``, or a saved model: ``model.onnx``."""

    def read(self, text: str, session: Session, place: str) -> Any:
        """The variable, or the text for `prunelab.load_model`."""
        if ":" in text or text.endswith(_MODEL_FILES):
            return text
        if "." in text and session.lookup(text) is None:
            owner, _, name = text.rpartition(".")
            raise OptionError(f"{place} is '{text}', which is no variable; of a module's callable say {owner}:{name}")
        return session.variable(text, place)

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """Variables; after ``module:``, what can be called in a module that is loaded."""
        place, colon, _ = text.partition(":")
        if not colon:
            return super().complete(text, session)
        module = vars(sys.modules[place]) if place in sys.modules else {}
        return [f"{place}:{name}" for name, value in module.items() if not name.startswith("_") and callable(value)]


@dataclass(frozen=True)
class Shape:
    """A shape with its batch, ``1,3,32,32``, or a variable that holds shapes, InputSpecs or example tensors."""

    metavar: str = "SHAPE"

    def read(self, text: str, session: Session, place: str) -> Any:
        """A tuple of integers, or the variable."""
        named = session.lookup(text)
        if named is not None:
            return named
        try:
            shape = tuple(int(n) for n in text.strip("()[],").split(","))
        except ValueError:
            raise OptionError(f"{place} is '{text}', which is neither a shape nor a variable; "
                              f"give the batch and the sizes, such as {self.example(session)}") from None
        if min(shape) < 1:
            raise OptionError(f"{place} is {shape}; the sizes of a shape are at least 1, also the batch's")
        return shape

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """The variables that hold a tuple, a list or a tensor."""
        return session.data_names(lambda value: isinstance(value, (tuple, list)) or hasattr(value, "shape"))

    def example(self, session: Session) -> str:
        """An image's."""
        return "1,3,32,32"


@dataclass(frozen=True)
class Folder:
    """A folder, or a variable that holds a path; with ``endings`` a file that has one of them."""

    sample: str
    metavar: str = "DIR"
    endings: tuple[str, ...] = ()

    def read(self, text: str, session: Session, place: str) -> Any:
        """The path as text, or the variable."""
        named = session.lookup(text)
        return named if named is not None and isinstance(named.value, (str, os.PathLike)) else os.path.expanduser(text)

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """The folders that begin so, and the files with the right endings."""
        head = os.path.dirname(text)
        try:
            entries = sorted(os.scandir(os.path.expanduser(head) or "."), key=lambda entry: entry.name)
        except OSError:
            return []
        shown = [entry for entry in entries if not entry.name.startswith(".") or os.path.basename(text).startswith(".")]
        return [os.path.join(head, entry.name) + ("/" if entry.is_dir() else "") for entry in shown
                if entry.is_dir() or (self.endings and entry.name.endswith(self.endings))]

    def example(self, session: Session) -> str:
        """A name."""
        return self.sample


@dataclass(frozen=True)
class Layer:
    """A layer or group of the current Lab, a pattern of them, or a variable that holds a name."""

    metavar: str = "LAYER"

    def read(self, text: str, session: Session, place: str) -> Any:
        """The name; the nearest one is in the error of a name that is not there."""
        from prunelab.plan import match

        graph = session.lab().value.graph
        name = type(graph.model).__name__
        named = None if text in self._names(session) else session.lookup(text)
        if named is None or not isinstance(named.value, str):
            match(graph, text, place=name)
            return text
        match(graph, named.value, place=f"{name}, from the variable {text}")
        return named

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """The groups that can be cut, in network order, then the other layers whose outputs they hold."""
        return self._names(session)

    def example(self, session: Session) -> str:
        """The first group that is still whole."""
        current = session.current()
        groups = current.value.plan.groups if current else ()
        return next((group.name for group in groups if not group.removed), groups[0].name if groups else "conv1")

    def _names(self, session: Session) -> list[str]:
        current = session.current()
        if current is None:
            return []
        groups = current.value.graph.prunable
        layers = (layer for group in groups for layer in group.layers)
        return list(dict.fromkeys([*(group.name for group in groups), *layers]))


@dataclass(frozen=True)
class State:
    """A state of the current Lab's history by its id, tag or branch, or a variable that holds one or its id."""

    metavar: str = "STATE"

    def read(self, text: str, session: Session, place: str) -> Any:
        """The id."""
        session.lab()
        known = self._ids(session)
        if text in known:
            return text
        named = session.lookup(text)
        value = getattr(named.value, "id", named.value) if named else text
        if value not in known:
            origin = f", from the variable {text}" if named else ""
            raise unknown_name("state", value, known, place=f"the history{origin}")
        assert named is not None
        return named if isinstance(named.value, str) else Named(f"{text}.id", value)

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """The ids, newest first."""
        return self._ids(session)[::-1]

    def example(self, session: Session) -> str:
        """The dense state."""
        return "s0"

    def _ids(self, session: Session) -> list[str]:
        current = session.current()
        if current is None:
            return []
        lab = current.value
        branches = list(lab.branches)
        return [*(str(state.id) for state in lab.states), *lab.tags, *(branches if len(branches) > 1 else [])]


@dataclass(frozen=True)
class NewName:
    """A name that is given now, or a variable that holds it; the Lab says which cannot be."""

    metavar: str = "NAME"
    sample: str = "wider"

    def read(self, text: str, session: Session, place: str) -> Any:
        """The word itself, or the variable."""
        named = session.lookup(text)
        return named if named is not None and isinstance(named.value, str) else text

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """Nothing: it is new."""
        return []

    def example(self, session: Session) -> str:
        """A name."""
        return self.sample


def is_model(value: Any) -> bool:
    """Whether it is a Paddle layer or model; false for all as long as Paddle is not loaded."""
    paddle = sys.modules.get("paddle")
    return paddle is not None and isinstance(value, (paddle.nn.Layer, paddle.Model)) and not is_loss(value)


def is_loss(value: Any) -> bool:
    """Whether it is one of Paddle's losses."""
    return type(value).__module__.startswith("paddle.nn.layer.loss")


def is_loss_or_function(value: Any) -> bool:
    """Whether it may be what a person trains on."""
    return is_loss(value) or isinstance(value, FunctionType)


def is_data(value: Any) -> bool:
    """Whether it is a data set, a loader, arrays or a list of batches, as far as one sees without reading it."""
    if isinstance(value, (tuple, list)):
        return bool(value) and (isinstance(value[0], (tuple, list)) or hasattr(value[0], "shape"))
    paddle = sys.modules.get("paddle")
    return paddle is not None and isinstance(value, (paddle.io.Dataset, paddle.io.DataLoader))


def is_model_or_lab(value: Any) -> bool:
    """Whether it is what `%prune open` opens."""
    lab = sys.modules.get("prunelab.lab")
    return is_model(value) or (lab is not None and isinstance(value, lab.Lab))
