"""Dims brought together, and taken apart where their structures ask for it.

`unify` says that two axes are one, `reshape` regroups the factors of several, `split`, `rows` and `select` take one
apart. They call one another: to make a concatenation and a table the same axis, both are seen in the same pieces.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from prunelab.graph.dims import (
    ATOM,
    CONCATENATION,
    PERMUTATION,
    PRODUCT,
    Dim,
    atom,
    become,
    concatenation,
    factors,
    find,
    fix,
    permutation,
    product,
)


def unify(a: Dim, b: Dim, reason: str) -> None:
    """``a`` and ``b`` are one axis. Where their structures cannot be brought together, both are fixed by ``reason``."""
    a, b = find(a), find(b)
    if a is b:
        return
    if a.size != b.size:
        fix(a, f"{reason}: {a.size} meets {b.size}")
        fix(b, f"{reason}: {b.size} meets {a.size}")
    elif PERMUTATION in (a.kind, b.kind) and (_is_permuted(a, b) or _is_permuted(b, a)):
        fix(a, f"{reason}: units meet themselves in another order")
    elif a.kind == ATOM:
        become(a, b)
    elif b.kind == ATOM:
        become(b, a)
    elif PERMUTATION in (a.kind, b.kind):
        _unify_permuted(*((a, b) if a.kind == PERMUTATION else (b, a)), reason)
    elif a.kind == b.kind == CONCATENATION:
        _unify_concatenations(a, b, reason)
    elif a.kind == b.kind == PRODUCT:
        _unify_products(a, b, reason)
    elif a.kind == PRODUCT:
        _unify_rows(a, b, reason)
    else:
        _unify_rows(b, a, reason)


def _unify_concatenations(a: Dim, b: Dim, reason: str) -> None:
    """Walk both, splitting the longer part at each boundary of the other."""
    left, right = [find(p) for p in a.parts], [find(p) for p in b.parts]
    a.link = b
    while left and right:
        x, y = find(left.pop(0)), find(right.pop(0))
        n = min(x.size, y.size)
        if x.size > n:
            x, rest = split(x, [n, x.size - n])
            left.insert(0, rest)
        if y.size > n:
            y, rest = split(y, [n, y.size - n])
            right.insert(0, rest)
        unify(x, y, reason)


def _unify_products(a: Dim, b: Dim, reason: str) -> None:
    """Walk both from the outermost factor in, seeing the larger factor as rows of the smaller."""
    left, right = factors(a), factors(b)
    a.link = b
    while left and right:
        x, y = find(left.pop(0)), find(right.pop(0))
        if x.size == y.size:
            unify(x, y, reason)
        elif x.size % y.size == 0:
            head, tail = rows(x, y.size)
            unify(head, y, reason)
            left = [*factors(tail), *left]
        elif y.size % x.size == 0:
            head, tail = rows(y, x.size)
            unify(x, head, reason)
            right = [*factors(tail), *right]
        else:
            for q in (x, y, *left, *right):
                fix(q, f"{reason}: rows of {x.size} and of {y.size} do not nest")
            return


def _unify_rows(table: Dim, chain: Dim, reason: str) -> None:
    """A product meets a concatenation: parts that are whole rows are parts of the rows, with the same columns."""
    parts = [find(p) for p in chain.parts]
    outer, inner = _whole_rows(table, [p.size for p in parts])
    columns = math.prod(f.size for f in inner)
    if not inner and not outer[0].reason:
        pieces = split(table, [p.size for p in parts])
        chain.link = table
        for p, piece in zip(parts, pieces, strict=True):
            unify(p, piece, reason)
        return
    chain.link = table
    if inner and (len(outer) == 1 or not outer[0].reason):
        heads = split(product(outer), [p.size // columns for p in parts])
    else:
        why = "rows of a concatenation" if inner else f"{reason}: a concatenation across rows"
        for f in outer:
            fix(f, why)
        heads = [atom(p.size // columns, why) for p in parts]
    for p, head in zip(parts, heads, strict=True):
        unify(p, product([head, *inner]), reason)


def _whole_rows(table: Dim, sizes: Iterable[int]) -> tuple[list[Dim], list[Dim]]:
    """The factors of a product as rows and columns, such that each of ``sizes`` is whole rows of the most columns."""
    parts = factors(table)
    for k in range(1, len(parts)):
        columns = math.prod(f.size for f in parts[k:])
        if all(n % columns == 0 for n in sizes):
            return parts[:k], parts[k:]
    return parts, []


def _is_permuted(a: Dim, b: Dim) -> bool:
    """Whether ``b`` is ``a`` itself in another order; then neither can become the other."""
    return b.kind == PERMUTATION and find(b.parts[0]) is a


def _unify_permuted(a: Dim, b: Dim, reason: str) -> None:
    """A permutation meets structure: it is undone on the other side, or taken apart as the other is."""
    inner = find(a.parts[0])
    if b.kind == PERMUTATION:
        back = {k: place for place, k in enumerate(a.order)}
        unify(inner, permutation(b, [back[k] for k in range(a.size)]), reason)
    elif b.kind == CONCATENATION:
        start = 0
        for p in [find(p) for p in b.parts]:
            unify(select(a, range(start, start + p.size)), p, reason)
            start += p.size
    else:
        outer, *others = factors(b)
        fix(outer, "rows of a permutation")
        columns = product(others)
        for k in range(outer.size):
            unify(select(a, range(k * columns.size, (k + 1) * columns.size)), columns, reason)


def select(d: Dim, order: Sequence[int]) -> Dim:
    """The positions ``order`` of ``d``, each at most once, in that order; what is not read becomes a part of its own.

    Positions of rows and columns are followed where whole rows, or the same columns of all rows, are read.
    """
    d, order = find(d), list(order)
    if order == list(range(d.size)):
        return d
    if not order:
        return atom(0, "empty")
    if d.kind == PERMUTATION:
        return select(d.parts[0], [d.order[k] for k in order])
    if d.kind == CONCATENATION and len(order) < d.size:
        return _select_from_parts(d, order)
    if d.kind == PRODUCT:
        return _select_from_rows(d, order)
    if len(order) == d.size:
        return permutation(d, order)
    if d.reason:
        return atom(len(order), d.reason)
    if order == list(range(order[0], order[0] + len(order))):
        sizes = [n for n in (order[0], len(order), d.size - order[-1] - 1) if n]
        return split(d, sizes)[1 if order[0] else 0]
    chosen = set(order)
    rest = [k for k in range(d.size) if k not in chosen]
    place = {k: at for at, k in enumerate([*order, *rest])}
    read = atom(len(order))
    become(d, permutation(concatenation([read, atom(len(rest))]), [place[k] for k in range(d.size)]))
    return read


def _select_from_parts(d: Dim, order: list[int]) -> Dim:
    """What is read of each part, end to end, then put in order."""
    start, taken, parts = 0, list[int](), []
    for p in map(find, d.parts):
        mine = [k for k in order if start <= k < start + p.size]
        if mine:
            parts.append(select(p, [k - start for k in mine]))
        taken += mine
        start += p.size
    place = {k: at for at, k in enumerate(taken)}
    return permutation(concatenation(parts), [place[k] for k in order])


def _select_from_rows(d: Dim, order: list[int]) -> Dim:
    outer, *others = factors(d)
    inner = product(others)
    n = inner.size
    whole = [k // n for k in order[::n]]
    if order == [r * n + c for r in whole for c in range(n)]:
        return product([select(outer, whole), inner])
    if len(order) % outer.size == 0:
        columns = order[: len(order) // outer.size]
        if columns and max(columns) < n and order == [r * n + c for r in range(outer.size) for c in columns]:
            return product([outer, select(inner, columns)])
        if order == [r * n + c for c in range(n) for r in range(outer.size)]:
            return product([inner, outer])
    if len(order) == d.size:
        return permutation(d, order)
    fix(d, "positions read across rows")
    return atom(len(order), "positions read across rows")


def rows(d: Dim, n: int) -> tuple[Dim, Dim]:
    """See ``d`` as ``n`` rows: the dim of the rows and the dim of the columns."""
    head, tail = atom(n), atom(find(d).size // n)
    unify(d, Dim(find(d).size, PRODUCT, [head, tail]) if n != 1 and tail.size != 1 else (tail if n == 1 else head),
          "rows and columns")
    return find(head), find(tail)


def split(d: Dim, sizes: Sequence[int]) -> list[Dim]:
    """``d`` cut at boundaries into parts of ``sizes`` (which sum to its size), in order."""
    d = find(d)
    sizes = list(sizes)
    if len(sizes) == 1:
        return [d]
    if d.kind == ATOM:
        parts = [atom(s, d.reason) for s in sizes]
        if not d.reason:
            become(d, concatenation(parts))
        return parts
    if d.kind == PRODUCT:
        return _split_rows(d, sizes)
    if d.kind == PERMUTATION:
        ends = [sum(sizes[: k + 1]) for k in range(len(sizes))]
        return [select(d, range(end - size, end)) for end, size in zip(ends, sizes, strict=True)]
    # what a part has been split into since stands in its place: nested, many cuts would take time by their cube
    d.parts = concatenation(d.parts).parts
    pending, out = [find(p) for p in d.parts], []
    for size in sizes:
        taken, missing = [], size
        while missing:
            p = find(pending.pop(0))
            if p.size > missing:
                p, rest = split(p, [missing, p.size - missing])
                pending.insert(0, rest)
            taken.append(p)
            missing -= p.size
        out.append(concatenation(taken) if taken else atom(0, "empty"))
    return out


def _split_rows(d: Dim, sizes: list[int]) -> list[Dim]:
    outer, inner = _whole_rows(d, sizes)
    columns = math.prod(f.size for f in inner)
    if inner and not outer[0].reason:
        return [product([part, *inner]) for part in split(product(outer), [s // columns for s in sizes])]
    if not inner and len(outer) > 1 and not outer[0].reason:
        return _split_inside_rows(outer[0], product(outer[1:]), sizes)
    for f in outer:
        fix(f, "split across rows")
    return [product([atom(s // columns, outer[0].reason), *inner]) for s in sizes]


def _split_inside_rows(outer: Dim, inner: Dim, sizes: list[int]) -> list[Dim]:
    """Rows x columns cut inside of some rows: these stay, in two pieces, and the rows between can go."""
    n, ends = inner.size, list(itertools.accumulate(sizes))
    bounds = sorted({0, outer.size, *(end // n for end in ends), *(-(-end // n) for end in ends)})
    blocks = split(outer, [high - low for low, high in itertools.pairwise(bounds)])
    pieces = list[Dim]()
    for (low, high), block in zip(itertools.pairwise(bounds), blocks, strict=True):
        inside = [end - low * n for end in ends if low * n < end < high * n]
        if inside:
            fix(block, "split across rows")
            pieces += split(inner, [b - a for a, b in itertools.pairwise([0, *inside, n])])
        else:
            pieces.append(product([block, inner]))
    return split(concatenation(pieces), sizes)


def reshape(dims: Sequence[Dim], sizes: Sequence[int]) -> list[Dim]:
    """The dims of a reshape to ``sizes``: factors are regrouped, and an atom is split into rows where it must be."""
    todo = [f for d in dims for f in factors(d)]
    out: list[Dim] = []
    for place, n in enumerate(sizes):
        taken: list[Dim] = []
        have = 1
        while have < n and todo:
            f = find(todo.pop(0))
            if f.kind == PRODUCT:
                todo = factors(f) + todo
            elif n % (have * f.size) == 0:
                taken.append(f)
                have *= f.size
            elif (have * f.size) % n == 0 and n % have == 0:
                head, tail = rows(f, n // have)
                todo = [*factors(tail), *todo]
                taken += factors(head)
                have = n
            else:
                todo.insert(0, f)
                break
        if have != n:
            why = f"a reshape to {tuple(sizes)} that does not nest with its {tuple(find(d).size for d in dims)}"
            return [*out, *_mixed([*taken, *todo], sizes[place:], why)]
        out.append(product(taken))
    return out


def _mixed(parts: list[Dim], sizes: Sequence[int], why: str) -> list[Dim]:
    """What a reshape mixes stays; axes behind that, which are the same before and after, pass."""
    same = list[Dim]()
    while parts and len(same) < len(sizes) and find(parts[-1]).size == sizes[-1 - len(same)]:
        same.insert(0, parts.pop())
    for d in parts:
        fix(d, why)
    return [*(atom(n, why) for n in sizes[: len(sizes) - len(same)]), *same]
