"""A dict in, the best configuration out: the whole platform in one call."""

from __future__ import annotations

from prunelab.auto.auto import AutoCompression
from prunelab.auto.page import PLOTS, Page
from prunelab.auto.wishes import Wishes

__all__ = ["PLOTS", "AutoCompression", "Page", "Wishes"]
