"""How long the sensitivity of every layer takes: the plain way, reusing what stands before a cut, and with confidence.

    python benchmarks/sensitivity.py [epochs] [samples] [ratios]

A resnet18 is trained on digits of 32 x 32 pixels (shifted by up to two pixels, so that there are as many as asked for).
Times are the process's own (all threads together), so that other programs do not count. The plain way masks the model
for each group and ratio and evaluates it on all samples. Goals: the same numbers, 1.8 times as fast; with
confidence=0.5 five times as fast, with numbers that are within the error they say in 95 of 100 cases.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import paddle
from sklearn.datasets import load_digits

import prunelab as pl


def digits(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """So many digits as (n, 3, 32, 32) images, drawn, shifted and noisy; and their labels."""
    rng = np.random.default_rng(seed)
    images, labels = load_digits(return_X_y=True)
    chosen = rng.choice(len(images), n)
    large = images[chosen].reshape(n, 8, 8).repeat(4, 1).repeat(4, 2).astype(np.float32) / 8 - 1
    moved = [np.roll(image, rng.integers(-2, 3, 2), (0, 1)) for image in large]
    noisy = np.stack(moved) + rng.normal(0, 0.3, (n, 32, 32)).astype(np.float32)
    return noisy[:, None].repeat(3, 1), labels[chosen]


def plain(model: Any, graph: Any, data: Any, ratios: list[float]) -> dict[str, dict[float, float]]:
    """Mask and evaluate, one after another."""
    found: dict[str, dict[float, float]] = {}
    for group in graph.prunable:
        for ratio in ratios:
            with pl.mask(model, pl.propose(graph, ratios={group.name: ratio})):
                found.setdefault(group.name, {})[ratio] = pl.evaluate(model, data, "accuracy")["accuracy"]
    return found


def main(epochs: int, samples: int, ratios: list[float]) -> None:
    """Print the times of the three ways, and how far their numbers are apart."""
    paddle.seed(0)
    model = paddle.vision.models.resnet18(num_classes=10)
    pl.finetune(model, digits(4000, 1), epochs=epochs, seed=0)
    data = digits(samples, 2)
    graph = pl.trace(model, (1, 3, 32, 32))
    print(f"resnet18, {len(graph.prunable)} groups, {len(ratios)} ratios, {samples} samples, accuracy "
          f"{pl.evaluate(model, data, 'accuracy')['accuracy']:.4f}, {paddle.get_device()}")
    took: dict[str, float] = {}
    start = time.process_time()
    expected = plain(model, graph, data, ratios)
    took["plain"] = time.process_time() - start
    for name, confidence in (("reused", None), ("confidence=0.5", 0.5)):
        start = time.process_time()
        found = pl.sensitivity(graph, data, ratios=ratios, confidence=confidence, on_progress=lambda _: None)
        took[name] = time.process_time() - start
        apart = np.array([abs(p.value - expected[g][r]) for g, row in found.points.items() for r, p in row.items()])
        errors = np.array([p.error for row in found.points.values() for p in row.values()])
        seen = np.mean([p.seen for row in found.points.values() for p in row.values()])
        print(f"{name:16} {took[name]:8.1f} s, {took['plain'] / took[name]:5.2f} times as fast as plain; apart at "
              f"most {apart.max():.5f}, within the error told {np.mean(apart <= errors + 1e-9):.3f} of the time, "
              f"{seen:.2f} of the samples seen")
    print(f"{'plain':16} {took['plain']:8.1f} s")


if __name__ == "__main__":
    numbers = [int(n) for n in sys.argv[1:4]]
    n_ratios = numbers[2] if len(numbers) > 2 else 9
    main(numbers[0] if numbers else 3, numbers[1] if len(numbers) > 1 else 4000,
         [round((k + 1) / (n_ratios + 1), 3) for k in range(n_ratios)])
