"""Training of masked and of smaller models: fine-tuning, distillation, sparse training, soft pruning; and repair."""

from __future__ import annotations

from prunelab.train.distillation import Distillation
from prunelab.train.finetune import finetune
from prunelab.train.optimizer_state import OptimizerState, follow
from prunelab.train.optimizers import OPTIMIZERS
from prunelab.train.options import TrainingOptions
from prunelab.train.penalties import PENALTIES, BnScale, GroupLasso, Growing, Penalty
from prunelab.train.repair import RepairedLayer, RepairReport, propose_repaired, repair
from prunelab.train.result import FineTuneResult, TrainedBatch, TrainedEpoch
from prunelab.train.soft import SoftPruning

__all__ = [
    "OPTIMIZERS",
    "PENALTIES",
    "BnScale",
    "Distillation",
    "FineTuneResult",
    "GroupLasso",
    "Growing",
    "OptimizerState",
    "Penalty",
    "RepairReport",
    "RepairedLayer",
    "SoftPruning",
    "TrainedBatch",
    "TrainedEpoch",
    "TrainingOptions",
    "finetune",
    "follow",
    "propose_repaired",
    "repair",
]
