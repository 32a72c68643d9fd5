"""How far the table of operators' times is off: the latency it promises for plans beside the smaller models' own.

    python benchmarks/latency_table.py [batch]

Each network is calibrated on two models (dense, and half of every group), then plans that were not measured for that
are estimated and built. On the CPU with one thread (OMP_NUM_THREADS=1) times are the thread's own, so that other
programs do not count. There is no goal but to know the error.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import paddle
from paddle import nn
from paddle.vision import models

import prunelab as pl
from prunelab.evaluate import NetworkLatency, OperatorTimes


class Reader(nn.Layer):
    """A recurrent net over words."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(64, 128), nn.Linear(128, 20)

    def forward(self, x: Any) -> Any:
        return self.head(self.lstm(x)[0].mean(1))


def encoder() -> nn.Layer:
    """Two layers of a transformer."""
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(128, 8, 512), 2)


NETWORKS = {
    "resnet18": (lambda: models.resnet18(num_classes=10), (1, 3, 64, 64)),
    "mobilenet_v2": (lambda: models.mobilenet_v2(num_classes=10), (1, 3, 64, 64)),
    "transformer": (encoder, (1, 64, 128)),
    "lstm": (Reader, (1, 40, 64)),
}


def main(batch: int) -> None:
    """Print estimates, measurements and their difference."""
    for name, (make, shape) in NETWORKS.items():
        paddle.seed(0)
        graph = pl.trace(make(), shape)
        start = time.perf_counter()
        network = NetworkLatency(graph, OperatorTimes(), batch=batch).calibrate()
        print(f"{name}, batch {batch}: {network.times.measured} shapes in {time.perf_counter() - start:.1f} s, factor "
              f"{network.factor:.2f}, {network.overhead_ms:.2f} ms around them")
        for scope, amount in (("local", 0.3), ("global", 0.4), ("local", 0.7)):
            plan = pl.propose(graph, sparsity=amount, scope=scope)
            print(f"  {scope} {amount:.0%}: {network.error(plan)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
