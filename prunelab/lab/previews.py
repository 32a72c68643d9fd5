"""What steps would do, before they are taken."""

from __future__ import annotations

from dataclasses import dataclass

from prunelab.graph import Cost
from prunelab.render.numbers import change, count


@dataclass(frozen=True)
class Going:
    """Of one layer, ``removed``: the units that would be gone, ``new`` those of them that are not gone yet."""

    layer: str
    units: int
    removed: tuple[int, ...]
    new: tuple[int, ...]


@dataclass(frozen=True)
class Previews:
    """What steps of several layers would do: to each of them, and together: ``cost`` is what the network would cost,
    ``before`` what it costs now."""

    layers: tuple[Going, ...]
    cost: Cost
    before: Cost

    def of(self, layer: str) -> Preview:
        """One of the layers, with the cost of all."""
        going = next(going for going in self.layers if going.layer == layer)
        return Preview(**vars(going), cost=self.cost, before=self.before)


@dataclass(frozen=True)
class Preview(Going):
    """What a step would do to one layer, before it does it: ``cost`` is what the network would cost, ``before`` what it
    costs now."""

    cost: Cost
    before: Cost

    def __str__(self) -> str:
        def told(name: str, now: int, before: int) -> str:
            return f"{count(now - before)} {name} ({change(now, before) or '±0 %'})"

        return (f"{self.layer}: {len(self.removed)} of {self.units} units gone ({len(self.new)} more), "
                f"{told('params', self.cost.params, self.before.params)}, "
                f"{told('MACs', self.cost.macs, self.before.macs)}")

    __repr__ = __str__
