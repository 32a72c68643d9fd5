"""Every layer keeps the same fraction of its multiply-accumulates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from prunelab.errors import OptionError, shown
from prunelab.graph.dims import Dim, find, leaves
from prunelab.graph.widths import Kept
from prunelab.plan.allocation import Array, Field, Limits, n_removed

# The part of a group's MACs by which it is pulled towards losing as much as its neighbours when 90 % go; less where
# less goes, since a unit of a narrow layer is worth more. With none, a chain of layers has one exact solution, in which
# every other width goes whole. At 90 % fewer MACs and repaired (100 steps, one seed), with a pull of 0, 0.03, 0.1, 0.3,
# and with all groups alike: a plain VGG on digits 86.9, 97.6, 97.8, 98.2, 98.0 %, a MobileNet 66.0, 76.4, 77.7, 79.4,
# 82.8 %, a ViT 65.3, 84.8, 87.3, 84.9, 78.7 %, a transformer on Python's docs 59.4, 63.3, 60.3, 58.5, 55.9 %, a ResNet
# 97.5, 96.8, 96.5, 96.0, 96.0 %. But at 50 %, with a pull of 0 and 0.1, the MobileNet (another seed) 97.8 and 96.2 %.
_PULL, _PULL_AT = 0.1, 0.9

if TYPE_CHECKING:
    from prunelab.graph import Graph


@dataclass(frozen=True)
class UniformMacs:
    """The amount is the fraction of its MACs that every operator loses, as nearly as ties between widths allow.

    An operator keeps the product of the fractions of its widths. So in logarithms the widths solve a least squares
    problem, weighted by the operators' MACs: ``share[group]`` is the group's part, and it keeps
    ``(1 - amount)^share``. A pull towards one half (two widths that lose alike) is a part of the problem; it grows with
    the square of ``log(1 - amount)``, so that each group's loss still grows with the amount.
    """

    scores: Mapping[str, Array]
    limits: Limits
    graph: Graph
    pull: float | None = None

    @classmethod
    def over(cls, field: Field, pull: float | None = None) -> UniformMacs:
        """The allocation of a field."""
        assert field.graph is not None
        return cls(field.scores, field.limits, field.graph, pull)

    @cached_property
    def _operators(self) -> tuple[Array, Array]:
        return _operators_of(self.graph, tuple(self.scores))

    def removed(self, amount: float) -> dict[str, tuple[int, ...]]:
        left = max(1 - amount, 1e-6)  # an amount of one leaves what the floors leave
        shares = _solved(*self._operators, _pull_at(left, self.pull))
        return {name: self.limits.choose(name, s, n_removed(1 - left**share, len(s)))
                for (name, s), share in zip(self.scores.items(), shares, strict=True)}


@dataclass(frozen=True, kw_only=True)
class EvenMacs:
    """The scope "uniform_macs" with a pull of one's own: ``propose(scope=EvenMacs(pull=0.5))``.

    Args:
        pull: the part of a group's MACs by which it is pulled towards losing as much as its neighbours when 90 % go, at
            least 0; it grows with the square of ``log(1 - amount)``. With much of it all groups lose alike, as by the
            scope "local".
    """

    pull: float

    def __post_init__(self) -> None:
        number = isinstance(self.pull, (int, float)) and not isinstance(self.pull, bool)
        if not number or not 0 <= self.pull < math.inf:
            raise OptionError(f"pull is {shown(self.pull)}; it is a number of at least 0, such as 0.1")

    def __str__(self) -> str:
        return f"uniform_macs, pull={self.pull:g}"

    def over(self, field: Field) -> UniformMacs:
        """The allocation of a field."""
        return UniformMacs.over(field, self.pull)


def uniform_shares(graph: Graph, names: tuple[str, ...], amount: float = _PULL_AT) -> dict[str, float]:
    """By group, the exponent of `UniformMacs` at an amount in (0, 1): not negative, near one where all its operators
    have no other width to cut."""
    return dict(zip(names, _solved(*_operators_of(graph, names), _pull_at(1 - amount)), strict=True))


def _pull_at(left: float, pull: float | None = None) -> float:
    return (_PULL if pull is None else pull) * (math.log(left) / math.log(1 - _PULL_AT)) ** 2


def _operators_of(graph: Graph, names: tuple[str, ...]) -> tuple[Array, Array]:
    """How much of each operator's MACs goes with each group, (operators, groups), and their parts of all MACs."""
    atoms = {id(find(graph.structure.atoms[name])): k for k, name in enumerate(names)}
    whole, rows, macs = Kept({}), [], []
    for term in graph.structure.costs.macs:
        row = np.zeros(len(names))
        for dim in term.dims:
            for key, part in _parts(dim):
                if key in atoms:
                    row[atoms[key]] += part
        if row.any():
            rows.append(row)
            macs.append(float(term.factor) * float(np.prod([float(whole.number(d)) for d in term.dims])))
    return np.array(rows).reshape(-1, len(names)), np.array(macs) / max(sum(macs), 1.0)


def _solved(widths: Array, macs: Array, strength: float) -> list[float]:
    """Each group's share."""
    from scipy.optimize import nnls

    if not len(widths):
        return [1.0] * widths.shape[1]
    # a group that no operator counts is pulled all the same
    pull, root = np.sqrt(strength * np.maximum((widths > 0).T @ macs, 1e-9)), np.sqrt(macs)
    solution, _ = nnls(np.concatenate([widths * root[:, None], np.diag(pull)]), np.concatenate([root, 0.5 * pull]))
    return [float(share) for share in solution]


def _parts(dim: Dim) -> list[tuple[int, float]]:
    """The atoms of a dim, each with how much of its width goes when a small part of the atom goes."""
    d = find(dim)
    if d.kind == "concatenation":
        return [(key, part * find(p).size / d.size) for p in d.parts for key, part in _parts(p)]
    if d.kind == "product":
        return [found for p in d.parts for found in _parts(p)]
    return [(id(leaf), 1.0) for leaf in leaves(d)]
