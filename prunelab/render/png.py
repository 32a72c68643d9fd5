"""Cells as a PNG inside a page: a few kilobytes where as many SVG rectangles are hundreds."""

from __future__ import annotations

import base64
import struct
import zlib
from html import escape
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_COLOUR = (0x2D, 0x7F, 0x83)  # teal, as in all our pictures
_RGBA, _EIGHT_BITS = 6, 8


def png(strength: Array) -> bytes:
    """An image of one pixel a cell: ``strength`` (rows, columns) in [0, 1] is how opaque the teal is."""
    rows, columns = strength.shape
    pixels = np.empty((rows, columns, 4), np.uint8)
    pixels[..., :3] = _COLOUR
    pixels[..., 3] = np.round(255 * np.clip(strength, 0, 1))
    # each line begins with its filter: 0, none
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), pixels.reshape(rows, -1)], axis=1)
    header = struct.pack(">IIBBBBB", columns, rows, _EIGHT_BITS, _RGBA, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def image(strength: Array, title: str, side: int = 4) -> str:
    """The same as an ``<img>`` with the data inside, ``side`` pixels a cell."""
    rows, columns = strength.shape
    data = base64.b64encode(png(strength)).decode("ascii")
    return (f'<img alt="{escape(title)}" title="{escape(title)}" width="{columns * side}" height="{rows * side}" '
            f'style="image-rendering:pixelated;border:1px solid var(--jp-border-color2,#bdbdbd)" '
            f'src="data:image/png;base64,{data}">')
