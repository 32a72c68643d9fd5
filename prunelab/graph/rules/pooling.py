"""Pooling and resampling: each channel by itself, over space."""

from __future__ import annotations

from prunelab.graph.dims import find, rows
from prunelab.graph.rules.convolution import channel_axis, fix_space, space
from prunelab.graph.solver import Rule, Step


def _pool(step: Step) -> None:
    x = step.dims()
    axis = channel_axis(step, len(x))
    fix_space(step, x, axis)
    step.give(space(step, x[0], x[axis], axis), step.dirty())
    step.give_rest()


def _grid_sample(step: Step) -> None:
    """Reads each channel at the places that the grid says."""
    x = step.dims()
    fix_space(step, x, 1)
    step.fix_all(step.dims(1)[1:], "a grid of places")
    step.give(space(step, x[0], x[1], 1), step.dirty())


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
        "pool2d", "pool3d", "lp_pool2d", "max_pool2d_with_index", "max_pool3d_with_index", "fractional_max_pool2d",
        "fractional_max_pool3d", "unpool", "unpool3d", "nearest_interp", "linear_interp", "bilinear_interp",
        "bicubic_interp", "trilinear_interp",
    ), _POOL),
    "grid_sample": Rule(_grid_sample),
    "maxout": Rule(_maxout),
}
