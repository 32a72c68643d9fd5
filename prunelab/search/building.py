"""Networks that trials build: the layers' own numbers, where a constructor takes them (width, kernel size, kind of
normalisation), as variables of a space.

There are no weights to cut then: a network is built with the first weights that the search's seed gives, its cost is
read off its graph before the trial runs, and the trial trains it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from prunelab.data import load_model
from prunelab.errors import OptionError, shown, unknown_name
from prunelab.graph import Graph, as_layer, trace
from prunelab.graph.places import at_home
from prunelab.search.seeding import seeded

Build = Callable[..., Any]

# Graphs that are kept: what trials ask for again soon, each with its first weights
_KEPT = 8


def read_build(given: Any) -> Build | None:
    """What makes a network of arguments: a class or function, or its name as `prunelab.load_model` takes it.

    Raises:
        OptionError: something else.
    """
    if isinstance(given, str):
        return partial(load_model, given)
    if given is not None and not callable(given):
        raise OptionError(f"build is {shown(given)}; give a class or a function that makes the network, or its name: "
                          "build='paddle.vision.models:resnet18'")
    return given


def name_of(build: Build | None) -> str:
    """What it is called by; empty where there is none."""
    if build is None:
        return ""
    if isinstance(build, partial):
        return str(build.args[0]) if build.args else name_of(build.func)
    return str(getattr(build, "__qualname__", type(build).__name__))


def check_arguments(build: Build, names: Sequence[str]) -> None:
    """Whether a constructor takes arguments of these names, and no other; one that does not say is believed.

    Raises:
        UnknownNameError: one that it does not take.
        OptionError: one that it needs is left out.
    """
    try:
        known = inspect.signature(build).parameters.values()
    except (TypeError, ValueError):
        return
    taken = [p.name for p in known if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if not any(p.kind == p.VAR_KEYWORD for p in known):
        for name in names:
            if name not in taken:
                raise unknown_name("argument", name, taken, place=f"arguments of {name_of(build)}")
    for p in known:
        if p.name in taken and p.default is p.empty and p.name not in names:
            raise OptionError(f"{name_of(build)} needs {p.name}, and arguments has none; give it, one value if it does "
                              f"not vary: arguments={{'{p.name}': ...}}")


class Builder:
    """Networks of one constructor, with the first weights that a seed gives.

    Args:
        inputs: as for `prunelab.trace`. ``like``: a model, where whose parameters live they are made.
    """

    def __init__(self, build: Build, inputs: Any, like: Any, seed: int) -> None:
        self.build, self._inputs, self._like, self._seed = build, inputs, like, seed
        self._graphs: dict[tuple[tuple[str, Any], ...], Graph] = {}

    def graph(self, arguments: Mapping[str, Any]) -> Graph:
        """The graph of the network of these arguments; ``graph.model`` has its first weights, and is to stay so."""
        key = tuple(sorted(arguments.items()))
        if key in self._graphs:
            self._graphs[key] = self._graphs.pop(key)  # the last to go
        else:
            with seeded(self._seed), at_home(self._like):
                model = as_layer(self.build(**arguments))
                self._graphs[key] = trace(model, self._inputs)
            if len(self._graphs) > _KEPT:
                del self._graphs[next(iter(self._graphs))]
        return self._graphs[key]
