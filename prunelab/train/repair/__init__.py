"""Repair: what a cut took from a network, its kept weights make up for, by least squares on unlabelled data."""

from __future__ import annotations

from prunelab.train.repair.choosing import propose_repaired
from prunelab.train.repair.repair import repair
from prunelab.train.repair.report import RepairedLayer, RepairReport

__all__ = ["RepairReport", "RepairedLayer", "propose_repaired", "repair"]
