"""Regions: the part of the images that is computed, carried through convolutions and pools.

A region is a stretch of rows and one of columns of an input, whole bands of as many positions as the network's strides
take together. The smaller model crops its input and computes what follows on smaller maps. The masked model is the
full-size graph in which nothing is known of what lies outside: before each operator that reads several positions, the
maps are zero there (for a maximum and a softmax: too low to count), and a mean is over the region's positions. Padding
of zeros is what it is in both, so the two agree: see `prunelab.graph.run.Executor`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunelab.errors import PlanError
from prunelab.graph.dims import ATOM, Dim, atom, factors, find, fix, leaves, tag
from prunelab.graph.program import Program
from prunelab.graph.windows import CONVOLUTIONS, POOLS, Window, window_of

if TYPE_CHECKING:
    from prunelab.graph.solver import Solution, Step

SPATIAL = "spatial"
# operators that add up positions, and so need zeros outside
SUMS = frozenset("matmul bmm mv addmm einsum sum mean mean_all".split())
MEANS = frozenset(("mean", "mean_all"))
_NAMES = {1: ("positions",), 2: ("rows", "columns"), 3: ("depth", "rows", "columns")}


@dataclass(frozen=True)
class Axis:
    """One axis of an input that a region is a stretch of, in bands of ``band`` positions."""

    name: str
    value: int
    axis: int
    dim: Dim
    band: int

    @property
    def units(self) -> int:
        """How many bands; the last one has what is left over."""
        return max(1, find(self.dim).size // self.band)

    def bounds(self, removed: Iterable[int]) -> tuple[int, int]:
        """The positions that stay when some bands go.

        Raises:
            PlanError: bands that stay apart from each other.
        """
        gone = set(removed)
        stay = [u for u in range(self.units) if u not in gone]
        if stay != list(range(stay[0], stay[-1] + 1)):
            raise PlanError(f"the bands of {self.name} that stay are {stay}; a region is one stretch: "
                            "remove bands from both ends only")
        last = stay[-1] + 1
        return stay[0] * self.band, find(self.dim).size if last == self.units else last * self.band


def is_space(dim: Dim) -> bool:
    """Whether a dim is positions in space that nothing has fixed."""
    d = find(dim)
    return d.kind == ATOM and SPATIAL in d.tags and not d.reason


def open_space(solution: Solution, value: int, dims: list[Dim]) -> None:
    """Free the positions in space of an input of maps, whose channels the first convolution or pool tells."""
    channels = _channels(solution.program, value)
    if channels is None or SPATIAL not in solution.opened:
        return
    for k in range(1, len(dims)):
        if k != channels and find(dims[k]).size > 1:
            dims[k] = atom(find(dims[k]).size)
            tag(dims[k], SPATIAL)
            solution.maps.append((value, k, dims[k]))


def _channels(program: Program, value: int) -> int | None:
    """Where an input's channels are; None for an input that is no map."""
    shape, todo, seen = program.shapes[value], [value], set[int]()
    while todo:
        v = todo.pop()
        for op in program.consumers.get(v, ()):
            if op.name in CONVOLUTIONS | POOLS and op.inputs[0] == v:
                last = str(op.attributes.get("data_format", "NCHW")).endswith("C")
                return len(shape or ()) - 1 if last else 1
            for out in op.outputs:
                if program.shapes[out] == shape and out not in seen:
                    seen.add(out)
                    todo.append(out)
    return None


# rules


def passes(step: Step, argument: int, axis: int, place: int) -> Window | None:
    """The window through which an operator sees a free axis (``place`` counts the axes in space); None where it cannot
    be followed."""
    dim = step.dims(argument)[axis]
    if SPATIAL not in step.solution.opened or not is_space(dim):
        return None
    n_out = step.shape()[axis]
    made = window_of(step, place, find(dim), n_out)
    if made is None:
        return None
    tag(made.out, SPATIAL)
    step.solution.windows.append(made)
    step.solution.mixed[step.op.index] = math.nan if step.attribute("pooling_type") == "max" else 0.0
    return made


def pools_all(step: Step) -> bool:
    """Whether a pool gives one position for all of its axes in space, as an adaptive one to a size of one does."""
    whole = step.attribute("adaptive") or step.attribute("global_pooling")
    return SPATIAL in step.solution.opened and bool(whole) and all(n == 1 for n in step.shape()[2:])


def sums_up(step: Step, dim: Dim) -> None:
    """An operator adds up a dim: outside of a region it is given zeros, where it is known to need them."""
    free = [leaf for leaf in leaves(dim) if is_space(leaf)]
    if free and step.op.name in SUMS:
        step.solution.mixed[step.op.index] = 0.0
    else:
        for leaf in free:
            fix(leaf, f"a {step.op.name} over it")


def shares_out(step: Step, dim: Dim) -> bool:
    """Whether a softmax is over positions in space (and perhaps others, which stay): those outside get nothing."""
    if not any(is_space(leaf) for leaf in leaves(dim)):
        return False
    for leaf in leaves(dim):
        if not is_space(leaf):
            fix(leaf, "a softmax over it")
    step.solution.mixed[step.op.index] = math.nan
    return True


def settle_regions(solution: Solution) -> None:
    """What is fixed behind a window is fixed before it, and the other way round."""
    ends = [d for w in solution.windows for d in (w.into, w.out)] + [d for _, _, d in solution.maps]
    for d in ends:
        if find(d).kind != ATOM:
            fix(d, "positions in space that are regrouped")
    changed = True
    while changed:
        changed = False
        for w in solution.windows:
            reason = next((leaf.reason for d in (w.into, w.out) for leaf in leaves(d) if leaf.reason), "")
            for d in (w.into, w.out):
                if reason and not all(leaf.reason for leaf in leaves(d)):
                    fix(d, reason)
                    changed = True


# groups and plans


def axes_of(solution: Solution) -> list[Axis]:
    """The axes that a region may be a stretch of, and why others are not: their dims have a reason."""
    names = {value: spec.name for value, spec in zip(solution.program.inputs, solution.program.specs, strict=True)}
    found = []
    for value in dict.fromkeys(v for v, _, _ in solution.maps):
        mine = [(axis, dim) for v, axis, dim in solution.maps if v == value]
        for name, (axis, dim) in zip(_NAMES[len(mine)], mine, strict=True):
            found.append(Axis(f"{names[value]}:{name}", value, axis, dim, _band(solution, dim)))
    return found


def _band(solution: Solution, dim: Dim) -> int:
    """How many positions of an input are one of the coarsest map that is computed from it."""
    strides, coarsest = {id(find(dim)): (1, 1)}, 1
    for w in solution.windows:
        known = strides.get(id(find(w.into)))
        if known is not None:
            times, over = known
            times, over = (times, over * w.stride) if w.up else (times * w.stride, over)
            common = math.gcd(times, over)
            strides[id(find(w.out))] = (times // common, over // common)
            coarsest = math.lcm(coarsest, times // common)
    return coarsest


def stretches(solution: Solution, removed: Mapping[str, Iterable[int]]) -> dict[Dim, tuple[int, int]]:
    """The bounds of what stays of every axis in space under a plan.

    Raises:
        PlanError: a region that some window does not fit, or that two ways through the network see differently.
    """
    found: dict[Dim, tuple[int, int]] = {}
    for a in axes_of(solution):
        gone = list(removed.get(a.name, ()))
        if gone:
            found[find(a.dim)] = a.bounds(gone)
    for w in solution.windows:
        bounds = found.get(find(w.into))
        if bounds is not None:
            out = w.stretch(*bounds)
            if found.setdefault(find(w.out), out) != out:
                raise PlanError(f"the region is seen differently on two ways through the network: {out} and "
                                f"{found[find(w.out)]} of {find(w.out).size} positions; keep other bands")
    return found


def crops(solution: Solution, kept: Any) -> dict[int, list[tuple[int, int, int]]]:
    """By input, (axis, start, end) of what the smaller model computes of it."""
    out: dict[int, list[tuple[int, int, int]]] = {}
    for value, axis, dim in solution.maps:
        if kept.changes(dim):
            stay = kept.positions(dim)
            out.setdefault(value, []).append((axis, int(stay[0]), int(stay[-1]) + 1))
    return out


def mean_ratio(step: Step, region: Any) -> float:
    """By how much the mean over the maps, zero outside of a region, is less than the one over the region."""
    pool = step.op.name in POOLS and step.attribute("pooling_type") != "max" and pools_all(step)
    if step.op.name not in MEANS and not pool:
        return 1.0
    out = {id(leaf) for d in step.given() for leaf in leaves(d)}
    gone = [f for axis in step.dims(0) for f in factors(axis) if holds_space(f)
            and not any(id(leaf) in out for leaf in leaves(f))]
    return math.prod(region.ratio(f) for f in gone)


def holds_space(dim: Dim) -> bool:
    """Whether some of a dim's positions are free positions in space."""
    return any(is_space(leaf) for leaf in leaves(dim))


def holds_batch(dim: Dim) -> bool:
    """Whether the batch is in a dim, so that its size is not known before the graph runs."""
    return any(leaf.batch for leaf in leaves(dim))
