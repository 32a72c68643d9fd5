"""Sparse training: terms of the loss that draw whole units to zero, so that a later cut takes little away.

Each is a value with ``on(graph)``, which gives a function from the training's fraction to the term, a scalar tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import paddle

from prunelab.errors import OptionError, check_positive, shown, unknown_name
from prunelab.graph import Graph, Group
from prunelab.graph.widths import unit_of
from prunelab.plan import Plan, as_plan
from prunelab.surgery import cut_masks

Term = Callable[[float], Any]


class Penalty(Protocol):
    """What every penalty does."""

    def on(self, graph: Graph) -> Term:
        """The term for one network, by the fraction of the training that is done."""


@dataclass(frozen=True)
class GroupLasso:
    """``strength * sum_g sum_u sqrt(n_g) |w_u|``: w_u are all weights that make unit u of group g, n_g their number.

    The norm is not squared, so a unit goes to zero as a whole. Wen et al.: Learning Structured Sparsity in Deep Neural
    Networks, 2016 (arXiv:1608.03665); the groups are the graph's, as in Fang et al.: DepGraph, 2023 (arXiv:2301.12900).
    """

    strength: float = 1e-4

    def __post_init__(self) -> None:
        check_positive(self.strength, "strength")

    def on(self, graph: Graph) -> Term:
        """The term for one network."""
        units = [_Units.of(graph, g) for g in graph.prunable]

        def term(fraction: float) -> Any:
            # the square root's slope at zero has no bound: a number far below any weight's keeps it finite
            norms = [(u.squares() + 1e-12).sqrt().sum() * (u.n_each ** 0.5) for u in units]
            return paddle.add_n(norms) * self.strength

        return term


@dataclass(frozen=True)
class BnScale:
    """``strength * sum |gamma|`` over the scales of batch norms of prunable groups.

    Liu et al.: Learning Efficient Convolutional Networks through Network Slimming, 2017 (arXiv:1708.06519); cut by the
    criterion "bn_scale" afterwards.
    """

    strength: float = 1e-4

    def __post_init__(self) -> None:
        check_positive(self.strength, "strength")

    def on(self, graph: Graph) -> Term:
        """The term for one network.

        Raises:
            OptionError: there is no such batch norm.
        """
        names = {p.value: p.name for p in graph.program.parameters if p.trainable}
        scales = {names[v] for op in graph.program.ops if "batch_norm" in op.name
                  for v in [op.operand("scale")] if v in names}
        found = [graph.tensor(n) for n in sorted(scales & {m.parameter for g in graph.prunable for m in g.members})]
        if not found:
            raise OptionError(f"{graph.program.model} has no batch norm with a scale over units that can be cut; "
                              "choose the penalty GroupLasso")
        return lambda fraction: paddle.add_n([t.abs().sum() for t in found]) * self.strength


@dataclass(frozen=True)
class Growing:
    """``strength * f / 2 * sum w^2`` over all that ``plan`` would cut, f the fraction of the training that is done.

    What goes is chosen before and fades away, so that the network learns to do without it. Wang et al.: Neural Pruning
    via Growing Regularization, 2021 (arXiv:2012.09243), GReg-1.
    """

    plan: Plan
    strength: float = 1.0

    def __post_init__(self) -> None:
        as_plan(self.plan)
        check_positive(self.strength, "strength")
        if not self.plan:
            raise OptionError("the plan of Growing cuts nothing; give one of pl.propose")

    def on(self, graph: Graph) -> Term:
        """The term for one network.

        Raises:
            PlanError: a plan for another structure.
        """
        trained = {p.name for p in graph.program.parameters if p.trainable}
        gone = [(graph.tensor(name), paddle.to_tensor((~stays).astype(np.float32), place=graph.place))
                for name, stays in cut_masks(graph.model, self.plan).items() if name in trained]
        return lambda fraction: paddle.add_n([(t.astype("float32") * g).square().sum() for t, g in gone]) * (
            0.5 * self.strength * fraction)


@dataclass(frozen=True)
class _Units:
    """The weights that make a group's units: tensors, each with its axis and the unit of each position along it;
    ``empty`` is a zero for each unit, and one for what belongs to none."""

    n_units: int
    n_each: float
    parts: tuple[tuple[Any, int, Any], ...]
    empty: Any

    @classmethod
    def of(cls, graph: Graph, group: Group) -> _Units:
        atom, parts, n = graph.structure.atoms[group.name], [], 0
        for member in group.makers or group.members:
            tensor = graph.tensor(member.parameter)
            unit = unit_of(graph.structure.dims(member.parameter)[member.axis], atom)
            n += tensor.size * int((unit >= 0).sum()) // max(len(unit), 1)
            # what belongs to no unit is added to one that is left out
            index = paddle.to_tensor(np.where(unit < 0, group.units, unit).astype(np.int64), place=tensor.place)
            parts.append((tensor, member.axis, index))
        empty = paddle.to_tensor(np.zeros(group.units + 1, np.float32), place=graph.place)
        return cls(group.units, n / group.units, tuple(parts), empty)

    def squares(self) -> Any:
        """The sum of each unit's squared weights: (units,)."""
        total = None
        for tensor, axis, index in self.parts:
            rows = tensor.astype("float32").moveaxis(axis, 0).reshape([tensor.shape[axis], -1]).square().sum(1)
            each = paddle.index_add(self.empty, index, 0, rows)[: self.n_units]
            total = each if total is None else total + each
        return total


# name -> a penalty of its usual strength
PENALTIES: Mapping[str, Callable[[], Penalty]] = {"group_lasso": GroupLasso, "bn_scale": BnScale}


def penalties_of(given: Any) -> list[Penalty]:
    """Penalties by name or as they are; one, or several.

    Raises:
        UnknownNameError, OptionError: something else.
    """
    if given is None:
        return []
    out: list[Penalty] = []
    for one in given if isinstance(given, Iterable) and not isinstance(given, str) else [given]:
        if isinstance(one, str):
            if one not in PENALTIES:
                raise unknown_name("penalty", one, PENALTIES)
            out.append(PENALTIES[one]())
        elif callable(getattr(one, "on", None)) and not isinstance(one, type):
            out.append(one)
        else:
            raise OptionError(f"penalty is {shown(one)}; give one of {', '.join(PENALTIES)}, or an object such as "
                              "pl.train.GroupLasso(1e-4)")
    return out
