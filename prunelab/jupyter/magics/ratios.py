"""Several ratios in one word: with commas between them, or from:to:step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelab.cli.ratios import ratios_in
from prunelab.errors import OptionError, check_ratio
from prunelab.jupyter.magics.session import Session

_WANTED = "give fractions removed, such as 0.3,0.5 or 0.1:0.9:0.1, or a variable that holds them"


@dataclass(frozen=True)
class LayerRatios:
    """``conv1=0.3,conv2=0.5``: a ratio a layer."""

    metavar: str = "LAYER=RATIO,..."

    def read(self, text: str, session: Session, place: str) -> Any:
        """A dict from layer to ratio; a variable that holds one is taken whole."""
        named = session.lookup(text)
        if named is not None and isinstance(named.value, Mapping):
            return named
        pairs = [part.rpartition("=") for part in text.split(",") if part]
        try:
            found = {layer: float(ratio) for layer, equals, ratio in pairs}
        except ValueError:
            found = {}
        if not found or "" in found:
            raise OptionError(f"{place} is '{text}', which is neither layers with their ratios nor a variable that "
                              "holds some; give some, such as conv1=0.3,conv2=0.5")
        return {layer: check_ratio(ratio, place=f"the ratio of {layer} in {place}") for layer, ratio in found.items()}

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """The variables that hold ratios by layer."""
        return session.data_names(lambda value: isinstance(value, Mapping) and _are_ratios(list(value.values())))

    def example(self, session: Session) -> str:
        """Some ratios."""
        lab = session.current()
        layers = ["conv1"] if lab is None else [group.name for group in lab.value.graph.prunable[:2]]
        return ",".join(f"{layer}=0.3" for layer in layers)


@dataclass(frozen=True)
class Ratios:
    """``0.1:0.9:0.2`` is 0.1, 0.3, 0.5, 0.7, 0.9; ``0.3,0.5`` these two."""

    metavar: str = "RATIOS"

    def read(self, text: str, session: Session, place: str) -> Any:
        """A tuple of ratios in ``[0, 1)``; a variable that holds some is taken whole."""
        named = session.lookup(text)
        if named is not None:
            values = named.value if isinstance(named.value, (list, tuple, np.ndarray)) else [named.value]
            for value in values:
                check_ratio(value, place=place)
            return named
        found = ratios_in(text)
        if not found:
            raise OptionError(f"{place} is '{text}', which is neither ratios nor a variable; {_WANTED}")
        return tuple(check_ratio(ratio, place=place) for ratio in found)

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """The variables that hold ratios."""
        return session.data_names(_are_ratios)

    def example(self, session: Session) -> str:
        """Some ratios."""
        return "0.1:0.9:0.1"


def _are_ratios(value: Any) -> bool:
    many = value if isinstance(value, (list, tuple)) else [value]
    try:
        return bool(many) and all(check_ratio(v, place="") is not None for v in many)
    except OptionError:
        return False
