"""A layered drawing of a directed graph: ranks from top to bottom, long edges bent around what stands between.

After Sugiyama, Tagawa and Toda (1981): longest-path ranks, dummy nodes on long edges, the order within a rank by
barycentres, and places that are as near to their neighbours' as the gaps allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_SWEEPS = 6
_DUMMY_WIDTH = 10.0  # of a long edge where it passes a rank


@dataclass(frozen=True)
class Layered:
    """Of each node the middle's x and its rank; of each edge the points it passes, as x and rank, both ends in it."""

    places: tuple[tuple[float, int], ...]
    routes: tuple[tuple[tuple[float, int], ...], ...]

    @property
    def n_ranks(self) -> int:
        """How many ranks there are."""
        return 1 + max((rank for _, rank in self.places), default=-1)


def layered(widths: Sequence[float], edges: Sequence[tuple[int, int]], gap: float = 24.0) -> Layered:
    """Where nodes of these ``widths`` stand, each edge from a node to one after it; ``gap`` between neighbours."""
    ranks = _ranks(len(widths), edges)
    wide, rank_of = [*map(float, widths)], list(ranks)
    chains: list[list[int]] = []
    for a, b in edges:
        dummies = range(len(wide), len(wide) + ranks[b] - ranks[a] - 1)
        wide += [_DUMMY_WIDTH] * len(dummies)
        rank_of += range(ranks[a] + 1, ranks[b])
        chains.append([a, *dummies, b])
    links = [(a, b) for chain in chains for a, b in pairwise(chain)]
    above, below = _neighbours(len(wide), links)
    rows: list[list[int]] = [[] for _ in range(1 + max(rank_of, default=-1))]
    for node, rank in enumerate(rank_of):
        rows[rank].append(node)
    _order(rows, above, below)
    x = _place(rows, above, below, wide, gap, len(widths))
    least = min((x[node] - wide[node] / 2 for node in range(len(wide))), default=0.0)
    at = [(round(x[node] - least, 1), rank_of[node]) for node in range(len(wide))]
    return Layered(tuple(at[: len(widths)]), tuple(tuple(at[node] for node in chain) for chain in chains))


def _ranks(n: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    ranks = [0] * n
    for a, b in sorted(edges, key=lambda edge: edge[1]):
        ranks[b] = max(ranks[b], ranks[a] + 1)
    return ranks


def _neighbours(n: int, links: Sequence[tuple[int, int]]) -> tuple[list[list[int]], list[list[int]]]:
    above: list[list[int]] = [[] for _ in range(n)]
    below: list[list[int]] = [[] for _ in range(n)]
    for a, b in links:
        above[b].append(a)
        below[a].append(b)
    return above, below


def _order(rows: list[list[int]], above: list[list[int]], below: list[list[int]]) -> None:
    """Sort each rank by where its neighbours stand in the rank before, to and fro."""
    at = {node: float(place) for row in rows for place, node in enumerate(row)}
    for sweep in range(_SWEEPS):
        near, way = (above, rows) if sweep % 2 == 0 else (below, rows[::-1])
        for row in way:
            middle = {node: sum(at[other] for other in near[node]) / len(near[node]) for node in row if near[node]}
            row.sort(key=lambda node: middle.get(node, at[node]))
            at.update((node, float(place)) for place, node in enumerate(row))


def _place(rows: list[list[int]], above: list[list[int]], below: list[list[int]], wide: list[float], gap: float,
           n_real: int) -> list[float]:
    x = [0.0] * len(wide)
    for sweep in range(2 * _SWEEPS):
        near, way = (above, rows) if sweep % 2 == 0 else (below, rows[::-1])
        for row in way:
            wanted = [_wanted(node, near[node], x, n_real) for node in row]
            for node, place in zip(row, _apart(wanted, [wide[node] for node in row], gap), strict=True):
                x[node] = place
    return x


def _wanted(node: int, near: list[int], x: list[float], n_real: int) -> float:
    """The middle of the neighbours; a long edge pulls most at its own dummies, so that it is straight."""
    if not near:
        return x[node]
    pull = [8.0 if node >= n_real and other >= n_real else 1.0 for other in near]
    return sum(w * x[other] for w, other in zip(pull, near, strict=True)) / sum(pull)


def _apart(wanted: Sequence[float], wide: Sequence[float], gap: float) -> list[float]:
    """The places nearest to the wanted ones (least squares) in their order and apart: pooled adjacent violators."""
    offsets = [0.0]
    for left, right in pairwise(wide):
        offsets.append(offsets[-1] + (left + right) / 2 + gap)
    pools: list[tuple[float, int]] = []  # mean, size
    for place, offset in zip(wanted, offsets, strict=True):
        mean, size = place - offset, 1
        while pools and pools[-1][0] > mean:
            before, n = pools.pop()
            mean, size = (mean * size + before * n) / (size + n), size + n
        pools.append((mean, size))
    flat = [mean for mean, size in pools for _ in range(size)]
    return [mean + offset for mean, offset in zip(flat, offsets, strict=True)]
