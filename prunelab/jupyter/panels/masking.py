"""Masking weights in their place: what is asked for, as arguments of `prunelab.propose`, and from which state on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunelab.graph.removals import is_sparse
from prunelab.plan import Plan, propose

if TYPE_CHECKING:
    from prunelab.lab import Lab, State

WHOLE = "auto"  # units are cut, nothing is masked
GRANULARITIES = (WHOLE, "element", "2:4", "kernel", "block:4x4")


@dataclass(frozen=True)
class Masking:
    """Masks of one ``granularity``; ``chosen`` are the arguments of `prunelab.propose` that say how much of what.
    ``start``: the state to begin from, None for the current one: units that are cut cannot be masked."""

    granularity: str
    chosen: dict[str, Any]
    start: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """As arguments of `prunelab.propose`."""
        return {"granularity": self.granularity, **self.chosen}

    def plan(self, lab: Lab, criterion: str | None) -> Plan:
        """What would be masked of the weights as they are now.

        Raises:
            OptionError: what cannot be masked so; a criterion that looks at data.
        """
        return propose(lab.graph, criterion or lab.criterion, **self.options)


def has_ratio(granularity: str) -> bool:
    """Whether there is a choice of how much; of n of m there is none."""
    return not granularity[0].isdigit()


def of_all(lab: Lab, granularity: str, ratio: float) -> Masking:
    """Of all layers alike; n of m is so many of each, whatever the ratio."""
    return Masking(granularity, {"sparsity": ratio} if has_ratio(granularity) else {}, _start(lab, granularity))


def of_layers(lab: Lab, granularity: str, layers: Collection[str], ratio: float) -> Masking:
    """Of some layers, beside what is masked alike already."""
    start = _start(lab, granularity)
    names = [group.name for group in lab.graph.at(granularity)]
    wanted = [name for name in names if _layer(name) in layers]
    masked = lab.plan.groups if start is None else ()
    before = {group.name: len(group.removed) / group.units for group in masked if group.removed}
    if not has_ratio(granularity):
        return Masking(granularity, {"ignore": [name for name in names if name not in {*wanted, *before}]}, start)
    return Masking(granularity, {"ratios": {**before, **dict.fromkeys(wanted, ratio)}}, start)


def counts(plan: Plan, layers: Collection[str]) -> tuple[int, int]:
    """How many pieces of these layers' weights are masked, and how many there are."""
    groups = [group for group in plan.groups if _layer(group.name) in layers]
    return sum(len(group.removed) for group in groups), sum(group.units for group in groups)


def _layer(weight: str) -> str:
    return weight.rpartition(".")[0]


def _start(lab: Lab, granularity: str) -> str | None:
    """The nearest state on the way here that has all its units, and no masks of another kind; None where it is the
    current one."""
    def fits(state: State) -> bool:
        changed = [group for group in state.plan.groups if group.removed]
        return all(is_sparse(group) and group.granularity == granularity for group in changed)

    found = next(state.id for state in reversed(lab.path()) if fits(state))
    return None if found == lab.state.id else found
