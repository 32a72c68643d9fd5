"""A graph as ONNX nodes: one table from an operator's name to a function, a file a family.

An entry takes a `Builder` and Paddle's own arguments by their names, and gives the output, or a tuple of them. It must
take every argument that changes a value: one that it left out would be silently wrong. Opset 18 is the lowest that has
what the table needs (a fold, maxima among what is scattered, operators on bits), and ONNX Runtime reads it since 1.14.
"""

from __future__ import annotations

from prunelab.export.onnx import (
    activations,
    arithmetic,
    constants,
    convolution,
    indexing,
    normalization,
    places,
    products,
    recurrent,
    reductions,
    shapes,
    spatial,
)
from prunelab.export.onnx.builder import Entry

OPSET = 18

TABLE: dict[str, Entry] = {
    **activations.TABLE,
    **arithmetic.TABLE,
    **reductions.TABLE,
    **shapes.TABLE,
    **spatial.TABLE,
    **constants.TABLE,
    **indexing.TABLE,
    **convolution.TABLE,
    **normalization.TABLE,
    **places.TABLE,
    **products.TABLE,
    **recurrent.TABLE,
}
