"""How good the samplers are where the best plan is known, and how fast trials are beside the plain way.

    python benchmarks/search.py [table | trials [N [SAMPLES]] | workers [N [SAMPLES]] | surrogate [SEEDS]]

``table``: the accuracy of a small network on digits for every combination of ratios (1,296, measured), less half of the
fraction of parameters left; each sampler looks for the best with 100 trials, on 20 seeds. Goal: each above
random on the mean.

``trials [N [SAMPLES]]``: a resnet18 trained on digits of 32 x 32 pixels, 40 trials of annealing. The plain way makes
each trial's plan, builds the smaller model and evaluates it on all samples. Once by weights and without bounds, once by
Taylor scores and within ten points. Goals: five times as fast with the same seeds and the same answers.

``workers [N [SAMPLES]]``: the same search of 100 trials with one process and with two, of which each takes a second
and a half to begin. Goal: 1.8 times as fast. By the clock, which wants a quiet machine; and by the processes' own
times, as if what two workers compute were done side by side and nothing else were: what can be had at most.

``surrogate``: what a search of a small network on digits has found after 20, 40 and 60 trials with and without a
surrogate (the loss of each group alone at four ratios): the hypervolume of accuracy and the fraction of parameters that
goes, on the mean of seeds. Goal: with it, above without.

Times of ``trials`` are the process's own, so that other programs do not count.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import paddle

import prunelab as pl
from prunelab.search import SAMPLERS
from prunelab.search.front import front_of, hypervolume

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "search"))
from digit_table import convolutions, measure
from sensitivity import digits

TRIALS, SEEDS = 100, 20
AFTER = (20, 40, 60)


def table() -> None:
    """Print each sampler's mean best score, beside the best there is."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    paddle.seed(0)
    known = measure(convolutions((12, 16, 16, 24)), (0.0, 0.15, 0.3, 0.45, 0.6, 0.75), samples=200, epochs=8)
    best = known.scores.max()
    print(f"{known.scores.size} combinations, best {best:.4f}, {TRIALS} trials, {SEEDS} seeds")
    for name in SAMPLERS:
        start = time.process_time()
        found = np.array([known.found(name, seed, TRIALS) for seed in range(SEEDS)])
        print(f"{name:10} mean {found.mean():.4f} +- {found.std() / np.sqrt(SEEDS):.4f}, the best in "
              f"{np.mean(found >= best - 1e-9):4.0%} of seeds, {(time.process_time() - start) / SEEDS:6.2f} s a study",
              flush=True)


def trained(samples: int) -> tuple[Any, Any]:
    """A resnet18 on digits, and its data."""
    paddle.seed(0)
    model = paddle.vision.models.resnet18(num_classes=10)
    pl.finetune(model, digits(2000, 1), epochs=3, seed=0)
    return model, digits(samples, 2)


def plain(model: Any, graph: Any, data: Any, study: Any, criterion: str) -> list[float]:
    """Each trial's plan, made, built and evaluated: propose, compact, evaluate."""
    found = []
    for trial in study:
        plan = pl.propose(graph, criterion, ratios=trial.ratios, data=data)
        found.append(pl.evaluate(pl.compact(model, plan), data, "accuracy")["accuracy"])
    return found


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the seconds of this process."""
    start = time.process_time()
    return run(), time.process_time() - start


def trials(n: int = 40, samples: int = 1000) -> None:
    """Print the times of both ways, and how far their answers are apart."""
    model, data = trained(samples)
    graph = pl.trace(model, (1, 3, 32, 32))
    print(f"resnet18, {len(graph.prunable)} groups, {samples} samples, {n} trials, dense accuracy "
          f"{pl.evaluate(model, data, 'accuracy')['accuracy']:.4f}")
    for criterion, bounds in (("l1_weight", ()), ("taylor", ("accuracy within 10 points",))):
        space = pl.space(criterion=criterion, constraints=bounds)
        study, fast = timed(lambda r=space: pl.search(graph, data, r, trials=n))
        accuracies, slow = timed(lambda s=study, c=criterion: plain(model, graph, data, s, c))
        seen = study.trials["seen"]
        apart = max(abs(a - t.values["accuracy"]) for a, t in zip(accuracies, study, strict=True) if t.is_whole)
        inside = [k for k, t in enumerate(study) if not bounds or accuracies[k] >= study.dense["accuracy"] - 0.1]
        points = np.array([[-accuracies[k], study[k].values["params"]] for k in inside])
        true_front = {k for k, on in zip(inside, front_of(points), strict=True) if on}
        print(f"{criterion:10} {', '.join(bounds) or 'no bounds'}: plain {slow:6.1f} s, search {fast:6.1f} s: "
              f"{slow / fast:4.1f} times as fast; {seen.mean():.2f} of the samples seen; whole trials apart at most "
              f"{apart:.5f}; of {len(true_front)} trials on the plain way's front "
              f"{len(true_front & set(study.front.index))} are on the search's", flush=True)


def workers(n: int = 100, samples: int = 2000) -> None:
    """Print the seconds with one process and with two, by the clock and by the processes' own times."""
    model, data = trained(samples)
    took, computed = {}, {}
    for number in (1, 2):
        start, own, theirs = time.perf_counter(), time.process_time(), of_children()
        pl.search(model, data, sampler="random", trials=n, pruner=None, workers=number)
        took[number] = time.perf_counter() - start
        computed[number] = time.process_time() - own + (of_children() - theirs) / number
    for how, seconds in (("by the clock", took), ("by the processes' own times", computed)):
        print(f"{n} trials {how}: one process {seconds[1]:.1f} s, two {seconds[2]:.1f} s, "
              f"{seconds[1] / seconds[2]:.2f} times as fast")


def surrogate(seeds: int = 10) -> None:
    """Print the hypervolume after some trials, without a surrogate, with it, and with plans screened by it."""
    paddle.seed(0)
    model = convolutions((12, 16, 16, 24))
    pl.finetune(model, pl.datasets.digits("train"), 8, lr=5e-3, seed=0)
    images = pl.datasets.digits("test")
    data = images.images[:200], images.labels[:200]
    alone = pl.sensitivity(model, data, metric="loss", ratios=(0.2, 0.4, 0.6, 0.8), on_progress=lambda told: None)
    ways: dict[str, dict[str, Any]] = {"without": {}, "with": {"surrogate": alone},
                                       "screened": {"surrogate": alone, "screen": 4}}
    print(f"hypervolume after {', '.join(map(str, AFTER))} trials, {seeds} seeds; dense accuracy "
          f"{pl.evaluate(model, data)['accuracy']:.3f}")
    for sampler in ("random", "annealing", "genetic", "tpe"):
        for name, way in ways.items():
            found = np.array([_covered(pl.search(model, data, sampler=sampler, trials=AFTER[-1], seed=seed, pruner=None,
                                                 **way)) for seed in range(100, 100 + seeds)])
            error = found.std(axis=0) / np.sqrt(seeds)
            print(f"{sampler:10} {name:9}", "  ".join(f"{m:.4f} +- {e:.4f}" for m, e in zip(
                found.mean(axis=0), error, strict=True)), flush=True)


def _covered(study: Any) -> list[float]:
    counted = [t for t in study if t.counts]
    points = [[1 - t.values["accuracy"], t.values["params"] / study.dense["params"]] for t in counted if t.is_whole]
    return [hypervolume(np.array(points[:n]), np.ones(2)) for n in AFTER]


def of_children() -> float:
    """Seconds that processes computed which this one began and which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    what, *numbers = sys.argv[1:] or ["all"]
    for name, run in {"table": table, "trials": trials, "workers": workers, "surrogate": surrogate}.items():
        if what in (name, "all"):
            run(*map(int, numbers))
