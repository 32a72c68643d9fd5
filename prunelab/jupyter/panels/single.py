"""`Singles`: what ``lab.panels`` is: each part of the panel on its own, by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prunelab.errors import unknown_name
from prunelab.jupyter.panels import PARTS
from prunelab.jupyter.panels.panel import Panel

if TYPE_CHECKING:
    from prunelab.lab import Lab


class Singles:
    """``lab.panels.masks("conv1")``: one part, about one layer where it is about layers. Its repr lists them."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def __getattr__(self, name: str) -> Callable[..., Panel]:
        if name.startswith("_"):  # what IPython asks of everything it shows
            raise AttributeError(name)
        if name not in PARTS:
            raise AttributeError(str(unknown_name("part", name, PARTS, place="the panel")))

        def single(layer: str | None = None) -> Panel:
            return Panel(self._lab, alone(name), layer)

        single.__name__, single.__doc__ = name, PARTS[name].__doc__
        return single

    def __dir__(self) -> list[str]:
        return list(PARTS)

    def __repr__(self) -> str:
        width = max(map(len, PARTS))
        told = (f"  {name:<{width}}  {(part.__doc__ or '').partition(chr(10))[0]}" for name, part in PARTS.items())
        return "\n".join(["parts of the panel, each on its own, such as lab.panels.layers():", *told])


def alone(name: str) -> tuple[str, ...]:
    """The part, and below one that asks for work the footer, where the work is told of and can be stopped."""
    return (name, "footer") if PARTS[name].asks_for_work else (name,)
