"""Training of masked and of smaller models: fine-tuning."""

from __future__ import annotations

from prunelab.train.finetune import FineTuneResult, TrainedBatch, finetune
from prunelab.train.optimizers import OPTIMIZERS

__all__ = ["OPTIMIZERS", "FineTuneResult", "TrainedBatch", "finetune"]
