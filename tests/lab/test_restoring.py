"""What comes back: going back to the last bit (law 3), and the same history from the same seed (law 7)."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import paddle
import pytest
from lab_nets import data, everything, lab
from paddle.io import DataLoader, Dataset

# law 3: back restores every bit


def test_going_back_restores_every_bit_in_place_and_leaves_what_did_not_change() -> None:
    opened = lab()
    first = everything(opened)
    tensors = dict(opened.model.named_parameters())
    opened.step("0", ratio=0.5, finetune=2)
    second = everything(opened)
    random.random(), np.random.rand(), paddle.randn([3])
    assert opened.back().id == "s0"
    assert everything(opened) == first
    assert all(opened_tensor is tensors[name] for name, opened_tensor in opened.model.named_parameters())
    assert opened.goto("s1").id == "s1"
    assert everything(opened) == second


def test_going_back_touches_only_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    from prunelab.lab import snapshot

    opened = lab()
    opened.step("0", ratio=0.5)
    written: list[str] = []
    write = snapshot._write
    monkeypatch.setattr(snapshot, "_write", lambda t, a, name: written.append(name) or write(t, a, name))
    opened.back()
    # the convolution and its bias, batch norm's four, and what reads them; not the later layers
    assert set(written) <= {"0.weight", "0.bias", "1.weight", "1.bias", "1._mean", "1._variance", "3.weight"}
    assert "0.weight" in written


def test_what_a_hand_changed_is_restored_too() -> None:
    opened = lab()
    before = everything(opened)
    opened.step("0", ratio=0.5)
    opened.model[8].weight.set_value(opened.model[8].weight * 2)
    opened.goto("s0")
    assert everything(opened) == before


# law 7: same seed, same history


def test_the_same_seed_gives_the_same_history_whatever_is_drawn_in_between() -> None:
    hashes = []
    for noise in (0, 3):
        opened = lab(seed=5)
        np.random.rand(noise), random.seed(noise), paddle.seed(noise)
        opened.step("0", ratio=0.5, finetune=1, criterion="random")
        np.random.rand(noise)
        opened.run(to=0.5, steps=2, finetune=1)
        hashes.append([everything(opened), [dict(s.metrics) for s in opened.states], [s.seed for s in opened.states]])
    assert hashes[0] == hashes[1]
    assert everything(lab(seed=6)) != everything(lab(seed=5))


def test_a_step_taken_twice_from_a_state_gives_the_same_bits() -> None:
    opened = lab()
    opened.step("0", ratio=0.5, finetune=1)
    states = [opened.step("3", ratio=0.5, finetune=1, criterion="random")]
    first = opened.model.state_dict()
    kept = {k: v.numpy().copy() for k, v in first.items()}
    opened.back()
    states.append(opened.step("3", ratio=0.5, finetune=1, criterion="random"))
    assert states[0].id != states[1].id
    assert states[0].parent == states[1].parent == "s1"
    assert states[0].plan == states[1].plan
    assert states[0].metrics == states[1].metrics
    assert all((kept[k] == v.numpy()).all() for k, v in opened.model.state_dict().items())


class Noisy(Dataset):
    """Draws from every generator there is for each sample."""

    def __getitem__(self, index: int) -> Any:
        x, y = data()
        noise = float(paddle.randn([]).item()) + np.random.normal() + random.random()
        return x[index] + np.float32(noise / 10), y[index]

    def __len__(self) -> int:
        return 24


def test_a_loader_that_shuffles_and_draws_gives_the_same_bits() -> None:
    hashes = []
    for _ in range(2):
        opened = lab(train=DataLoader(Noisy(), batch_size=8, shuffle=True), val=DataLoader(Noisy(), batch_size=8))
        opened.step("0", ratio=0.5, finetune=2)
        hashes.append(everything(opened))
    assert hashes[0] == hashes[1]
