"""What `propose` is asked for: its target and its options, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prunelab.errors import OptionError, check_ratio, check_whole, shown, unknown_name
from prunelab.graph.removals import GRANULARITIES, PATTERNS
from prunelab.graph.sparse import Pattern
from prunelab.plan.propose_sparse import SparseTarget
from prunelab.plan.scopes import scope_of

TARGETS = ("sparsity", "macs", "params", "memory", "latency", "ratios")


@dataclass(frozen=True)
class Target:
    """What is asked for: ``kind`` is one of TARGETS, ``value`` a fraction removed (for ratios, one a group)."""

    kind: str
    value: Any

    def __str__(self) -> str:
        return f"{self.kind}={self.value}"


def check_options(scope: Any, granularity: str, round_to: int) -> int:
    """``round_to``, where all three are known.

    Raises:
        UnknownNameError, OptionError: they are not.
    """
    scope_of(scope)
    if granularity not in GRANULARITIES:
        raise unknown_name("granularity", granularity, [*GRANULARITIES, *PATTERNS])
    return check_whole(round_to, "round_to", 1)


def sparse_target(pattern: Pattern, round_to: int, floor: float, **given: Any) -> SparseTarget:
    """What is asked of weights that are masked in their place.

    Raises:
        OptionError: something that they do not change.
    """
    for option, value, plain in (("round_to", round_to, 1), ("floor", floor, 0)):
        if value != plain:
            raise OptionError(f"{option} is {shown(value)}, and granularity '{pattern}' takes no units out; leave it "
                              "out")
    for kind, what in (("macs", "all MACs"), ("memory", "all bytes"), ("latency", "the time of dense operators")):
        if given[kind] is not None:
            raise OptionError(f"{kind}={shown(given[kind])} is asked for, and granularity '{pattern}' leaves {what} "
                              "where they are; ask for sparsity or params, or cut channels")
    if pattern.kind != "n:m":
        target = target_of(**given)
        return SparseTarget(target.kind, target.value)
    n, m = pattern.size
    told = {k: v for k, v in given.items() if v is not None and not (k == "sparsity" and v == 1 - n / m)}
    if told:
        (kind, value), *_ = told.items()
        raise OptionError(f"{kind}={value} is asked for, and '{pattern}' takes {1 - n / m:.3g} of each weight; leave "
                          "the target out")
    return SparseTarget(None, None)


def listed(names: Any) -> list[str]:
    """What is to be left out, as a list of names and patterns."""
    if isinstance(names, str) or names is None:
        return [] if names is None else [names]
    if not isinstance(names, Iterable):
        raise OptionError(f"ignore is {shown(names)}; give layers, groups or patterns, such as ['conv1', 'layer4.*']")
    return [str(name) for name in names]


def target_of(**given: Any) -> Target:
    """The one target that is given.

    Raises:
        OptionError: none, several, or one out of its range.
    """
    named = {k: v for k, v in given.items() if v is not None}
    if len(named) != 1:
        raise OptionError(f"{' and '.join(named) if named else 'no target'} given; "
                          f"give one of {', '.join(TARGETS)}, such as sparsity=0.5")
    (kind, value), = named.items()
    if kind == "ratios":
        if not isinstance(value, Mapping):
            raise OptionError(f"ratios is {shown(value)}; "
                              "give a dict from layers to fractions, such as {'layer1.0.conv1': 0.3}")
        return Target(kind, {str(n): check_ratio(r, place=f"the ratio of '{n}'") for n, r in value.items()})
    return Target(kind, check_ratio(value, place=kind))
