"""Samples are mixed with others of their batch, and a teacher is asked about what comes of it."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError
from prunelab.train import Distillation
from prunelab.train.mixing import mix


def mixed(*arrays: np.ndarray, part: float = 1.0, seed: int = 0) -> list[np.ndarray]:
    np.random.seed(seed)
    return [t.numpy() for t in mix(tuple(map(paddle.to_tensor, arrays)), part)]


def partners(once: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of rows of a mixed unit matrix, how much each keeps of itself, and whose the rest is."""
    own = once.diagonal()
    return own, (once - np.diag(own)).argmax(1)


def test_a_sample_is_mixed_with_one_other() -> None:
    once, = mixed(np.eye(8, dtype="float32"))
    own, other = partners(once)
    assert ((own > 0) & (own < 1)).all()
    assert np.allclose(once[np.arange(8), other], 1 - own)
    assert (np.count_nonzero(once, axis=1) == 2).all()
    assert sorted(other) == list(range(8)), "everybody is somebody's partner once"


def test_all_inputs_of_a_sample_are_mixed_alike() -> None:
    unit, wide = np.eye(8, dtype="float32"), np.random.default_rng(0).normal(size=(8, 3, 4)).astype("float32")
    once, twice = mixed(unit, wide)
    assert np.allclose(twice, np.tensordot(once, wide, 1), atol=1e-6)


def test_of_whole_numbers_a_stretch_is_the_others() -> None:
    ids = np.arange(8)[:, None] * 100 + np.arange(10)
    once, = mixed(ids)
    assert once.dtype == ids.dtype
    assert (once % 100 == np.arange(10)).all(), "each in its place"
    foreign = once // 100 != np.arange(8)[:, None]
    assert 0 < foreign.mean() < 1
    for row, at in zip(once // 100, foreign, strict=True):
        assert len(set(row[at])) <= 1
        assert np.abs(np.diff(np.concatenate([[0], at.astype(int), [0]]))).sum() in (0, 2), "in one piece"


def test_a_part_of_the_samples_is_mixed_and_the_seed_says_which() -> None:
    rows = np.eye(400, dtype="float32")
    once, = mixed(rows, part=0.25)
    assert 0.15 < (once.diagonal() < 1).mean() < 0.35
    assert (mixed(rows, part=0.0)[0] == rows).all()
    assert (mixed(rows, part=0.25)[0] == once).all()
    assert (mixed(rows, part=0.25, seed=1)[0] != once).any()


def test_what_cannot_be_mixed_stays() -> None:
    one, lengths, scale = np.ones((1, 3), "float32"), np.arange(5), np.float32(2)
    assert (mixed(one)[0] == one).all()
    assert (mixed(np.eye(5, dtype="float32"), lengths)[1] == lengths).all()
    assert mixed(np.eye(5, dtype="float32"), scale)[1] == scale


def test_a_student_learns_what_its_teacher_is_between_the_samples() -> None:
    paddle.seed(0)
    teacher, student = (nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2)) for _ in range(2))
    teacher[0].weight.set_value(teacher[0].weight * 3)
    x = 2 * np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
    between = paddle.to_tensor(np.concatenate([(a + x) / 2 for a in x]))

    def missed(part: float) -> float:
        own = copy.deepcopy(student)
        how = Distillation(teacher=teacher, logits=1.0, temperature=math.inf, mixed=part)
        pl.finetune(own, [(x,)], epochs=400, lr=0.02, seed=0, teacher=how)
        gap = own(between) - teacher(between)
        return float((gap - gap.mean(-1, keepdim=True)).square().mean())

    assert missed(1.0) < 0.7 * missed(0.0)


@pytest.mark.parametrize(("options", "message"), [
    ({"mixed": 1.5, "logits": 1.0}, r"mixed is 1\.5; it is a number in \[0, 1\]"),
    ({"mixed": True, "logits": 1.0}, "mixed is True"),
    ({"mixed": 0.5}, r"mixed=0\.5 makes inputs that have no labels, and logits=0\.9 .* give logits=1\.0"),
])
def test_what_cannot_be_mixed_is_refused(options: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Distillation(teacher=nn.Linear(2, 2), **options)
