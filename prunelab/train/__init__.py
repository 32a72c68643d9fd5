"""Training of masked and of smaller models: fine-tuning."""

from __future__ import annotations

from prunelab.train.finetune import finetune
from prunelab.train.optimizer_state import OptimizerState, follow
from prunelab.train.optimizers import OPTIMIZERS
from prunelab.train.options import TrainingOptions
from prunelab.train.result import FineTuneResult, TrainedBatch, TrainedEpoch

__all__ = [
    "OPTIMIZERS",
    "FineTuneResult",
    "OptimizerState",
    "TrainedBatch",
    "TrainedEpoch",
    "TrainingOptions",
    "finetune",
    "follow",
]
