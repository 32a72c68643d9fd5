"""Is the pruned model good? prunelab beside Torch-Pruning 1.6.1, from the same dense weights on the same data.

A residual and a mobile network on scikit-learn's digits, an LSTM and a transformer that tell which section of Python's
own docs a paragraph is from. At each fraction of MACs that goes: accuracy without training, and after so many epochs
(Adam, 0.001 falling along a cosine, or staying where weights are averaged, batches of 64, both alike). Mean and spread
over seeds, each with its own dense weights and its own split. Then single weights and 2:4, with and without weight
update.

    python benchmarks/quality.py --torch /path/to/python             # three seeds, 0, 1 and 10 epochs
    python benchmarks/quality.py --torch ... --small                 # one seed, half and 90 %, 0 and 1 epoch
    python benchmarks/quality.py --torch ... --kept rows.json        # goes on where a run with that file ended

``--torch`` names the Python of an environment with torch, torch-pruning and scikit-learn; without it, only our side.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import paddle
from quality_nets import TASKS, as_torch, networks, paddle_kit

import prunelab as pl
from prunelab.train import Distillation, propose_repaired

RATIOS, EPOCHS = (0.5, 0.7, 0.9), (0, 1, 10)
DENSE_EPOCHS = {"resnet": 20, "mobilenet": 20, "lstm": 15, "transformer": 15}
SIDES = ("ours", "averaged", "measured", "dense", "theirs", "sparse")
MEASURED = "measured"  # instead of a scope: the one that repair makes up for best
STEPS = 100  # of repair's global form


class Ours(NamedTuple):
    """One way of ours: how units are chosen and spread, how many steps the repair takes; in the training after it, how
    much the dense network teaches, on how many mixed samples, and whether the weights are their mean."""

    criterion: str = "reconstruction"
    scope: str = "uniform_macs"
    steps: int = STEPS
    taught: float = 0.0
    mixed: float = 0.0
    average: bool = False


OURS = {
    "trained": Ours(),
    "taught": Ours(taught=1.0),
    "taught, half of it mixed": Ours(taught=1.0, mixed=0.5),
}

OURS_MEASURED = {
    "spread by measured error, taught": Ours(scope=MEASURED, taught=1.0),
    "spread by measured error, taught, half of it mixed": Ours(scope=MEASURED, taught=1.0, mixed=0.5),
}

OURS_AVERAGED = {
    "trained, averaged": Ours(average=True),
    "taught, averaged": Ours(taught=1.0, average=True),
}
OUR_SIDES = {"ours": OURS, "averaged": OURS_AVERAGED, "measured": OURS_MEASURED}

Row = tuple[str, str, float, int]  # task, method, ratio, epochs
Results = dict[Row, list[float]]


def dense_model(task: str, seed: int) -> tuple[Any, pl.Graph, Any, Any]:
    """The trained network, its graph, and the data to train on and to judge by."""
    paddle.seed(seed)
    np.random.seed(seed)
    x, y, x_val, y_val = TASKS[task](seed)
    model = networks(paddle_kit())[task]()
    pl.finetune(model, (x, y), epochs=DENSE_EPOCHS[task], lr=5e-3, seed=seed)
    model.eval()
    return model, pl.trace(model, paddle.to_tensor(x[:1])), (x, y), (x_val, y_val)


def accuracy(model: Any, data: Any) -> float:
    """In [0, 1]."""
    return pl.evaluate(model, data, "accuracy")["accuracy"]


def prunelab_side(ways: Mapping[str, Ours], task: str, seed: int, ratios: list[float], epochs: list[int],
                  results: Results) -> None:
    """Our rows."""
    model, graph, train, val = dense_model(task, seed)
    results[task, "dense", 0.0, 0].append(accuracy(model, val))
    for ratio in ratios:
        repaired: dict[Any, tuple[Any, pl.Plan]] = {}  # ways that differ in the training alone start alike
        for name, how in ways.items():
            cut = how.criterion, how.scope, how.steps
            if cut not in repaired:
                plan = _plan(graph, how, ratio, train, seed)
                repaired[cut] = pl.repair(model, plan, train, seed=seed, steps=how.steps), plan
            for n in epochs:
                small = pl.compact(*repaired[cut])
                if n:
                    pl.finetune(small, train, epochs=n, lr=1e-3, seed=seed, teacher=_teacher(model, how),
                                average=how.average)
                results[task, f"prunelab, {name}", ratio, n].append(accuracy(small, val))


def _plan(graph: pl.Graph, how: Ours, ratio: float, train: Any, seed: int) -> pl.Plan:
    if how.scope == MEASURED:
        return propose_repaired(graph, how.criterion, macs=ratio, data=train, seed=seed)
    return pl.propose(graph, how.criterion, macs=ratio, scope=how.scope, data=train, seed=seed)


def _teacher(model: Any, how: Ours) -> Distillation | None:
    if not how.taught:
        return None
    return Distillation(teacher=model, logits=how.taught, temperature=math.inf, mixed=how.mixed)


def dense_side(task: str, seed: int, ratios: list[float], epochs: list[int], results: Results) -> None:
    """The dense network, trained on as the smaller ones are: what the training gives without any cut."""
    model, _, train, val = dense_model(task, seed)
    for n in epochs:
        more = copy.deepcopy(model)
        if n:
            pl.finetune(more, train, epochs=n, lr=1e-3, seed=seed)
        for ratio in ratios:
            results[task, "no cut, trained on", ratio, n].append(accuracy(more, val))


def torch_side(python: str, task: str, seed: int, ratios: list[float], epochs: list[int], results: Results,
               notes: list[str]) -> None:
    """Torch-Pruning's rows, from the same dense weights."""
    program = Path(__file__).with_name("quality_torch.py")
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "dense.npz"
        np.savez(weights, **as_torch(dense_model(task, seed)[0]))
        run = subprocess.run([python, str(program), task, str(weights), str(seed), ",".join(map(str, ratios)),
                              ",".join(map(str, epochs))], capture_output=True, text=True, check=False)
    if run.returncode:
        notes.append(f"{task}: Torch-Pruning's side failed: {run.stderr.strip().splitlines()[-1:]}")
        return
    found = json.loads(run.stdout.strip().splitlines()[-1])
    results[task, "dense, in torch", 0.0, 0].append(found["dense"])
    for key, accuracies in found.items():
        criterion, _, ratio = key.partition("|")
        if isinstance(accuracies, str):
            notes.append(f"{task}: Torch-Pruning's {criterion} at {ratio}: {accuracies}")
        elif ratio:
            for n, value in zip(epochs, accuracies, strict=True):
                results[task, f"Torch-Pruning {criterion}", float(ratio), n].append(value)


def sparse_side(task: str, seed: int, ratios: list[float], results: Results) -> None:
    """Single weights and 2:4, without training."""
    model, graph, train, val = dense_model(task, seed)
    for criterion in ("l1_weight", "wanda", "sparsegpt"):
        for granularity, ratio in [*(("element", r) for r in ratios), ("2:4", 0.5)]:
            asked = {"sparsity": ratio} if granularity == "element" else {"ignore": _unfit(graph)}
            plan = pl.propose(graph, criterion, granularity=granularity, data=train, **asked)
            for told, updated in (("", model), (", updated", pl.repair(model, plan, train, seed=seed))):
                row = task, f"{granularity} {criterion}{told}", ratio, 0
                results[row].append(accuracy(pl.compact(updated, plan), val))


def _unfit(graph: pl.Graph) -> list[str]:
    return [g.name for g in graph.at("2:4") if not g.prunable]


def table(results: Results) -> str:
    """The means, with half the spread where there are several seeds."""
    def told(values: list[float]) -> str:
        spread = f" ± {50 * (max(values) - min(values)):.1f}" if len(values) > 1 else ""
        return f"{100 * np.mean(values):.1f}{spread}"

    columns = sorted({(ratio, n) for _, _, ratio, n in results if ratio})
    lines = ["| network | method | " + " | ".join(f"{r:.0%}, {n} epochs" for r, n in columns) + " |",
             "|---|---|" + "---|" * len(columns)]
    for task, method in dict.fromkeys((t, m) for t, m, _, _ in results):
        if method.startswith("dense"):
            lines.append(f"| {task} | {method}: {told(results[task, method, 0.0, 0])} |" + " |" * len(columns))
            continue
        cells = [told(results[task, method, r, n]) if (task, method, r, n) in results else "" for r, n in columns]
        lines.append(f"| {task} | {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


class Kept:
    """What is measured, in a file too, so that a long run goes on where it ended: by task, seed and side, the rows."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.found: dict[str, list[Any]] = json.loads(path.read_text()) if path is not None and path.exists() else {}

    def side(self, key: str, measure: Callable[[Results, list[str]], object]) -> None:
        """Measure, unless the file has it."""
        if key in self.found:
            return
        results: Results = defaultdict(list)
        notes: list[str] = []
        measure(results, notes)
        self.found[key] = [[[*row, values] for row, values in results.items()], notes]
        if self.path is not None:
            self.path.write_text(json.dumps(self.found))

    def results(self, keys: Sequence[str]) -> tuple[Results, list[str]]:
        """The rows and notes of these."""
        results: Results = defaultdict(list)
        for rows, _ in (self.found[key] for key in keys if key in self.found):
            for task, method, ratio, n, values in rows:
                results[task, method, ratio, n] += values
        return results, [note for key in keys if key in self.found for note in self.found[key][1]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", metavar="PYTHON", help="the Python of an environment with Torch-Pruning 1.6.1")
    parser.add_argument("--small", action="store_true", help="one seed, 50 and 90 %%, 0 and 1 epoch")
    parser.add_argument("--tasks", default=",".join(TASKS), help="comma-separated: %(default)s")
    parser.add_argument("--seeds", default="0,1,2", help="comma-separated: %(default)s")
    parser.add_argument("--sides", default=",".join(SIDES), help="comma-separated: %(default)s")
    parser.add_argument("--kept", metavar="FILE", type=Path, help="JSON, where rows are kept as they are measured")
    options = parser.parse_args()
    ratios, epochs, seeds = list(RATIOS), list(EPOCHS), [int(seed) for seed in options.seeds.split(",")]
    if options.small:
        ratios, epochs, seeds = [0.5, 0.9], [0, 1], seeds[:1]
    kept, keys = Kept(options.kept), list[str]()
    for task in options.tasks.split(","):
        for seed in seeds:
            for side in options.sides.split(","):
                keys.append(f"{task}, {seed}, {side}, {ratios}, {epochs}")

                def measure(results: Results, notes: list[str], task: str = task, seed: int = seed,
                            side: str = side) -> None:
                    if side in OUR_SIDES:
                        prunelab_side(OUR_SIDES[side], task, seed, ratios, epochs, results)
                    elif side == "dense":
                        dense_side(task, seed, ratios, epochs, results)
                    elif side == "theirs" and options.torch:
                        torch_side(options.torch, task, seed, ratios, epochs, results, notes)
                    elif side == "sparse":
                        sparse_side(task, seed, ratios, results)

                kept.side(keys[-1], measure)
            print(f"{task}, seed {seed} done; so far:\n{table(kept.results(keys)[0])}", file=sys.stderr)
    results, notes = kept.results(keys)
    print(table(results))
    print("\n".join(notes))


if __name__ == "__main__":
    main()
