"""The least that meets a target, or what can be met instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prunelab.errors import OptionError
from prunelab.graph import Graph
from prunelab.graph.removals import is_sparse
from prunelab.plan.allocation import Allocation, Field, smallest, total_units
from prunelab.plan.plan import Plan

# Amounts between which a latency's is found: eight tries
_LATENCY_STEPS = 256


def meet(graph: Graph, base: Plan, allocation: Allocation, field: Field) -> dict[str, tuple[int, ...]]:
    """By group, the units that go: the least, beyond what ``base`` takes, that meets the field's target.

    Raises:
        OptionError: it cannot be met; the nearest that can is in the message.
    """
    (kind, value), scores, round_to = field.target, field.scores, field.limits.round_to
    if value == 0:
        return allocation.removed(0.0)
    left, dense = _measure(graph, base, field)
    allowed = (1 - value) * dense
    if kind == "sparsity":
        allowed = dense - round(value * dense)  # the nearest number of units
        direct = allocation.removed(value)
        # without rounding, each group loses the number nearest to the ratio that leaves it a unit: no less can be meant
        if (round_to == 1 and not field.limits.floor) or left(direct) <= allowed:
            return direct
    # each try of a latency measures operators at new shapes
    steps = total_units(scores) if field.clock is None else min(total_units(scores), _LATENCY_STEPS)
    found = smallest(allocation, lambda removed: left(removed) <= allowed, max(1, steps))
    if found is None:
        raise _cannot_be_met(allocation, field, left, dense)
    return found


def _cannot_be_met(allocation: Allocation, field: Field, left: Callable[[Mapping[str, tuple[int, ...]]], float],
                   dense: float) -> OptionError:
    """Says the nearest that can be met, and which groups' floors bind: those that hold most of what is left."""
    (kind, value), (round_to, floor) = field.target, (field.limits.round_to, field.limits.floor)
    everything = allocation.removed(1.0)
    least = left(everything)
    most = 1 - least / dense if dense else 0.0
    asked = "memory" if kind == "bytes" else kind
    what = {"sparsity": "units", "macs": "MACs"}.get(kind, kind)
    stay = "one unit stays" if round_to == 1 else f"{round_to} units stay (round_to)"
    if floor:
        stay = f"{floor:g} of the units stay (floor)"

    def held(name: str) -> float:
        units = len(field.scores[name])
        return least - left({**everything, name: tuple(range(units - 1))}) if units > 1 else 0

    binding = [name for name in sorted(field.scores, key=held, reverse=True)[:3] if held(name) > 0]
    told = f", first of all in {', '.join(binding)}" if binding else ""
    return OptionError(f"{asked}={value} cannot be met: at most {most:.3f} of the {what} go where {stay} in each of "
                       f"{len(field.scores)} groups{told}; ask for at most {int(most * 1000) / 1000:.3f}, ignore fewer "
                       f"layers{', or give a smaller round_to' if round_to > 1 else ''}"
                       f"{', or a lower floor' if floor else ''}")


def _measure(graph: Graph, base: Plan,
             field: Field) -> tuple[Callable[[Mapping[str, tuple[int, ...]]], float], float]:
    """What removed units leave of the units (of the scored groups), MACs, params or ms; and what there is in all."""
    kind, structure, clock = field.target[0], graph.structure, field.clock
    if kind == "sparsity":
        total = total_units(field.scores)
        return lambda removed: total - sum(map(len, removed.values())), total
    before = {g.name: g.removed for g in base.groups if not is_sparse(g)}
    if clock is not None:
        return lambda removed: clock.ms({**before, **removed}), clock.ms({})

    def left(removed: Mapping[str, tuple[int, ...]]) -> int:
        return int(getattr(structure.cost(structure.kept({**before, **removed})), kind))

    return left, int(getattr(graph.cost(), kind))
