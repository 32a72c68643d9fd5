"""Where the best plan is known, from a table of measured accuracies of all of them, our samplers find it."""

from __future__ import annotations

import digit_table
import numpy as np
import optuna
import paddle
import pytest

SEEDS = range(8)


@pytest.fixture(scope="module")
def table() -> digit_table.Table:
    paddle.seed(0)
    return digit_table.measure(digit_table.perceptron((24, 24, 20, 16)), (0.0, 0.2, 0.4, 0.6, 0.8), 160, 15)


@pytest.fixture(scope="module")
def chance(table: digit_table.Table) -> float:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return float(np.mean([table.found("random", seed, 60) for seed in SEEDS]))


def test_the_table_is_measured_and_its_best_is_no_end_of_a_range(table: digit_table.Table) -> None:
    assert table.scores.shape == (5, 5, 5, 5)
    assert np.isfinite(table.scores).all()
    assert (table.scores == table.scores.max()).sum() < 5
    assert table.scores.max() > table.scores[0, 0, 0, 0]


@pytest.mark.parametrize("sampler", ["annealing", "genetic", "pso", "grid"])
def test_each_finds_better_plans_than_chance_on_the_mean_of_seeds(
        sampler: str, table: digit_table.Table, chance: float) -> None:
    found = float(np.mean([table.found(sampler, seed, 60) for seed in SEEDS]))
    assert table.scores.max() - found < 0.8 * (table.scores.max() - chance)


def test_the_grid_comes_to_its_end_at_the_best(table: digit_table.Table) -> None:
    assert table.found("grid", 0, 700) == table.scores.max()
