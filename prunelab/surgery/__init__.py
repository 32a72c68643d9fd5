"""Plan -> masked model, Plan -> smaller model."""

from __future__ import annotations

from prunelab.surgery.compact import compact
from prunelab.surgery.compare import close, relative_error
from prunelab.surgery.graph_layer import GraphLayer, class_name
from prunelab.surgery.mask import cut_masks, mask, zero_cut

__all__ = ["GraphLayer", "class_name", "close", "compact", "cut_masks", "mask", "relative_error", "zero_cut"]
