"""The global random states go out into plain numbers and come back to the last bit."""

from __future__ import annotations

import random

import numpy as np
import paddle
import pytest
from lab_nets import random_bits

from prunelab.lab import randomness
from prunelab.lab.randomness import RandomState, read_random, restore_random, seed_all, step_seed


def draw() -> tuple[list[float], list[float], list[float], float, float]:
    return (paddle.randn([5]).tolist(), paddle.randint(0, 1000, [5]).tolist(), np.random.normal(size=3).tolist(),
            random.gauss(0, 1), random.random())  # fmt: skip


@pytest.mark.parametrize("drawn", [0, 1, 7, 400])
def test_what_is_restored_draws_the_same(drawn: int) -> None:
    seed_all(12)
    for _ in range(drawn):
        paddle.rand([3])
        np.random.normal()
        random.gauss(0, 1)
    before, plain = random_bits(), read_random()
    first = draw()
    seed_all(99)
    draw()
    restore_random(plain)
    assert random_bits() == before
    assert draw() == first
    # the same plain numbers serve again: what is restored does not live on in the generator
    restore_random(plain)
    assert draw() == first


def test_where_seeding_gives_something_else_than_it_did_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    seed_all(12)
    seeded = 12, read_random()
    kept = RandomState.now(seeded)
    assert kept.arrays == {}
    kept.restore()  # without a warning, which would be an error
    monkeypatch.setattr(randomness, "seed_all", lambda seed: seed_all(seed + 1))
    with pytest.warns(RuntimeWarning, match="what is drawn now differs from then"):
        kept.restore()


def test_the_state_is_plain_numbers() -> None:
    for value in read_random().values():
        assert value.dtype.kind in "uf"


def test_seeds_depend_on_the_labs_seed_and_on_the_depth() -> None:
    seeds = {step_seed(seed, depth) for seed in range(5) for depth in range(50)}
    assert len(seeds) == 250
    assert all(0 <= seed < 2**32 for seed in seeds)
