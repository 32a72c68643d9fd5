"""Every layer keeps the same fraction of its multiply-accumulates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prunelab.graph.dims import Dim, find, leaves
from prunelab.graph.widths import Kept
from prunelab.plan.allocation import Array, Field, Limits, n_removed

if TYPE_CHECKING:
    from prunelab.graph import Graph


@dataclass(frozen=True)
class UniformMacs:
    """The amount is the fraction of its MACs that every operator loses, as nearly as ties between widths allow.

    An operator keeps the product of the fractions of its widths. So in logarithms the widths solve a least squares
    problem, weighted by the operators' MACs: ``share[group]`` is the group's part, and it keeps
    ``(1 - amount)^share``.
    """

    scores: Mapping[str, Array]
    limits: Limits
    share: Mapping[str, float]

    @classmethod
    def over(cls, field: Field) -> UniformMacs:
        """The allocation of a field."""
        assert field.graph is not None
        return cls(field.scores, field.limits, uniform_shares(field.graph, tuple(field.scores)))

    def removed(self, amount: float) -> dict[str, tuple[int, ...]]:
        left = max(1 - amount, 1e-6)  # an amount of one leaves what the floors leave
        return {name: self.limits.choose(name, s, n_removed(1 - left ** self.share[name], len(s)))
                for name, s in self.scores.items()}


def uniform_shares(graph: Graph, names: tuple[str, ...]) -> dict[str, float]:
    """By group, the exponent of `UniformMacs`: not negative, one where all its operators have no other width to cut."""
    from scipy.optimize import nnls

    atoms = {id(find(graph.structure.atoms[name])): k for k, name in enumerate(names)}
    whole, rows, weights = Kept({}), [], []
    for term in graph.structure.costs.macs:
        factor, dims = term.factor, term.dims
        row = np.zeros(len(names))
        for dim in dims:
            for key, part in _parts(dim):
                if key in atoms:
                    row[atoms[key]] += part
        if row.any():
            rows.append(row)
            weights.append(np.sqrt(float(factor) * float(np.prod([float(whole.number(d)) for d in dims]))))
    if not rows:
        return dict.fromkeys(names, 1.0)
    w = np.array(weights) / max(weights)
    # a slight pull towards equal shares, for widths that the operators leave open
    pull = 1e-3 * np.eye(len(names))
    solution, _ = nnls(np.concatenate([np.array(rows) * w[:, None], pull]), np.concatenate([w, 0.5 * pull.sum(axis=1)]))
    return dict(zip(names, map(float, solution), strict=True))


def _parts(dim: Dim) -> list[tuple[int, float]]:
    """The atoms of a dim, each with how much of its width goes when a small part of the atom goes."""
    d = find(dim)
    if d.kind == "concatenation":
        return [(key, part * find(p).size / d.size) for p in d.parts for key, part in _parts(p)]
    if d.kind == "product":
        return [found for p in d.parts for found in _parts(p)]
    return [(id(leaf), 1.0) for leaf in leaves(d)]
