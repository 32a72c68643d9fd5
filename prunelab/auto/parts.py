"""The parts of a network that a search space speaks of: which groups, and from how much to how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prunelab.auto.wishes import Part
from prunelab.errors import OptionError, unknown_name
from prunelab.graph import Graph, Group
from prunelab.plan import match

DEFAULT = "default"
# what people call operators -> what Paddle's program calls them
_ALIASES = {"matmul": "linear", "fc": "linear", "mul": "linear", "dense": "linear", "conv": "conv2d",
            "depthwise": "depthwise_conv2d"}
# a weight's reader -> what its group is called by
_OPERATORS = {"matmul": "linear", "embedding": "embedding", "rnn": ""}


def ratios_of(graph: Graph, parts: Sequence[Part]) -> dict[str, tuple[float, float]]:
    """For each group that can be cut the ends of its ratio, by the first part that fits it; groups that none fits are
    left out.

    Raises:
        UnknownNameError: a kind that no group is of, or a name that matches nothing.
        OptionError: a part that only groups which cannot be cut fit.
    """
    kinds = {g.name: kinds_of(graph, g) for g in graph.prunable}
    known = sorted({k for found in kinds.values() for k in found})
    fitting = [_fitting(graph, part, kinds, known) for part in parts]
    out: dict[str, tuple[float, float]] = {}
    for name in kinds:
        # a name says more than a kind, and "default" is what is left
        for part, own in sorted(zip(parts, fitting, strict=True), key=lambda pair: _rank(pair[0])):
            if name in own:
                out[name] = (part.low, part.high)
                break
    return out


def kinds_of(graph: Graph, group: Group) -> frozenset[str]:
    """What a group may be called by: the operators that read the weights which make its units, and its granularity."""
    values = {p.name: p.value for p in graph.program.parameters}
    found = {group.granularity}
    for member in group.makers or group.members:
        for op in graph.program.consumers.get(values[member.parameter], ()):
            if op.name == "builtin.combine":  # a recurrent layer's weights, in a list
                readers = graph.program.consumers.get(op.outputs[0], ())
                found |= {str(r.attributes.get("mode", "rnn")).lower() for r in readers if r.name == "rnn"}
            else:
                found.add(_OPERATORS.get(op.name, op.name))
    return frozenset(found - {""})


def _rank(part: Part) -> int:
    return 0 if part.names else 2 if DEFAULT in part.op_types else 1


def _fitting(graph: Graph, part: Part, kinds: Mapping[str, frozenset[str]], known: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for asked in part.op_types:
        kind = _ALIASES.get(asked.lower(), asked.lower())
        if kind != DEFAULT and kind not in known:
            raise unknown_name("op_type", asked, [DEFAULT, *known], place="search_space['structure']")
        found |= {name for name, own in kinds.items() if kind == DEFAULT or kind in own}
    for name in part.names:
        matched = match(graph, name, place="search_space['structure']")
        free = [g.name for g in matched if g.prunable]
        if not free and part.high > 0:
            raise OptionError(f"'{name}' in search_space['structure'] cannot be cut: {matched[0].name} is frozen by "
                              f"{matched[0].reason}; leave it out")
        found.update(free)
    return found
