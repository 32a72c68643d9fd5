"""What comes back: going back to the last bit (law 3), and the same history from the same seed (law 7)."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from lab_nets import data, everything, lab
from paddle.io import DataLoader, Dataset

import prunelab as pl
from prunelab import errors

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


def test_an_array_that_cannot_be_read_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = lab(workspace=tmp_path)
    first = everything(opened)
    opened.step("0", ratio=0.5, finetune=1)
    here, get, left = everything(opened), opened._bench.store.get, [0]

    def damaged(digest: str) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise errors.WorkspaceError("it is damaged")
        return get(digest)

    monkeypatch.setattr(opened._bench.store, "get", damaged)
    for n in range(100):
        left[0] = n
        with contextlib.suppress(errors.WorkspaceError):
            opened.goto("s0")
            break
        assert everything(opened) == here
    assert n > 4, "the first to be read was the last"
    assert everything(opened) == first
    opened.close()


class Scaled(paddle.nn.Layer):
    """Beside parameters: a buffer that the forward reads, one that it does not, and a tensor that is neither."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = paddle.nn.Linear(4, 6), paddle.nn.Linear(6, 3)
        self.register_buffer("read", paddle.full([6], 2.0))
        self.register_buffer("unread", paddle.full([1], 3.0))
        self.plain = [paddle.full([6], 4.0)]  # Paddle makes a buffer of a tensor that is an attribute

    def forward(self, x: Any) -> Any:
        return self.last(paddle.nn.functional.relu(self.first(x)) * self.read + self.plain[0])


@pytest.mark.parametrize("name", ["read", "unread", "plain"])
@pytest.mark.parametrize("folder", [False, True])
def test_tensors_that_are_no_parameters_are_kept_and_restored(name: str, folder: bool, tmp_path: Path) -> None:
    opened = pl.Lab(Scaled(), inputs=(1, 4), workspace=tmp_path if folder else None)
    tensor = opened.model.plain[0] if name == "plain" else getattr(opened.model, name)
    first = tensor.numpy().copy()
    tensor.set_value(first + 1)
    opened.step("first", ratio=0.5)
    second = tensor.numpy().copy()
    opened.goto("s0")
    np.testing.assert_array_equal(tensor.numpy(), first)
    opened.goto("s1")
    np.testing.assert_array_equal(tensor.numpy(), second)
    assert (second != first).any()
    opened.close()


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


class Drawn(Dataset):
    """Samples that are nothing but drawn."""

    def __getitem__(self, index: int) -> Any:
        return np.random.normal(size=(1, 6, 6)).astype(np.float32), index % 3

    def __len__(self) -> int:
        return 24


def test_a_criterion_that_looks_at_data_sees_the_same_whatever_is_drawn_in_between() -> None:
    removed = set()
    for noise in range(4):
        opened = lab(train=DataLoader(Drawn(), batch_size=8), val=None)
        np.random.seed(noise)
        state = opened.step({"0": 0.5, "3": 0.5}, criterion="taylor")
        removed.add((state.plan.removed("0"), state.plan.removed("3")))
    assert len(removed) == 1


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
