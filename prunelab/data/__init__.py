"""What is pruned on: data sets, and models by where they are written."""

from __future__ import annotations

from prunelab.data import datasets, presets
from prunelab.data.models import load_model
from prunelab.data.sources import load_data
from prunelab.data.tokenizer import Tokenizer, as_tokenizer
from prunelab.evaluate.batches import Batches, batches

__all__ = ["Batches", "Tokenizer", "as_tokenizer", "batches", "datasets", "load_data", "load_model", "presets"]
