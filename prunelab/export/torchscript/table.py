"""A graph as torch's functions, traced and saved: one table from an operator's name to a function, a file a family."""

from __future__ import annotations

from typing import Any

from prunelab.export.torchscript import activations, arithmetic, indexing, layers, reductions, shapes, space

TABLE: dict[str, Any] = {
    **activations.TABLE,
    **arithmetic.TABLE,
    **reductions.TABLE,
    **shapes.TABLE,
    **indexing.TABLE,
    **space.TABLE,
    **layers.TABLE,
}
