"""What a step is asked for: one layer, several, all, or the next one; and the proposal that meets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prunelab.errors import OptionError, check_ratio
from prunelab.graph import Graph
from prunelab.lab.cuts import Cut, Target, check_ratios, find_group, next_group
from prunelab.lab.granular import check_fixed, propose_at
from prunelab.lab.options import Healing
from prunelab.lab.proposals import Proposal, propose_all, propose_layer, propose_layers
from prunelab.plan import Plan

_RATIO = 0.3  # where none is given


@dataclass(frozen=True)
class Wish:
    """One ``layer`` or several (each with its ratio), or ``everywhere``; without any, the next one.

    ``ratio`` is None where none was given: n of m has none.
    """

    layer: str | Mapping[str, float] | None
    ratio: float | None
    everywhere: Target | None

    @classmethod
    def of(cls, layer: str | Mapping[str, float] | None, ratio: float | None, by: str | None,
           scope: str | None) -> Wish:
        """As `prunelab.lab.Lab.step` is called.

        Raises:
            OptionError, UnknownNameError: a ratio outside of ``[0, 1)``; layers, and all of them.
        """
        if ratio is not None:
            check_ratio(ratio, place="ratio")
        if by is None and scope is None:
            return cls(layer, ratio, None)
        if layer is not None:
            named = f"'{layer}' is one" if isinstance(layer, str) else "layers are named"
            raise OptionError(f"by and scope are for all layers, and {named}; leave out either")
        return cls(None, ratio, Target(by or "sparsity", _RATIO if ratio is None else ratio, scope or "local"))

    def check(self, graph: Graph, granularity: str) -> None:
        """That the layers are there and can be cut, before any work.

        Raises:
            UnknownNameError, OptionError: they cannot.
        """
        if granularity != "auto":
            for ratio in self.layer.values() if isinstance(self.layer, Mapping) else [self.ratio]:
                check_fixed(granularity, ratio)
        elif isinstance(self.layer, str):
            find_group(graph, self.layer)
        elif self.layer is not None:
            check_ratios(graph, self.layer)

    def proposal(self, graph: Graph, plan: Plan, cut: Cut, healing: Healing) -> Proposal:
        """The step, from ``plan`` on."""
        ratio = _RATIO if self.ratio is None else self.ratio
        if cut.granularity != "auto":
            return self._at(graph, plan, cut, healing, ratio)
        plan = plan.with_units(graph)
        if self.everywhere is not None:
            return propose_all(graph, plan, self.everywhere, cut, healing)
        if isinstance(self.layer, Mapping):
            return propose_layers(graph, plan, check_ratios(graph, self.layer), cut, healing)
        group = next_group(graph, plan, ratio, cut) if self.layer is None else find_group(graph, self.layer)
        return propose_layer(graph, plan, group, ratio, cut, healing)

    def _at(self, graph: Graph, plan: Plan, cut: Cut, healing: Healing, ratio: float) -> Proposal:
        """At a granularity that is asked for, where nobody orders the layers: without any, all are meant."""
        if self.layer is None:
            return propose_at(graph, plan, self.everywhere or Target("sparsity", ratio, "local"), cut, healing)
        if isinstance(self.layer, Mapping):
            return propose_at(graph, plan, self.layer, cut, healing)
        return propose_at(graph, plan, {self.layer: ratio}, cut, healing)
