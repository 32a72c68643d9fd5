"""How fast the engine is: reading, groups, plans, cuts, costs, thresholds, and what a cut network gains.

    python benchmarks/engine.py [first] [costs] [groups] [growth] [memory] [threshold] [latency] [--torch PYTHON]

Every figure is a ratio of things measured in one run, in turn, the fastest of several; where a goal is in milliseconds
it is printed as such. ``--torch`` names the Python of an environment with torch, torchvision and torch-pruning 1.6.1:

    python -m venv .venv-torch && .venv-torch/bin/pip install torch torchvision torch-pruning==1.6.1
    python benchmarks/engine.py --torch .venv-torch/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn
from paddle.vision.models import resnet50, resnet152

import prunelab as pl
from prunelab.evaluate.timing import TimingOptions
from prunelab.graph.structure import Structure
from prunelab.plan.thresholds import lowest

IMAGE = (1, 3, 224, 224)
REPEATS = 5

# what was measured, in words; its value; the goal, with what it is compared to
Figure = tuple[str, str, str]


def fastest(run: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Seconds of the fastest of ``repeats`` runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def against(value: float, goal: float, unit: str = "x") -> tuple[str, str]:
    """A value and whether it keeps its goal."""
    return f"{value:.3g} {unit}", f"<= {goal:g} {unit}: {'kept' if value <= goal else 'MISSED'}"


def cut_half(model: Any, graph: pl.Graph) -> Any:
    """Half of every group's channels by L1, carried out."""
    return pl.compact(model, pl.propose(graph, criterion="l1_weight", sparsity=0.5))


def first(torch_python: str | None) -> Iterator[Figure]:
    """The first cut and the next, beside Torch-Pruning's on the same network."""
    model = resnet50()
    cut_half(model, pl.trace(model, IMAGE))
    firsts, nexts, theirs = [], [], []
    for _ in range(3):  # in turn, so that a busy spell of the machine hits both
        firsts.append(fastest(lambda: cut_half(model, pl.trace(model, IMAGE)), 3))
        graph = pl.trace(model, IMAGE)
        nexts.append(fastest(lambda graph=graph: cut_half(model, graph), 3))
        theirs += _torch_runs(torch_python) if torch_python else []
    parts = {"trace": lambda: pl.trace(model, IMAGE), "propose": lambda: pl.propose(graph, sparsity=0.5)}
    for name, run in parts.items():
        yield f"{name} of ResNet-50", f"{fastest(run) * 1e3:.0f} ms", ""
    yield "trace, groups, plan and cut", f"{min(firsts) * 1e3:.0f} ms", ""
    yield "the next plan and cut", f"{min(nexts) * 1e3:.0f} ms", ""
    if not theirs:
        yield "over Torch-Pruning", "not measured", "give --torch PYTHON, as the head of this file says"
        return
    total = min(run["build"] + run["cut"] for run in theirs)
    yield "Torch-Pruning's build, plan and cut", f"{total * 1e3:.0f} ms", ""
    yield "first time over Torch-Pruning", *against(min(firsts) / total, 0.5)
    yield "next plan and cut over Torch-Pruning", *against(min(nexts) / total, 0.15)


def _torch_runs(python: str) -> list[dict[str, float]]:
    threads = os.environ.get("OMP_NUM_THREADS") or str(os.cpu_count())
    program = Path(__file__).with_name("engine_torch.py")
    run = subprocess.run([python, str(program), "3", threads], capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"{python} cannot run Torch-Pruning:\n{run.stderr}")
    return json.loads(run.stdout.splitlines()[-1])


def costs(_: str | None) -> Iterator[Figure]:
    """What a plan costs: all groups changed, and one."""
    graph = pl.trace(resnet50(), IMAGE)
    half = pl.propose(graph, sparsity=0.5)
    a, b = (half.with_removed(graph, {"layer1.0.conv1": range(n)}) for n in (5, 9))
    whole = fastest(lambda: (graph.cost(half), graph.cost()), 50) / 2
    one = fastest(lambda: (graph.cost(a), graph.cost(b)), 50) / 2
    yield "graph.cost(plan), all groups new", *against(whole * 1e3, 1, "ms")
    yield "graph.cost(plan), one group new", *against(one * 1e3, 0.2, "ms")


class Deep(nn.Layer):
    """``n_blocks`` residual bottlenecks of ten operators."""

    def __init__(self, n_blocks: int, width: int = 16) -> None:
        super().__init__()
        def block() -> nn.Layer:
            return nn.Sequential(
                nn.Conv2D(width, width, 1, bias_attr=False), nn.BatchNorm2D(width), nn.ReLU(),
                nn.Conv2D(width, width, 3, padding=1, bias_attr=False), nn.BatchNorm2D(width), nn.ReLU(),
                nn.Conv2D(width, width, 1, bias_attr=False), nn.BatchNorm2D(width))
        self.stem = nn.Conv2D(3, width, 3)
        self.blocks = nn.LayerList([block() for _ in range(n_blocks)])

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = paddle.nn.functional.relu(x + block(x))
        return x


def _deep(n_ops: int) -> tuple[nn.Layer, Any]:
    return Deep(n_ops // 10), (1, 3, 16, 16)


def _transformer(n_ops: int) -> tuple[nn.Layer, Any]:
    layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0)
    per_layer = len(pl.trace(nn.TransformerEncoder(layer, 2), (1, 8, 32)).program.ops) // 2
    return nn.TransformerEncoder(layer, max(1, n_ops // per_layer)), (1, 8, 32)


FAMILIES = {"residual": _deep, "transformer": _transformer}


def _times(make: Callable[[int], tuple[nn.Layer, Any]], n_ops: int) -> tuple[int, float, float]:
    """Operators, and seconds of reading and of finding the groups."""
    model, inputs = make(n_ops)
    program = pl.trace(model, inputs).program
    return len(program.ops), fastest(lambda: pl.trace(model, inputs), 3), fastest(lambda: Structure(program))


def groups(_: str | None) -> Iterator[Figure]:
    """Finding the groups of about a thousand operators."""
    for name, make in FAMILIES.items():
        n_ops, _trace, rules = _times(make, 1000)
        yield f"groups of a {name} of {n_ops:,} operators", *against(rules * 1e3 * 1000 / n_ops, 20, "ms per 1,000")


def growth(_: str | None) -> Iterator[Figure]:
    """Time from 400 to 4,000 operators, over what linear growth would give."""
    for name, make in FAMILIES.items():
        few, many = _times(make, 400), _times(make, 4000)
        factor = many[0] / few[0]
        yield f"{name}, {few[0]:,} to {many[0]:,} operators: trace", *against(many[1] / few[1] / factor, 1.2)
        yield f"{name}, {few[0]:,} to {many[0]:,} operators: groups", *against(many[2] / few[2] / factor, 1.2)


def memory(_: str | None) -> Iterator[Figure]:
    """The most memory that a process needs to read a ResNet-152, over what its tensors take; in a process of its own.
    """
    run = subprocess.run([sys.executable, __file__, "--memory"], capture_output=True, text=True, check=True)
    model_bytes, grown = map(int, run.stdout.split()[-2:])
    yield "memory while reading ResNet-152, model and graph", *against((model_bytes + grown) / model_bytes, 2)


def _print_memory() -> None:
    pl.trace(resnet50(), IMAGE)  # what is imported and allocated once
    model = resnet152()
    size = sum(t.numel().item() * 4 for t in (*model.parameters(), *model.buffers()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    graph = pl.trace(model, IMAGE)
    print(size, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, file=sys.stdout)
    del graph


def threshold(_: str | None) -> Iterator[Figure]:
    """The lower half of 25.5 million scores, over a full sort of them."""
    sizes = [p.numel().item() for p in resnet50().parameters()]
    rng = np.random.default_rng(0)
    scores = [np.abs(rng.standard_normal(n, np.float32)) for n in sizes]
    together = np.concatenate(scores)
    k = together.size // 2
    ours, sort = fastest(lambda: lowest(scores, k)), fastest(lambda: np.sort(together), 3)
    chosen = np.concatenate(lowest(scores, k))
    assert chosen.sum() == k
    assert together[chosen].max() <= together[~chosen].min()
    yield f"the lower half of {together.size:,} scores", f"{ours * 1e3:.0f} ms", ""
    yield "over a full sort", *against(ours / sort, 0.05)
    # NumPy sorts by the processor's widest vectors where it has them, at the speed of reading memory three times
    plain = fastest(lambda: np.sort(together, kind="stable"), 3)
    yield "over a full sort without vectors (stable)", f"{ours / plain:.3g} x", ""


def latency(_: str | None) -> Iterator[Figure]:
    """A ResNet-50 with a quarter of its MACs in Paddle Inference, batch 1: by how much quicker, by rounding."""
    model = resnet50()
    model.eval()
    graph = pl.trace(model, IMAGE)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for round_to in (1, 2, 4, 8, 16, 32):
            plan = pl.propose(graph, macs=0.75, round_to=round_to)
            out = pl.export(pl.compact(model, plan), Path(folder) / str(round_to), formats=("paddle",), inputs=IMAGE,
                            dense=model, timing=TimingOptions(runs=30, batch=1))
            times = out.latency_ms["paddle"]
            found[round_to] = (out.dense_latency_ms["paddle"] / times, graph.cost().macs / graph.cost(plan).macs)
    for round_to, (faster, macs) in found.items():
        yield f"round_to {round_to}: {macs:.2f} times fewer MACs", f"{faster:.2f} x faster", ""
    best = max(found, key=lambda r: found[r][0])
    faster = found[best][0]
    yield f"the best rounding, {best}", f"{faster:.2f} x faster", f">= 3.3 x: {'kept' if faster >= 3.3 else 'MISSED'}"


SECTIONS = {run.__name__: run for run in (first, costs, groups, growth, memory, threshold, latency)}


def main() -> None:
    """Print the figures of the sections that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--torch", metavar="PYTHON", help="the Python of an environment with Torch-Pruning")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.memory:
        _print_memory()
        return
    unknown = [name for name in asked.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    for name in asked.sections or SECTIONS:
        print(f"\n{name}: {SECTIONS[name].__doc__.splitlines()[0]}", flush=True)
        for figure, value, goal in SECTIONS[name](asked.torch):
            print(f"  {figure:<58}{value:>20}   {goal}", flush=True)


if __name__ == "__main__":
    main()
