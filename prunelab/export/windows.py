"""Arithmetic of windows over space, as Paddle's kernels do it: paddings, output sizes, uneven pools."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prunelab.export.base import Array

Pads = list[tuple[int, int]]


def paddings(given: Sequence[int], n: int) -> Pads:
    """Before and after, an axis each: one number, one an axis, or two an axis are given."""
    if len(given) == 2 * n:
        return [(int(given[2 * k]), int(given[2 * k + 1])) for k in range(n)]
    numbers = list(given) * n if len(given) == 1 else list(given)
    return [(int(p), int(p)) for p in numbers]


def same(sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int]) -> Pads:
    """The paddings that keep ``ceil(size / stride)`` positions."""
    found = []
    for size, k, stride in zip(sizes, kernel, strides, strict=True):
        total = max((-(-size // stride) - 1) * stride + k - size, 0)
        found.append((total // 2, total - total // 2))
    return found


def up_to(sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Pads) -> Pads:
    """The paddings with as much after the end as the last, broken window needs (``ceil_mode``)."""
    found = []
    for size, k, stride, (a, b) in zip(sizes, kernel, strides, pads, strict=True):
        windows = -(-(size - k + a + b) // stride) + 1
        found.append((a, max(b, (windows - 1) * stride + k - size - a)))
    return found


def stretches(size: int, windows: int) -> list[tuple[int, int]]:
    """Start and end of each window of an adaptive pool: they overlap where the number does not divide the size."""
    return [(k * size // windows, -(-(k + 1) * size // windows)) for k in range(windows)]


def averages(size: int, windows: int, dtype: str) -> Array:
    """A matrix (size, windows) that takes the mean of each window of an adaptive pool."""
    matrix = np.zeros((size, windows), dtype)
    for k, (start, end) in enumerate(stretches(size, windows)):
        matrix[start:end, k] = 1 / (end - start)
    return matrix


def places_of_windows(kernel: Sequence[int], windows: Sequence[int], strides: Sequence[int], given: Sequence[int],
                      dilations: Sequence[int]) -> Array:
    """Row and column of each position of each window, in pixels of what is not padded: (1, positions in a window, 2,
    rows of windows, columns of windows), as a deformable convolution counts its offsets."""
    axes = []
    pads = paddings(given, 2)
    for k, n, stride, (before, _), dilation in zip(kernel, windows, strides, pads, dilations, strict=True):
        axes.append(np.arange(n) * stride - before + np.arange(k)[:, None] * dilation)  # (k, n)
    a, b = kernel
    rows, columns = windows
    full = (a, b, rows, columns)
    at = np.broadcast_to(axes[0][:, None, :, None], full), np.broadcast_to(axes[1][None, :, None, :], full)
    return np.stack([x.reshape(1, a * b, rows, columns) for x in at], 2)
