"""Medians, distances, transforms over an axis, and other operators that see all of some axes and pass the others."""

from __future__ import annotations

from typing import Any

from prunelab.graph.dims import Dim, atom, find, product
from prunelab.graph.experts import experts_of
from prunelab.graph.rules.elementwise import broadcast
from prunelab.graph.solver import Rule, Step, Widths, free

MATRIX = "a decomposition of all of a matrix"


def _axes(step: Step, rank: int, name: str = "axis") -> list[int]:
    named = step.constant(name)
    if named is None or named == [] or step.attribute("asvector") or step.attribute("reduce_all"):
        return list(range(rank))
    return [int(a) % rank for a in (named if isinstance(named, (list, tuple)) else [named])]


def _reduced(step: Step, axes: list[int]) -> list[Dim]:
    keep = step.attribute("keepdim", step.attribute("keep_dim", False))
    return [atom(1, "a single position") if k in axes else d
            for k, d in enumerate(step.dims()) if keep or k not in axes]


def _median(step: Step) -> None:
    """Cut positions would count as zeros."""
    axes = _axes(step, len(step.dims()))
    step.fix_all((step.dims()[a] for a in axes), f"a {step.op.name} over it")
    step.give(_reduced(step, axes), step.dirty())
    step.give_rest()


def _norm(step: Step) -> None:
    """Zeros add nothing to a norm of positive order; the smallest value, or a negative power, sees them."""
    x, order = step.dims(), step.attribute("porder", 2.0)
    axes = _axes(step, len(x))
    for a in axes:
        if order >= 0:
            step.need_zero(x[a], step.dirty(), reason=f"a {step.op.name} over values that are not zero where cut")
        else:
            step.fix(x[a], "a norm of negative order over it")
    step.give(_reduced(step, axes), step.dirty())


def _distance(step: Step) -> None:
    """The norm of all of a difference."""
    out, has = broadcast(step, [0, 1])
    for d, mine in zip(out, zip(*has, strict=True), strict=True):
        if step.attribute("p", 2.0) < 0 or not all(mine):
            step.fix(d, "a distance over all positions")
        for k in (0, 1):
            step.need_zero(d, step.dirty(k), reason="a distance of values that are not zero where cut")
    step.give([])


def _renorm(step: Step) -> None:
    """Each position of one axis is scaled by the norm of all that it holds."""
    x = step.dims()
    axis = step.attribute("axis") % len(x)
    for k, d in enumerate(x):
        if k != axis:
            step.need_zero(d, step.dirty(), reason="a norm over values that are not zero where cut")
    step.give(x, step.dirty())


def _sum_as(step: Step) -> None:
    """Added up to the shape of another tensor."""
    x, target = step.dims(0), step.dims(1)
    lead = len(x) - len(target)
    for k, d in enumerate(x):
        t = find(target[k - lead]) if k >= lead else None
        if t is not None and t.size == find(d).size:
            step.tie(d, t)
        else:
            step.need_zero(d, step.dirty(0), reason="a sum over values that are not zero where cut")
    step.give(list(target), step.dirty(0))


def _transform(step: Step) -> None:
    """A Fourier transform mixes all positions of some axes; of zeros it makes zeros."""
    x, axes = list(step.dims()), step.attribute("axes")
    for a in axes:
        step.fix(x[a], "a Fourier transform over it")
        x[a] = atom(step.shape()[a], "frequencies")
    step.give(x, step.dirty())


def _as_complex(step: Step) -> None:
    x = step.dims()
    step.fix(x[-1], "real and imaginary parts")
    step.give(list(x[:-1]), step.dirty())


def _as_real(step: Step) -> None:
    step.give([*step.dims(), atom(2, "real and imaginary parts")], step.dirty())


def _search(step: Step) -> None:
    """Each value's place in a sorted sequence, one for all or one for each of its rows."""
    sequence, values = step.dims(0), step.dims(1)
    step.fix(sequence[-1], "a sorted sequence")
    if len(sequence) > 1:
        for a, b in zip(sequence[:-1], values[:-1], strict=True):
            step.tie(a, b)
    step.give(list(values), free(values))


def _singular(step: Step) -> None:
    """Matrices taken apart, each by itself: those of zeros have singular values of zero, and any directions."""
    x = step.dims()
    step.fix_all(x[-2:], MATRIX)
    for k, value in enumerate(step.op.outputs):
        lead = list(x[:-2])
        values = len(step.solution.program.shapes[value] or ()) < len(x)
        step.give([*lead, *(atom(n, MATRIX) for n in step.shape(k)[len(lead):])],
                  step.dirty() if values else free(lead), k)


def _spectral_norm(step: Step) -> None:
    """A weight over its largest singular value, which rows and columns of zeros leave as it is."""
    w, axis = step.dims("weight"), step.attribute("dim", 0)
    step.tie(w[axis], step.dims("u")[0])
    step.tie(product([d for k, d in enumerate(w) if k != axis]), step.dims("v")[0])
    for d in w:
        step.need_zero(d, step.dirty("weight"), reason="singular values of what is not zero where cut")
    step.give(list(w), step.dirty("weight"))


def _classes(step: Step) -> None:
    """Numbers become rows of zeros and ones."""
    x, experts = step.dims(), experts_of(step, "x")
    if experts is not None and find(experts).size == step.shape()[-1]:
        step.give([*x, experts], free(x))  # a silent expert is never chosen
        return
    step.give([*x, atom(step.shape()[-1], "classes")], free(x))


def _number_of_classes(step: Step, widths: Widths) -> dict[str, Any]:
    last = step.given()[-1]
    return {"num_classes": widths.size(last)} if step.op.name == "one_hot" and widths.changes(last) else {}


RULES = {
    **dict.fromkeys(("median", "nanmedian"), Rule(_median)),
    **dict.fromkeys(("p_norm", "frobenius_norm"), Rule(_norm)),
    "dist": Rule(_distance),
    "renorm": Rule(_renorm),
    "reduce_as": Rule(_sum_as),
    **dict.fromkeys(("fft_c2c", "fft_r2c", "fft_c2r"), Rule(_transform)),
    "as_complex": Rule(_as_complex),
    "as_real": Rule(_as_real),
    "searchsorted": Rule(_search),
    "svd": Rule(_singular),
    "spectral_norm": Rule(_spectral_norm),
    **dict.fromkeys(("one_hot", "sequence_mask"), Rule(_classes, _number_of_classes)),
}
