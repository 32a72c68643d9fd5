"""Sizes that are known only when a file runs: sums of products of its free axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prunelab.graph.program import Leaf

BATCH, LENGTH = "batch", "length"


@dataclass(frozen=True)
class Size(Leaf):
    """``terms`` maps free axes, in order, to a factor: ``{("batch",): 2, (): 1}`` is twice the batch and one.

    ``dtype`` is that of the tensor which it stands for, as that of the 6.0 in ``x.sum(1) / x.shape[1]``.
    """

    terms: Mapping[tuple[str, ...], int]
    dtype: str = "int64"

    def at(self, lengths: Mapping[str, Any]) -> Any:
        """The number, where the free axes are as long as ``lengths`` says: numbers, or whatever multiplies and adds."""
        total: Any = None
        for axes, factor in self.terms.items():
            product: Any = factor
            for axis in axes:
                product = lengths[axis] * product
            total = product if total is None else product + total
        return 0 if total is None else total

    def __mul__(self, other: int | Size) -> Size:
        others = other.terms if isinstance(other, Size) else {(): other}
        terms: dict[tuple[str, ...], int] = {}
        for a, n in self.terms.items():
            for b, m in others.items():
                axes = tuple(sorted(a + b))
                terms[axes] = terms.get(axes, 0) + n * m
        return Size(terms)

    __rmul__ = __mul__

    def __add__(self, other: int | Size) -> Size:
        terms = dict(self.terms)
        for axes, factor in (other.terms if isinstance(other, Size) else {(): other}).items():
            terms[axes] = terms.get(axes, 0) + factor
        return Size(terms)

    __radd__ = __add__

    def __sub__(self, other: int | Size) -> Size:
        return self + other * -1


Number = int | Size


def per_batch(each: int, more: int) -> Number:
    """``each`` for each sample and ``more``."""
    return Size({(BATCH,): each, **({(): more} if more else {})}) if each else more


def along_length(lengths: tuple[int, int, int], numbers: tuple[Number, Number, Number]) -> Number | None:
    """The size that is ``numbers`` where the free length is ``lengths``: a number for each sample and position; None
    where it does not grow by the same for each position."""
    l0, l1, l2 = lengths
    terms: dict[tuple[str, ...], int] = {}
    parts: list[Mapping[tuple[str, ...], int]] = [n.terms if isinstance(n, Size) else {(): n} for n in numbers]
    for axes in dict.fromkeys(a for p in parts for a in p):
        a, b, c = (p.get(axes, 0) for p in parts)
        each, rest = divmod(b - a, l1 - l0)
        start = a - each * l0
        if rest or c != start + each * l2:
            return None
        terms.update({tuple(sorted((*axes, LENGTH))): each} if each else {})
        terms.update({axes: start} if start else {})
    return Size(terms) if any(terms) else terms.get((), 0)


def is_free(number: Any) -> bool:
    """Whether a size, or one of a list of sizes, is not known before a file runs."""
    return any(map(is_free, number)) if isinstance(number, (list, tuple)) else isinstance(number, Size)
