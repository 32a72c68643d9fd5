"""Dims under a plan: how wide they are, which positions stay, which unit each position belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from prunelab.graph.dims import ATOM, CONCATENATION, PERMUTATION, Dim, find, leaves
from prunelab.graph.solver import Widths


@dataclass(frozen=True)
class PerBatch:
    """A size that grows with the batch: ``each * batch + more``."""

    each: int
    more: int = 0

    def at(self, batch: Any) -> Any:
        return self.each * batch + self.more

    def __floordiv__(self, n: int) -> PerBatch:
        return PerBatch(self.each // n, self.more // n)


class Survivors:
    """The positions of an atom without ``removed`` (each once): how many is known at once, which ones when asked."""

    def __init__(self, size: int, removed: Sequence[int]) -> None:
        self._size, self._removed = size, removed

    def __len__(self) -> int:
        return self._size - len(self._removed)

    @cached_property
    def positions(self) -> np.ndarray[Any, Any]:
        """The positions that stay, in order."""
        stays = np.ones(self._size, bool)
        stays[np.asarray(self._removed, int)] = False
        return np.flatnonzero(stays)


class Kept(Widths):
    """Sizes when only ``keep[atom]`` positions of some atoms stay (the others whole), for any batch.

    ``dropped`` are sums that only pass one operand on: an operator's index -> that operand. ``missing`` are operands
    that a list lacks: the index of the operator that makes it -> their places.
    """

    def __init__(self, keep: Mapping[Dim, Survivors], dropped: Mapping[int, int] | None = None,
                 missing: Mapping[int, frozenset[int]] | None = None) -> None:
        self.keep = keep
        self.dropped: Mapping[int, int] = dropped or {}
        self.missing: Mapping[int, frozenset[int]] = missing or {}
        # id(dim) -> (dim, kept alive; fixed part, part for each sample)
        self._sizes: dict[int, tuple[Dim, int, int]] = {}
        self._changed: dict[int, tuple[Dim, bool]] = {}

    @property
    def drops_operators(self) -> bool:
        """Whether some operators are not needed any more: a class's own forward calls them all."""
        return bool(self.dropped or self.missing)

    def size(self, dim: Dim) -> int | PerBatch:
        """The width: a number, or `PerBatch` where the batch is in it."""
        more, each = self._affine(dim)
        return PerBatch(each, more) if each else more

    def number(self, dim: Dim, batch: int = 1) -> int:
        """The width at one batch."""
        more, each = self._affine(dim)
        return each * batch + more

    def ratio(self, dim: Dim) -> float:
        """The width over the dense width; the batch is the same in both."""
        return self.number(dim) / Kept({}).number(dim) if self.changes(dim) else 1.0

    def _affine(self, dim: Dim) -> tuple[int, int]:
        d = find(dim)
        known = self._sizes.get(id(d))
        if known is not None:
            return known[1], known[2]
        if d.kind == ATOM:
            more, each = (0, 1) if d.batch else (len(self.keep[d]) if d in self.keep else d.size, 0)
        elif d.kind == PERMUTATION:
            more, each = self._affine(d.parts[0])
        elif d.kind == CONCATENATION:
            parts = [self._affine(p) for p in d.parts]
            more, each = sum(p[0] for p in parts), sum(p[1] for p in parts)
        else:
            more, each = 1, 0
            for p in d.parts:
                a, b = self._affine(p)
                more, each = more * a, more * b + each * a
        self._sizes[id(d)] = (d, more, each)
        return more, each

    def changes(self, dim: Dim) -> bool:
        """Whether some position of ``dim`` goes."""
        d = find(dim)
        known = self._changed.get(id(d))
        if known is None:
            known = self._changed[id(d)] = (d, any(leaf in self.keep for leaf in leaves(d)))
        return known[1]

    def positions(self, dim: Dim) -> np.ndarray[Any, Any]:
        """The kept positions of ``dim``, in order."""
        d = find(dim)
        if not self.changes(d):
            return np.arange(d.size)
        if d.kind == ATOM:
            return self.keep[d].positions
        if d.kind == PERMUTATION:
            return np.flatnonzero(np.isin(d.order, self.positions(d.parts[0])))
        if d.kind == CONCATENATION:
            starts = np.cumsum([0, *(find(p).size for p in d.parts)])
            return np.concatenate([self.positions(p) + at for p, at in zip(d.parts, starts, strict=False)])
        out = np.zeros(1, np.int64)
        for p in d.parts:
            out = (out[:, None] * find(p).size + self.positions(p)[None]).reshape(-1)
        return out

    def before(self, dim: Dim, position: int) -> int | PerBatch:
        """How many kept positions stand before ``position``: where a boundary is after the cut."""
        d = find(dim)
        if position == d.size:
            return self.size(d)
        if position == 0 or not self.changes(d):
            return position
        return int(np.searchsorted(self.positions(d), position))


def unit_of(dim: Dim, group: Dim) -> np.ndarray[Any, Any]:
    """For each position of ``dim``, the unit of ``group`` it belongs to; -1 where it belongs to none."""
    d, g = find(dim), find(group)
    if d is g:
        return np.arange(d.size)
    if d.kind == ATOM:
        return np.full(d.size, -1)
    if d.kind == PERMUTATION:
        return unit_of(d.parts[0], g)[list(d.order)]
    if d.kind == CONCATENATION:
        return np.concatenate([unit_of(p, g) for p in d.parts])
    out = np.full(1, -1)
    for p in d.parts:
        own = unit_of(p, g)
        out = np.where(own[None, :] >= 0, own[None, :], out[:, None]).reshape(-1)
    return out
