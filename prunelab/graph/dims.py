"""Widths as a small algebra: what the axes of a network's tensors are made of.

A tensor's axis is a `Dim`:

* an **atom** of n positions: nothing is known but its size;
* a **product** of dims, rows x columns as a reshape sees it: heads x width, channels x height x width after a flatten;
* a **concatenation** of dims, end to end;
* a **permutation** of a dim: its positions in another order, as a flip or an index has them.

Operators only say that dims are the same, regroup or split them (`unifying.py`), or need all of one (`fix`). An atom
that turns out to have structure, or to be another atom, *becomes* the other dim by a link, as in a union-find forest:
`find` follows it. What is an atom in the end and was not fixed is a group; its positions are the units.

    heads, width = atom(12), atom(64)
    channels = product([heads, width])     # 768 positions: an attention layer's output
    tokens = concatenation([atom(1), atom(196)])
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

ATOM, PRODUCT, CONCATENATION, PERMUTATION = "atom", "product", "concatenation", "permutation"


class Dim:
    """One axis, or a part of one. ``reason`` says why its positions cannot go (``""`` while they can)."""

    __slots__ = ("batch", "kind", "link", "order", "parts", "reason", "size", "tags")

    def __init__(self, size: int, kind: str = ATOM, parts: Sequence[Dim] = (), reason: str = "") -> None:
        self.size, self.kind, self.parts, self.reason = size, kind, parts, reason
        self.link: Dim | None = None
        self.order: tuple[int, ...] = ()  # of a permutation: position k is the part's position order[k]
        self.batch = False
        self.tags: tuple[str, ...] = ()  # what rules learnt about an atom: "head", "hidden", ...

    def __repr__(self) -> str:
        d = find(self)
        if d.kind == ATOM:
            return f"{d.size}{'!' if d.reason else ''}"
        return "(" + (" x " if d.kind == PRODUCT else " + ").join(map(repr, d.parts)) + f"{d.order or ''})"


def find(d: Dim) -> Dim:
    """What ``d`` has become."""
    while d.link is not None:
        if d.link.link is not None:
            d.link = d.link.link  # halve the path, as union-find does
        d = d.link
    return d


def atom(size: int, reason: str = "") -> Dim:
    """A new axis of ``size`` positions; with a ``reason`` it is fixed from the start."""
    return Dim(size, reason=reason)


def product(parts: Iterable[Dim]) -> Dim:
    """Rows x columns x ...: dims of size one vanish, since they order nothing."""
    flat: list[Dim] = []
    for part in map(find, parts):
        flat += factors(part) if part.kind == PRODUCT else [part] if part.size != 1 else []
    if not flat:
        return atom(1, "a single position")
    return flat[0] if len(flat) == 1 else Dim(math.prod(f.size for f in flat), PRODUCT, flat)


def concatenation(parts: Iterable[Dim]) -> Dim:
    """Dims end to end: empty ones vanish."""
    flat: list[Dim] = []
    for part in map(find, parts):
        flat += [find(q) for q in part.parts] if part.kind == CONCATENATION else [part] if part.size else []
    return flat[0] if len(flat) == 1 else Dim(sum(p.size for p in flat), CONCATENATION, flat)


def permutation(d: Dim, order: Sequence[int]) -> Dim:
    """The positions of ``d``, each once, in another order."""
    d = find(d)
    if d.kind == PERMUTATION:
        d, order = find(d.parts[0]), [d.order[k] for k in order]
    if list(order) == list(range(d.size)):
        return d
    out = Dim(d.size, PERMUTATION, [d])
    out.order = tuple(order)
    return out


def factors(d: Dim) -> list[Dim]:
    """The factors of a product from the outermost in, nested ones opened; ``[d]`` for anything else."""
    d = find(d)
    if d.kind == PRODUCT:
        return [f for part in d.parts for f in factors(part)]
    return [d] if d.size != 1 else []


def leaves(d: Dim) -> list[Dim]:
    """The atoms of ``d``, in order; one may stand there twice."""
    d = find(d)
    return [d] if d.kind == ATOM else [a for part in d.parts for a in leaves(part)]


def fix(d: Dim, reason: str) -> None:
    """All positions of ``d`` stay; the first reason given is the one that is told."""
    for leaf in leaves(d):
        leaf.reason = leaf.reason or reason


def tag(d: Dim, name: str) -> None:
    """Note on the atoms of ``d`` what a rule learnt about them."""
    for leaf in leaves(d):
        if name not in leaf.tags:
            leaf.tags = (*leaf.tags, name)


def become(d: Dim, other: Dim) -> None:
    """Atom ``d`` turns out to be ``other``: what was known of it holds for all of that."""
    d, other = find(d), find(other)
    if d is other:
        return
    if d.reason:
        fix(other, d.reason)
    for name in d.tags:
        tag(other, name)
    if d.batch:
        if other.kind == ATOM:
            other.batch = True
        else:
            fix(other, "part of the batch")
    d.link = other
