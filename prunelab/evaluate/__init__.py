"""model -> numbers: metrics over data, and latency."""

from __future__ import annotations

from prunelab.evaluate.batches import batches
from prunelab.evaluate.calibrate import calibrate
from prunelab.evaluate.confusion import Confusion, confusion
from prunelab.evaluate.eight_bits import QUANTIZATIONS, EightBitCosts, eight_bit_costs
from prunelab.evaluate.evaluate import evaluate
from prunelab.evaluate.latency import latency
from prunelab.evaluate.latency_table import LatencyTable, latency_table
from prunelab.evaluate.measured import Sensitivity
from prunelab.evaluate.memory import Memory, peak_memory
from prunelab.evaluate.metric import Metric
from prunelab.evaluate.metrics import METRICS
from prunelab.evaluate.network_latency import LatencyError, NetworkLatency
from prunelab.evaluate.operator_times import OperatorTimes
from prunelab.evaluate.sensitivity import sensitivity

__all__ = [
    "METRICS",
    "QUANTIZATIONS",
    "Confusion",
    "EightBitCosts",
    "LatencyError",
    "LatencyTable",
    "Memory",
    "Metric",
    "NetworkLatency",
    "OperatorTimes",
    "Sensitivity",
    "batches",
    "calibrate",
    "confusion",
    "eight_bit_costs",
    "evaluate",
    "latency",
    "latency_table",
    "peak_memory",
    "sensitivity",
]
