"""Run by `test_sharing.py` in each of two processes: trains, and writes what came of it."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import paddle.distributed as dist
from paddle import nn

import prunelab as pl


class Branched(nn.Layer):
    """One branch is passed only by batches whose first number is positive."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        h = nn.functional.relu(self.a(x))
        return self.c(self.b(h) if float(x[0, 0]) > 0 else h)


def normed() -> nn.Layer:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1D(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))


def plain() -> nn.Layer:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((22, 6)).astype(np.float32), rng.integers(0, 3, 22)


def batches(size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    x, y = data()
    return [(x[k:k + size], y[k:k + size]) for k in range(0, len(x), size)]


def trained(model: nn.Layer, given: Any, **options: Any) -> dict[str, Any]:
    done = pl.finetune(model, given, lr=0.05, optimizer="sgd", **options)
    return {"losses": done.losses, "stopped": done.stopped,
            "weights": {n: t.numpy() for n, t in (*model.named_parameters(), *model.named_buffers())}}


def stop_in_the_second(batch: Any) -> bool:
    return batch.batch == 1 and dist.is_initialized() and dist.get_rank() == 1


def everything(seed: int) -> dict[str, dict[str, Any]]:
    """Each training's end; ``seed`` differs from process to process."""
    paddle.seed(seed)
    np.random.seed(seed)
    # the first process's share passes no branch, the second's does
    torn = [(np.where(np.arange(len(x))[:, None] < len(x) // 2, -abs(x), abs(x)), y) for x, y in batches(4)]
    sampler = paddle.io.DistributedBatchSampler if dist.is_initialized() else paddle.io.BatchSampler
    samples = paddle.io.TensorDataset([paddle.to_tensor(d) for d in data()])
    graph = pl.trace(model := plain(), (1, 6))
    plan = pl.Plan.empty(graph).with_removed(graph, {"0": range(3)})
    with paddle.no_grad():
        start = {n: paddle.zeros_like(p) + 0.1 * (k + 1) for k, (n, p) in enumerate(model.named_parameters())}

    def at_start(made: nn.Layer) -> nn.Layer:
        made.set_state_dict(start)
        return made

    loader = paddle.io.DataLoader(samples, batch_sampler=sampler(samples, batch_size=4))
    return {
        "whole arrays": trained(plain(), data(), epochs=2),
        "batches": trained(at_start(plain()), batches(8), epochs=2, clip_norm=0.5, accumulate=2),
        "batches of one": trained(at_start(plain()), batches(1), epochs=1),
        "a plan": trained(at_start(plain()), batches(8), epochs=2, plan=plan),
        "norms": trained(normed(), batches(8), epochs=2, val=data()),
        "a mean": trained(normed(), batches(8), epochs=2, average=True),
        "a judged mean": trained(normed(), batches(8), epochs=2, average=True, val=data()),
        "a branch": trained(Branched(), torn, epochs=1),
        "a sampler": trained(at_start(plain()), loader, epochs=1),
        "stopped": trained(plain(), batches(4), epochs=1, on_batch=stop_in_the_second),
    }


if __name__ == "__main__":
    dist.init_parallel_env()
    found = everything(dist.get_rank())
    Path(sys.argv[1], f"{dist.get_rank()}.pickle").write_bytes(pickle.dumps(found))
