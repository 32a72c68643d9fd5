"""A table whose best entry is known: the accuracy of a small network on digits for every combination of ratios.

Samplers are compared on it: in small in `test_known_best.py`, and by `benchmarks/search.py table`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from paddle import nn

import prunelab as pl
from prunelab.search.samplers import Settings, sampler_of


@dataclass(frozen=True)
class Table:
    """``scores``: an axis a group, a place a ratio of ``ratios``: accuracy less the fraction of parameters that is
    left, by ``weight``."""

    names: tuple[str, ...]
    ratios: tuple[float, ...]
    scores: np.ndarray[Any, Any]

    @property
    def distributions(self) -> dict[str, optuna.distributions.BaseDistribution]:
        """A ratio for each group, in steps."""
        step = round(self.ratios[1] - self.ratios[0], 10)
        return {name: optuna.distributions.FloatDistribution(self.ratios[0], self.ratios[-1], step=step)
                for name in self.names}

    def score(self, params: dict[str, float]) -> float:
        """What the table says of a combination."""
        return float(self.scores[tuple(int(np.argmin(np.abs(np.array(self.ratios) - params[n]))) for n in self.names)])

    def found(self, sampler: str, seed: int, trials: int) -> float:
        """The best score that a sampler finds in so many trials."""
        made = sampler_of(sampler, Settings(seed=seed, space=self.distributions, n_trials=trials))
        study = optuna.create_study(sampler=made, direction="maximize")
        for _ in range(trials):
            trial = study.ask(self.distributions)
            try:
                study.tell(trial, self.score(trial.params))
            except RuntimeError:  # Optuna's grid says so that it is at its end
                break
        return study.best_value


def convolutions(widths: tuple[int, ...]) -> nn.Layer:
    """Convolutions one after another, so wide, on digits."""
    layers: list[nn.Layer] = []
    for k, (a, b) in enumerate(itertools.pairwise((1, *widths))):
        layers += [nn.Conv2D(a, b, 3, padding=1), nn.ReLU(), *([nn.MaxPool2D(2)] if k % 2 else [])]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(widths[-1], 10))


def perceptron(widths: tuple[int, ...]) -> nn.Layer:
    """Matrices one after another, so wide, on digits."""
    layers = [layer for a, b in itertools.pairwise((64, *widths)) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(widths[-1], 10))


def measure(model: nn.Layer, ratios: tuple[float, ...], samples: int, epochs: int, weight: float = 0.5,
            told: Callable[[int], object] = lambda n: None) -> Table:
    """Train a network, and measure every combination."""
    pl.finetune(model, pl.datasets.digits("train"), epochs, lr=5e-3, seed=0)
    images = pl.datasets.digits("test")
    data = [(images.images[:samples], images.labels[:samples])]
    graph = pl.trace(model, (1, 1, 8, 8))
    names = tuple(g.name for g in graph.prunable)
    space = pl.space(graph, ratios=list(ratios))
    study = pl.search(graph, data, space, "grid", "accuracy", int(space.size), pruner=None,
                      on_trial=lambda study, trial: told(len(study)))
    scores = np.full((len(ratios),) * len(names), np.nan)
    for trial in study:
        place = tuple(ratios.index(trial.ratios[name]) for name in names)
        left = trial.plan.cost.params / trial.plan.dense_cost.params
        scores[place] = trial.values["accuracy"] - weight * left
    return Table(names, ratios, scores)
