"""Torch-Pruning's side of ``engine.py``, run by the Python of an environment of its own; prints JSON.

    python engine_torch.py repeats threads

The same ResNet-50, half of every group's channels by L1: seconds to build the dependency graph and the pruner, and to
plan and cut, each on a fresh copy.
"""

from __future__ import annotations

import copy
import json
import sys
import time

import torch
import torch_pruning
import torchvision


def once(model: torch.nn.Module, x: torch.Tensor) -> dict[str, float]:
    """One build, plan and cut, in seconds."""
    mine = copy.deepcopy(model)
    start = time.perf_counter()
    pruner = torch_pruning.pruner.MagnitudePruner(
        mine, x, importance=torch_pruning.importance.MagnitudeImportance(p=1), pruning_ratio=0.5,
        ignored_layers=[mine.fc])
    built = time.perf_counter()
    pruner.step()
    end = time.perf_counter()
    return {"build": built - start, "cut": end - built, "params": sum(p.numel() for p in mine.parameters())}


def main(repeats: int, threads: int) -> None:
    """Print the runs, after one that warms up."""
    torch.set_num_threads(threads)
    model, x = torchvision.models.resnet50(weights=None).eval(), torch.randn(1, 3, 224, 224)
    once(model, x)
    print(json.dumps([once(model, x) for _ in range(repeats)]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
