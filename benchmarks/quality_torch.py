"""Torch-Pruning's side of ``quality.py``, run by the Python of an environment of its own; prints JSON.

    python quality_torch.py TASK WEIGHTS.npz SEED RATIO,RATIO EPOCHS,EPOCHS

The pruning ratio is the least, by bisection, that takes the asked fraction of the MACs, each group alike.
"""

from __future__ import annotations

import copy
import json
import math
import sys
import warnings
from typing import Any

import numpy as np
import torch
import torch_pruning as tp
from quality_nets import TASKS, networks, torch_kit

CRITERIA = {"L1": lambda: tp.importance.MagnitudeImportance(p=1), "Taylor": tp.importance.TaylorImportance,
            "FPGM": tp.importance.FPGMImportance, "LAMP": tp.importance.LAMPImportance,
            "BN scale": tp.importance.BNScaleImportance}


def macs(model: Any, x: Any) -> int:
    """Of convolutions and matrix products, for one sample, as prunelab counts them."""
    total = [0]

    def count(layer: Any, inputs: Any, output: Any) -> None:
        if isinstance(layer, torch.nn.LSTM):
            total[0] += inputs[0].shape[1] * sum(p.numel() for n, p in layer.named_parameters() if "weight" in n)
        elif isinstance(layer, torch.nn.Conv2d):
            total[0] += output[0, 0].numel() * layer.weight.numel()
        elif isinstance(layer, torch.nn.Linear):
            total[0] += output[0].numel() // layer.out_features * layer.weight.numel()
        elif hasattr(layer, "heads"):
            n = inputs[0].shape[1]
            total[0] += n * n * (layer.q.out_features + layer.v.out_features)

    hooks = [layer.register_forward_hook(count) for layer in model.modules()]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return total[0]


def pruned(dense: Any, criterion: str, ratio: float, x: Any, batch: tuple[Any, Any]) -> Any:
    """A copy with each group's channels cut by ``ratio``."""
    model = copy.deepcopy(dense)
    heads = {getattr(layer, part): layer.heads for layer in model.modules() if hasattr(layer, "heads")
             for part in "qkv"}
    pruner = tp.pruner.BasePruner(model, x, importance=CRITERIA[criterion](), pruning_ratio=ratio, num_heads=heads,
                                  ignored_layers=[model.fc])
    if criterion == "Taylor":
        model.zero_grad()
        torch.nn.functional.cross_entropy(model(batch[0]), batch[1]).backward()
    pruner.step()
    model.zero_grad()
    return model.eval()


def met(dense: Any, criterion: str, target: float, x: Any, batch: tuple[Any, Any]) -> Any:
    """The copy of the least ratio that takes ``target`` of the MACs."""
    allowed, low, high, best = (1 - target) * macs(dense, x), 0.0, 0.99, None
    failed: Exception | None = None
    for _ in range(9):
        middle = (low + high) / 2
        try:
            model = pruned(dense, criterion, middle, x, batch)
            fits = macs(model, x) <= allowed
        except Exception as error:  # such as a group that is cut to nothing
            fits, model, failed = True, None, error
        low, high = (low, middle) if fits else (middle, high)
        best = model if fits and model is not None else best
    if best is None and failed is not None:
        raise failed
    return best


def trained(model: Any, x: Any, y: Any, epochs: int, seed: int) -> Any:
    """A copy after so many epochs: Adam, 0.001 falling along a cosine, batches of 64."""
    model = copy.deepcopy(model).train()
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    rng, n = np.random.default_rng(seed), math.ceil(len(x) / 64)
    for step in range(epochs * n):
        if step % n == 0:
            order = rng.permutation(len(x))
        for group in adam.param_groups:
            group["lr"] = 0.5e-3 * (1 + math.cos(math.pi * step / (epochs * n)))
        some = order[step % n * 64 : (step % n + 1) * 64]
        adam.zero_grad()
        torch.nn.functional.cross_entropy(model(x[some]), y[some]).backward()
        adam.step()
    return model.eval()


def accuracy(model: Any, x: Any, y: Any) -> float:
    """In [0, 1]."""
    with torch.no_grad():
        return float((model(x).argmax(1) == y).float().mean())


def measured(dense: Any, criterion: str, ratio: float, data: tuple[Any, ...], epochs: list[int],
             seed: int) -> list[float] | str:
    """The accuracy after each number of epochs, or an error's words."""
    x, y, x_val, y_val = data
    try:
        model = met(dense, criterion, ratio, x[:1], (x[:256], y[:256]))
        if model is None:
            return "no ratio meets it"
        return [accuracy(trained(model, x, y, n, seed) if n else model, x_val, y_val) for n in epochs]
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0][:100]


def main(task: str, weights: str, seed: int, ratios: list[float], epochs: list[int]) -> None:
    """Print the accuracies: by criterion, ratio and epochs; an error's words where there is none."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    dense = networks(torch_kit())[task]().eval()
    arrays = {name: torch.from_numpy(array) for name, array in np.load(weights).items()}
    missing, unexpected = dense.load_state_dict(arrays, strict=False)
    assert not unexpected, unexpected
    assert not [name for name in missing if "num_batches" not in name], missing
    x, y, x_val, y_val = map(torch.from_numpy, TASKS[task](seed))
    out: dict[str, Any] = {"dense": accuracy(dense, x_val, y_val), "macs": macs(dense, x[:1])}
    for criterion in CRITERIA:
        for ratio in ratios:
            out[f"{criterion}|{ratio}"] = measured(dense, criterion, ratio, (x, y, x_val, y_val), epochs, seed)
    print(json.dumps(out))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), [float(r) for r in sys.argv[4].split(",")],
         [int(n) for n in sys.argv[5].split(",")])
