"""Reductions: a sum can lose positions that are zero; a mean too if it goes on counting them, a maximum if it goes on
comparing with zero."""

from __future__ import annotations

import math
from typing import Any

from prunelab.graph.dims import Dim, atom, factors, leaves
from prunelab.graph.experts import EXPERT, chosen_among
from prunelab.graph.regions import holds_space
from prunelab.graph.rules.centring import centred_square, less_its_mean, positions, reduced_axes
from prunelab.graph.signs import is_at_least_zero
from prunelab.graph.solver import Operand, Rule, Step, Widths, free


def _result(step: Step, axes: set[int]) -> list[Dim]:
    keep = step.attribute("keepdim", step.attribute("keep_dim", step.attribute("keepdims", False)))
    return [atom(1, "a single position") if k in axes else d
            for k, d in enumerate(step.dims()) if keep or k not in axes]


def _sum(step: Step) -> None:
    """Positions that are zero where cut add nothing."""
    x, axes = step.dims(), reduced_axes(step)
    adds = step.dirty()
    centred = centred_square(step, axes)
    root = less_its_mean(step, step.value(0), positions(x[a] for a in axes)) if centred is None else None
    if centred is not None:
        step.note("centred", centred)
        adds = step.solution.dirty[centred.x]
    elif root is not None:
        step.note("less its mean", root)
        adds = step.solution.dirty[root]
    for a in axes:
        step.need_zero(x[a], adds, reason=f"a {step.op.name} over values that are not zero where cut")
    step.give(_result(step, axes), step.dirty())


def _sum_of_dense(step: Step, widths: Widths) -> dict[str, Any]:
    if _ratio(step, widths) == 1:
        return {}
    if (step.op.index, "less its mean") in step.solution.notes:
        return _nothing(step)
    return _about_mean(step, "sum_about_mean") if (step.op.index, "centred") in step.solution.notes else {}


def _mean(step: Step) -> None:
    """Positions that are zero where cut add nothing, but are counted: the smaller model's mean is scaled down."""
    x = step.dims()
    if reduced_axes(step) == {len(x) - 1}:
        step.tag(x[-1], "width")  # as an RMS norm takes it
    _sum(step)


def _mean_of_dense(step: Step, widths: Widths) -> dict[str, Any]:
    ratio = _ratio(step, widths)
    if ratio == 1:
        return {}
    if (step.op.index, "centred") in step.solution.notes:
        return {**_about_mean(step, "mean_about_mean"), "ratio": ratio}
    if (step.op.index, "less its mean") in step.solution.notes:
        return _nothing(step)
    return {"op": "mean_of_dense", "axis": sorted(reduced_axes(step)), "ratio": ratio,
            "keepdim": step.attribute("keepdim", False)}


def _ratio(step: Step, widths: Widths) -> float:
    """How many of the positions that are added up stay; a region's mean is over the region."""
    x = step.dims()
    return math.prod(widths.ratio(f) for a in reduced_axes(step) for f in factors(x[a]) if not holds_space(f))


def _about_mean(step: Step, name: str) -> dict[str, Any]:
    centred = step.noted("centred")
    return {"op": name, "x": Operand(centred.x), "centred": Operand(centred.difference),
            "axis": sorted(reduced_axes(step)), "keepdim": step.attribute("keepdim", False)}


def _nothing(step: Step) -> dict[str, Any]:
    """The sum of what was lessened by its mean: what the positions that are gone held, the mean's negative, counts."""
    return {"op": "sum_less_mean", "root": Operand(step.noted("less its mean")), "axis": sorted(reduced_axes(step)),
            "keepdim": step.attribute("keepdim", False)}


def _largest(step: Step) -> None:
    """The zeros that are cut are compared too: the smaller model's maximum is one with zero."""
    x = step.dims()
    axes = reduced_axes(step)
    if "float" not in step.solution.program.dtypes[step.op.outputs[0]]:
        _whole(step)
        return
    for a in axes:
        if holds_space(x[a]) or any(EXPERT in leaf.tags for leaf in leaves(x[a])):
            step.fix(x[a], f"a {step.op.name} over it")
        step.need_zero(x[a], step.dirty(), reason=f"a {step.op.name} over values that are not zero where cut")
    step.give(_result(step, axes), step.dirty())
    step.give_rest()


def _largest_of_dense(step: Step, widths: Widths) -> dict[str, Any]:
    x = step.dims()
    axes = reduced_axes(step)
    if not any(widths.changes(x[a]) for a in axes):
        return {}
    if "max" in step.op.name and is_at_least_zero(step.solution, step.value(0)):
        return {}
    return {"op": f"{step.op.name}_of_dense", "axis": sorted(axes), "keepdim": step.attribute("keepdim", False)}


def _whole(step: Step) -> None:
    """Sees all positions, cut ones too: a product is zero."""
    x = step.dims()
    axes = reduced_axes(step)
    step.fix_all((x[a] for a in axes), f"a {step.op.name} over it")
    step.give(_result(step, axes), step.dirty())
    step.give_rest()


def _whole_then_something(step: Step) -> None:
    """As `_whole`, but of zeros it makes something else: the logarithm of their number, or true."""
    x = step.dims()
    axes = reduced_axes(step)
    step.fix_all((x[a] for a in axes), f"a {step.op.name} over it")
    out = _result(step, axes)
    step.give(out, free(out))


def _choose(step: Step, experts: Dim) -> None:
    """The largest of a gate's scores or shares, and the numbers of their experts."""
    k = step.constant("k") if step.op.name == "topk" else 1
    if not isinstance(k, (int, float)) or not step.attribute("largest", True) or step.attribute("flatten", False):
        step.freeze(f"a {step.op.name} over it")
        return
    step.solution.least.append((experts, int(k)))
    for place in range(len(step.op.outputs)):
        out = [*step.dims()[:-1], *(atom(n, "a choice of experts") for n in step.shape(place)[len(step.dims()) - 1:])]
        step.give(out, free(out), place)
    step.solution.pointing[step.op.outputs[-1]] = experts


def _order(step: Step) -> None:
    """Positions are compared with each other along one axis; what comes out there is no unit of the network."""
    x = step.dims()
    experts = chosen_among(step) if step.op.name in ("topk", "argmax") else None
    if experts is not None:
        _choose(step, experts)
        return
    axis = step.constant("axis")
    axis = -1 if axis is None else int(axis)
    if step.attribute("flatten", False):
        step.freeze(f"a {step.op.name} over all positions")
        return
    step.fix(x[axis % len(x)], f"a {step.op.name} over it")
    for k in range(len(step.op.outputs)):
        shape = step.shape(k)
        rest = [d for i, d in enumerate(x) if i != axis % len(x)]
        if len(shape) == len(x):
            rest.insert(axis % len(x), atom(shape[axis % len(x)], f"a {step.op.name} over it"))
        step.give(rest, free(rest), k)


def _running_sum(step: Step) -> None:
    """Positions that are zero where cut add nothing to those behind them; what stands there itself is a sum."""
    x, axis = step.dims(), step.constant("axis")
    if step.attribute("flatten", False) or not isinstance(axis, (int, float)):
        _order(step)
        return
    along = x[int(axis) % len(x)]
    step.need_zero(along, step.dirty(), reason="a cumsum over values that are not zero where cut")
    step.give(x, step.dirty() | free([along]))


RULES = {
    **dict.fromkeys(("any", "squared_l2_norm"), Rule(_sum)),
    "sum": Rule(_sum, _sum_of_dense),
    **dict.fromkeys(("mean", "mean_all"), Rule(_mean, _mean_of_dense)),
    **dict.fromkeys(("max", "min", "amax", "amin"), Rule(_largest, _largest_of_dense)),
    **dict.fromkeys(("prod", "norm"), Rule(_whole)),
    **dict.fromkeys(("logsumexp", "all"), Rule(_whole_then_something)),
    **dict.fromkeys(("argmax", "argmin", "argsort", "topk", "kthvalue", "mode", "cumprod", "cummax", "cummin",
                     "logcumsumexp"), Rule(_order)),
    "cumsum": Rule(_running_sum),
}
