"""The peak of a forward is what its tensors need, and a smaller model needs less."""

from __future__ import annotations

import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import InputError


def net() -> nn.Layer:
    return nn.Sequential(nn.Conv2D(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2D(32, 32, 3, padding=1), nn.ReLU(),
                         nn.Flatten(), nn.Linear(32 * 256, 4))


def test_weights_and_the_largest_tensors_are_counted() -> None:
    model = net()
    found = pl.peak_memory(model, (2, 3, 16, 16))
    parameters = 4 * sum(p.size for p in model.parameters())
    assert found.weights_bytes == parameters
    activation = 4 * 2 * 32 * 256
    assert 2 * activation <= found.peak_bytes  # what a convolution reads and writes is there at once
    assert found.total_bytes == found.weights_bytes + found.peak_bytes
    assert "of weights" in str(found)


def test_it_grows_with_the_batch_and_falls_with_a_cut() -> None:
    model = net()
    one, eight = (pl.peak_memory(model, (1, 3, 16, 16), batch=n).peak_bytes for n in (1, 8))
    assert 2 * one < eight < 10 * one  # a convolution unrolls one sample after another, whatever the batch
    plan = pl.propose(pl.trace(model, (1, 3, 16, 16)), sparsity=0.5)
    small = pl.peak_memory(pl.compact(model, plan), (1, 3, 16, 16))
    assert small.peak_bytes < 0.7 * one
    assert small.weights_bytes == plan.cost.bytes


def test_the_model_is_left_and_wrong_inputs_are_told() -> None:
    model = net()
    model.train()
    state = str(paddle.get_rng_state()[0])
    pl.peak_memory(model, (2, 3, 16, 16))
    assert model.training
    assert str(paddle.get_rng_state()[0]).split()[4:] == state.split()[4:]
    with pytest.raises(InputError, match="does not take the batch's inputs"):
        pl.peak_memory(model, (2, 1, 16, 16))
