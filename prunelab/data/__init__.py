"""What is pruned on: data sets, and models by where they are written."""

from __future__ import annotations

from prunelab.data import datasets
from prunelab.data.models import load_model
from prunelab.evaluate.batches import Batches, batches

__all__ = ["Batches", "batches", "datasets", "load_model"]
