"""Masking weights in their place: what is asked of `Lab.step`, and from which state on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunelab.errors import OptionError
from prunelab.graph.groups import layer_of
from prunelab.graph.removals import is_sparse
from prunelab.jupyter.words import CHOICES
from prunelab.jupyter.words import STEP as WORDS
from prunelab.lab.cuts import Cut, check_mixed
from prunelab.lab.granular import fixed_ratio
from prunelab.lab.options import Healing
from prunelab.lab.wish import Wish
from prunelab.plan import Plan

if TYPE_CHECKING:
    from prunelab.lab import Lab, State

WHOLE = "auto"  # units are cut, nothing is masked
GRANULARITIES = (WHOLE, "element", "2:4", "kernel", "block:4x4")


@dataclass(frozen=True)
class Masking:
    """Masks of one ``granularity``: of one of the ``layers``, of several (each with its ratio) or of all (None).

    ``ratio``: None where a ratio is not asked for. ``start``: the state to begin from, None for the current one.
    """

    granularity: str
    layers: str | Mapping[str, float] | None
    ratio: float | None
    start: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """As arguments of `Lab.step`, beside the layers."""
        return ({} if self.ratio is None else {"ratio": self.ratio}) | {"granularity": self.granularity}

    def plan(self, lab: Lab, criterion: str | None) -> Plan:
        """What would be masked of the weights as they are now.

        Raises:
            OptionError: what cannot be masked so; a criterion that looks at data.
        """
        cut = Cut(criterion or lab.criterion, granularity=self.granularity)
        begun = lab.plan if self.start is None else next(s.plan for s in lab.path() if s.id == self.start)
        return Wish(self.layers, self.ratio, None).proposal(lab.graph, begun, cut, Healing()).plan


def has_ratio(granularity: str) -> bool:
    """Whether there is a choice of how much; of n of m there is none."""
    return not granularity[0].isdigit()


def of_all(lab: Lab, granularity: str, ratio: float) -> Masking:
    """Of all layers alike; n of m is so many of each, whatever the ratio."""
    return Masking(granularity, None, ratio if has_ratio(granularity) else None, _start(lab, granularity))


def of_layers(lab: Lab, granularity: str, layers: Collection[str], ratio: float) -> Masking:
    """Of some layers, beside what is masked already; those without such weights are passed over. Heads have those of
    the layers that make them.

    Raises:
        OptionError: none of them has such weights.
    """
    start, names = _start(lab, granularity), {_layer(group.name) for group in lab.graph.at(granularity)}
    made = {group.name: [layer_of(member.parameter) for member in group.makers] for group in lab.graph.groups}
    wanted = list(dict.fromkeys(layer for name in layers for layer in ([name] if name in names else made.get(name, ()))
                                if layer in names))
    if not wanted:
        raise OptionError(WORDS["no such weights"].format(layers=", ".join(layers), pieces=CHOICES[granularity]))
    if len(wanted) == 1:
        return Masking(granularity, wanted[0], ratio if has_ratio(granularity) else None, start)
    fixed = fixed_ratio(granularity)
    share = ratio if fixed is None else fixed
    return Masking(granularity, dict.fromkeys(wanted, share), None, start)


def counts(plan: Plan, masking: Masking) -> tuple[int, int]:
    """How many pieces of the layers' weights are masked in a plan, and how many there are."""
    layers = {masking.layers} if isinstance(masking.layers, str) else masking.layers
    groups = [group for group in plan.groups if layers is None or _layer(group.name) in layers]
    return sum(len(group.removed) for group in groups), sum(group.units for group in groups)


def _layer(weight: str) -> str:
    return weight.rpartition(".")[0]


def _start(lab: Lab, granularity: str) -> str | None:
    """The nearest state on the way here from which such masks can be made: without masks of another kind, and with all
    units where tiles or runs of weights would lose some; None where it is the current one."""
    def fits(state: State) -> bool:
        masks = {group.granularity for group in state.plan.groups if group.removed and is_sparse(group)}
        return masks <= {granularity} and can_be_mixed(state.plan, granularity)

    found = next(state.id for state in reversed(lab.path()) if fits(state))
    return None if found == lab.state.id else found


def can_be_mixed(plan: Plan, granularity: str) -> bool:
    """Whether units of a granularity can go beside what a plan takes."""
    try:
        check_mixed(plan, granularity)
    except OptionError:
        return False
    return True
