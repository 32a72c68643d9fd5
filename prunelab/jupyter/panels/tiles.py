"""A layer's weights as the masks' canvas takes them: one row a unit, one tile of a kernel's size an input."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelab.graph import Graph, Group
from prunelab.jupyter.panels.heads import pictures, projections_of
from prunelab.jupyter.words import MASKS as WORDS
from prunelab.render.masks import MaskPicture

Array = np.ndarray[Any, Any]

_MOST = 1_000_000  # numbers that are sent: 4 MB arrive within a third of a second
_WIDEST = 8192  # pixels of a canvas that every browser takes
_COLUMNS = 2048  # more weights a unit than this are gathered: no screen has room for them
KEPT, CUT, GOING = 0, 1, 2


@dataclass(frozen=True)
class Tiles:
    """``cells`` (units, columns, kh * kw) float32; ``kernel`` (kh, kw); ``masked`` likewise, of the fraction of a cell
    that is zero in its place, None where nothing is; ``what`` a column is, ``each`` how many weights a number is of.
    ``columns``: their names, where each tile is a picture of its own."""

    cells: Array
    kernel: tuple[int, int]
    masked: Array | None
    what: str
    each: int = 1
    columns: tuple[str, ...] = ()

    @property
    def caption(self) -> str:
        """What the canvas shows, in words."""
        units, columns, size = self.cells.shape
        if self.columns:
            return WORDS["heads"].format(units=units, columns=", ".join(self.columns), height=self.kernel[0],
                                         width=self.kernel[1])
        kernels = WORDS["of kernels"].format(height=self.kernel[0], width=self.kernel[1]) if size > 1 else ""
        gathered = WORDS["gathered"].format(each=self.each) if self.each > 1 else ""
        return WORDS["shape"].format(units=units, columns=columns, what=self.what) + kernels + gathered


def tiles(graph: Graph, group: Group, picture: MaskPicture) -> Tiles:
    """The weights that make a group's units, with as much detail as a browser can take."""
    weights, masked = picture.weights.astype(np.float32), picture.masked
    if names := projections_of(graph, group):
        return _heads(graph, group, picture, names)
    kernel = kernel_of(graph, group, weights.shape[1])
    size = kernel[0] * kernel[1]
    units, columns = len(weights), weights.shape[1] // size
    cells = weights.reshape(units, columns, size)
    shadow = None if masked is None else masked.astype(np.float32).reshape(cells.shape)
    if size > 1:
        if cells.size <= _MOST and max(units * kernel[0], columns * kernel[1]) <= _WIDEST:
            return Tiles(cells, kernel, shadow, WORDS["kernels"])
        cells, shadow = cells.mean(2, keepdims=True), None if shadow is None else shadow.mean(2, keepdims=True)
    what = WORDS["kernel means" if size > 1 else "weights"]
    most = max(1, min(_COLUMNS, _MOST // units))
    if columns <= most:
        return Tiles(cells, (1, 1), shadow, what)
    each = -(-columns // most)
    shadow = None if shadow is None else _gathered(shadow, each)
    return Tiles(_gathered(cells**2, each) ** 0.5, (1, 1), shadow, what, each)


def _heads(graph: Graph, group: Group, picture: MaskPicture, names: Sequence[str]) -> Tiles:
    def made(values: Array) -> tuple[Array, tuple[int, int]]:
        return pictures(values.astype(np.float32), graph, group, _MOST)

    cells, kernel = made(picture.weights)
    shadow = None if picture.masked is None else made(picture.masked)[0]
    return Tiles(cells, kernel, shadow, WORDS["kernels"], columns=tuple(names))


def kernel_of(graph: Graph, group: Group, n: int) -> tuple[int, int]:
    """The height and width of the kernels that make a group's units, (1, 1) where there are none, or several sizes;
    ``n`` is how many weights a unit has."""
    shapes = {graph.structure.parameters[m.parameter].shape[2:] for m in group.makers}
    shape = shapes.pop() if len(shapes) == 1 else ()
    kernel = (1, shape[0]) if len(shape) == 1 else (shape[0], int(np.prod(shape[1:]))) if shape else (1, 1)
    return kernel if kernel[0] * kernel[1] and n % (kernel[0] * kernel[1]) == 0 else (1, 1)


def _gathered(cells: Array, each: int) -> Array:
    """The mean of every ``each`` columns."""
    starts = np.arange(0, cells.shape[1], each)
    sizes = np.diff([*starts, cells.shape[1]]).astype(np.float32)
    return np.add.reduceat(cells, starts, axis=1) / sizes[None, :, None]


def marks(units: int, cut: Collection[int], going: Collection[int]) -> bytes:
    """A byte a unit: kept, cut, or going."""
    made = np.full(units, KEPT, np.uint8)
    made[list(going)] = GOING
    made[list(cut)] = CUT
    return made.tobytes()


def packed(tiled: Tiles | None) -> tuple[bytes, bytes]:
    """Cells as float32 and masked parts as bytes, as they are sent."""
    if tiled is None:
        return b"", b""
    shadow = b"" if tiled.masked is None else np.round(255 * tiled.masked).astype(np.uint8).tobytes()
    return tiled.cells.astype("<f4").tobytes(), shadow
