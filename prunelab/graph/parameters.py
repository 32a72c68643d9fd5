"""The parameters of a model's forward: which inputs it takes, how, and which it cannot do without."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Parameters:
    """``positional`` and ``keyword`` (only) names, in the forward's order; those that have no default are ``required``.

    ``any_place`` and ``any_name`` say whether it takes others too, as ``*inputs`` or ``**inputs``. ``model`` is the
    class's name.
    """

    model: str
    positional: tuple[str, ...] = ()
    keyword: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    any_place: bool = False
    any_name: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All that have a name."""
        return (*self.positional, *self.keyword)

    @property
    def n_required(self) -> int:
        """How many tensors in a row it cannot do without."""
        return sum(name in self.required for name in self.positional)

    def are_first(self, given: Iterable[str]) -> bool:
        """Whether these names are the first positional ones, so that tensors in a row need no names."""
        names = set(given)
        return names == set(self.positional[: len(names)])

    def __str__(self) -> str:
        others = [*["*inputs"] * self.any_place, *["**inputs"] * self.any_name]
        return ", ".join((*self.names, *others)) or "none"


def parameters_of(model: Any) -> Parameters:
    """Those of a layer's forward; of a `GraphLayer` what its model took. A forward without a signature takes any."""
    name = type(model).__name__
    known = getattr(model, "_prunelab_inputs", None)
    if known is not None:
        return Parameters(name, tuple(known), (), tuple(known))
    try:
        found = signature_of(model).parameters.values()
    except (TypeError, ValueError):
        return Parameters(name, any_place=True)
    positional = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    keyword = [p for p in found if p.kind == p.KEYWORD_ONLY]
    return Parameters(
        name, tuple(p.name for p in positional), tuple(p.name for p in keyword),
        tuple(p.name for p in (*positional, *keyword) if p.default is p.empty),
        any(p.kind == p.VAR_POSITIONAL for p in found), any(p.kind == p.VAR_KEYWORD for p in found))


def signature_of(model: Any) -> inspect.Signature:
    """The forward's, also where ``paddle.jit.to_static`` stands in for it."""
    plain = getattr(model.forward, "_dygraph_function", None)
    return inspect.signature(model.forward if plain is None else types.MethodType(plain, model))
