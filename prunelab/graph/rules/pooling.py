"""Pooling and resampling: each channel by itself, over space."""

from __future__ import annotations

import math
from typing import Any

from prunelab.graph.dims import atom, find
from prunelab.graph.regions import pools_all
from prunelab.graph.rules.convolution import channel_axis, fix_space, space, through_windows
from prunelab.graph.solver import Rule, Step, Widths, free
from prunelab.graph.unifying import rows


def _pool(step: Step) -> None:
    x = step.dims()
    axis = channel_axis(step, len(x))
    if pools_all(step):
        step.solution.mixed[step.op.index] = math.nan if step.attribute("pooling_type") == "max" else 0.0
        out = space(step, x[0], x[axis], axis)
    else:
        out = through_windows(step, x[0], x[axis], axis)
    step.give(out, step.dirty())
    step.give_rest()


def _sizes(step: Step, widths: Widths) -> dict[str, Any]:
    """Sizes that the forward spells, of what is resampled to them."""
    out = step.given()
    names = [n for n in ("out_d", "out_h", "out_w") if step.attribute(n, -1) > 0][-(len(out) - 2):]
    axes = [k for k in range(1, len(out)) if k != channel_axis(step, len(out))]
    axes = axes[len(axes) - len(names):]
    return {n: widths.size(out[k]) for n, k in zip(names, axes, strict=True) if widths.changes(out[k])}


def _pool_with_places(step: Step) -> None:
    """The largest values, and the places where they stood; zeros stand somewhere too."""
    _pool(step)
    out = step.given()
    step.give([out[0], out[1], *(atom(n, "positions in space") for n in step.shape(1)[2:])], free(out[:2]), 1)


def _unpool(step: Step) -> None:
    """Values put back to their places; zero elsewhere."""
    x, places = step.dims(), step.dims("indices")
    for a, b in zip(x, places, strict=True):
        step.tie(a, b)
    _pool(step)


def _affine_grid(step: Step) -> None:
    """Places in space from a matrix for each sample."""
    matrices = step.dims()
    step.fix_all(matrices[1:], "a grid of places")
    step.give([matrices[0], *(atom(n, "a grid of places") for n in step.shape()[1:])], free(matrices[:1]))


def _grid_sample(step: Step) -> None:
    """Reads each channel at the places that the grid says."""
    x = step.dims()
    fix_space(step, x, 1)
    step.tie(x[0], step.dims(1)[0])
    step.fix_all(step.dims(1)[1:], "a grid of places")
    step.give(space(step, x[0], x[1], 1), step.dirty())


def _region_of_boxes(step: Step) -> None:
    """Each channel of a map inside of boxes: samples become boxes."""
    x, boxes = step.dims("x"), step.dims("boxes")
    fix_space(step, x, 1)
    step.fix_all((x[0], *boxes, *(step.dims("boxes_num") if step.has("boxes_num") else ())), "boxes on a map")
    step.give(space(step, boxes[0], x[1], 1), step.dirty("x"))
    step.give_rest()


def _boxes_of_places(step: Step) -> None:
    """Boxes about each position of a map, whose numbers nobody looks at."""
    for name in ("input", "image"):
        fix_space(step, step.dims(name), 1)
    for k in range(2):
        step.give([atom(n, "boxes on a map") for n in step.shape(k)], output=k)


def _maxout(step: Step) -> None:
    """The largest of each ``groups`` neighbouring channels."""
    x, axis = list(step.dims()), step.attribute("axis", 1)
    channels = find(x[axis])
    outer, inner = rows(channels, channels.size // step.attribute("groups"))
    step.fix(inner, "a maximum over neighbouring channels")
    x[axis] = outer
    step.give(x, step.dirty())


_POOL = Rule(_pool)
RULES = {
    **dict.fromkeys((
        "pool2d", "pool3d", "lp_pool2d", "linear_interp", "bilinear_interp",
        "bicubic_interp", "trilinear_interp",
    ), _POOL),
    "nearest_interp": Rule(_pool, _sizes),
    **dict.fromkeys(("max_pool2d_with_index", "max_pool3d_with_index", "fractional_max_pool2d",
                     "fractional_max_pool3d"), Rule(_pool_with_places)),
    **dict.fromkeys(("unpool", "unpool3d"), Rule(_unpool)),
    "affine_grid": Rule(_affine_grid),
    **dict.fromkeys(("roi_align", "roi_pool"), Rule(_region_of_boxes)),
    "grid_sample": Rule(_grid_sample),
    "prior_box": Rule(_boxes_of_places),
    "maxout": Rule(_maxout),
}
