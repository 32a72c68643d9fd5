"""What is read at places that are computed: deformable convolutions, and regions of boxes, as ONNX nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from prunelab.export.base import Array
from prunelab.export.onnx.builder import Builder, Entry, Value
from prunelab.export.windows import places_of_windows


def _deformable(g: Builder, x: Value, offset: Value, filter: Value, mask: Value | None, strides: Sequence[int],
                paddings: Sequence[int], dilations: Sequence[int], deformable_groups: int, groups: int,
                im2col_step: int) -> Value:
    """A grid sample of all windows' positions, then a convolution over the positions of a window.

    ONNX has a node of its own for it since opset 19, which ONNX Runtime has no kernel for on a CPU.
    """
    what = "a deformable convolution"
    c, h, w = (g.static(x, k, what) for k in (1, 2, 3))
    rows, columns = (g.static(offset, k, what) for k in (2, 3))
    n_out, each, *kernel = (g.static(filter, k, what) for k in range(4))
    n = kernel[0] * kernel[1]
    sizes = np.asarray([h, w]).reshape(1, 1, 2, 1, 1)
    places = places_of_windows(kernel, (rows, columns), strides, paddings, dilations)
    # from pixels to what a grid counts in: -1 and 1 are the outer edges
    at = g.Mul(g.Add(g.Reshape(offset, [-1, n, 2, rows, columns]), places.astype(x.dtype)), (2 / sizes).astype(x.dtype))
    at = g.Add(at, (1 / sizes - 1).astype(x.dtype))
    at = g.Gather(g.Transpose(at, perm=[0, 1, 3, 4, 2]), np.asarray([1, 0]), axis=4)  # a grid is of x and y
    picked = g.GridSample(g.Reshape(x, [-1, c // deformable_groups, h, w]), g.Reshape(at, [-1, n * rows, columns, 2]),
                          mode="bilinear", padding_mode="zeros", align_corners=0)
    if mask is not None:
        picked = g.Mul(picked, g.Reshape(mask, [-1, 1, n * rows, columns]))
    windows = g.Reshape(picked, [-1, c, n, rows, columns])
    out = g.Conv(windows, g.Reshape(filter, [n_out, each, n, 1, 1]), group=groups)
    return g.Reshape(out, [-1, n_out, rows, columns])


def _sample_of_box(g: Builder, boxes: Value, boxes_num: Value | Array) -> Value:
    """Which sample each box is of: how many samples' boxes have ended before it."""
    ends = g.CumSum(g.cast(g.value(boxes_num), "int64"), g.constant_of(0, "int64"))
    n_boxes = g.Squeeze(g.slice(g.Shape(boxes), 0, 0, 1), [0])
    each = g.Range(g.constant_of(0, "int64"), n_boxes, g.constant_of(1, "int64"))
    ended = g.GreaterOrEqual(g.Unsqueeze(each, [1]), g.Unsqueeze(ends, [0]))
    return g.ReduceSum(g.cast(ended, "int64"), [1], keepdims=0)


def _roi_align(g: Builder, x: Value, boxes: Value, boxes_num: Any, pooled_height: int, pooled_width: int,
               spatial_scale: float, sampling_ratio: int, aligned: bool) -> Value:
    boxes = g.value(boxes)
    return g.RoiAlign(x, boxes, _sample_of_box(g, boxes, boxes_num), output_height=pooled_height,
                      output_width=pooled_width, spatial_scale=float(spatial_scale),
                      sampling_ratio=max(0, sampling_ratio), mode="avg",
                      coordinate_transformation_mode="half_pixel" if aligned else "output_half_pixel")


def _roi_pool(g: Builder, x: Value, boxes: Value, boxes_num: Any, pooled_height: int, pooled_width: int,
              spatial_scale: float) -> tuple[Value, None]:
    boxes = g.value(boxes)
    sample = g.cast(g.Unsqueeze(_sample_of_box(g, boxes, boxes_num), [1]), boxes.dtype)
    return g.MaxRoiPool(x, g.Concat(sample, boxes, axis=1), pooled_shape=[pooled_height, pooled_width],
                        spatial_scale=float(spatial_scale)), None


TABLE: dict[str, Entry] = {
    "deformable_conv": _deformable,
    "roi_align": _roi_align,
    "roi_pool": _roi_pool,
}
