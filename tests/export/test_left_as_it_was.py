"""Batches that are free or fixed, and models whose forward stays what it was."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import paddle
from export_nets import BRIEFLY, SCHEMA, Then, conv_net
from paddle import nn
from paddle.nn import functional

import prunelab as pl


class Batches(nn.Layer):
    """Takes a batch of any size, but needs its number while it is traced: a program can hold only one."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return self.linear(x) + paddle.to_tensor(np.ones(x.shape, "float32"))


def test_a_batch_that_cannot_be_free_is_fixed_and_that_is_said(tmp_path: Path) -> None:
    out = pl.export(Batches(), tmp_path / "out", ("paddle",), inputs=(2, 4), timing=BRIEFLY)
    told = out.manifest["formats"]["paddle"]
    assert (told["batch"]["free"], told["batch"]["size"]) == (False, 2)
    assert told["inputs"][0]["shape"] == [2, 4]
    assert set(told["parity"]["by_batch"]) == {"2"}
    assert told["latency"]["batch"] == 2
    assert "the batch is fixed to 2" in repr(out)
    jsonschema.validate(out.manifest, SCHEMA)


def test_a_model_for_one_batch_only_is_exported_for_it(tmp_path: Path) -> None:
    out = pl.export(Then(lambda y: y.reshape([2, 16]) * 2), tmp_path / "out", ("paddle",), inputs=(2, 16), timing=None)
    told = out.manifest["formats"]["paddle"]["batch"]
    assert (told["free"], told["size"]) == (False, 2)
    assert "takes no batch of 1" in told["reason"]


def test_the_model_is_afterwards_as_before(tmp_path: Path) -> None:
    model = nn.Sequential(conv_net(), nn.Dropout(0.5))
    model[0].eval()
    model[0][0].calls = []
    model[0][0].register_forward_post_hook(lambda layer, inputs, output: layer.calls.append(0))
    modes = [layer.training for layer in model.sublayers(include_self=True)]
    state = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    attributes = {id(layer): set(vars(layer)) for layer in model.sublayers(include_self=True)}
    paddle.seed(3)
    expected = [model(paddle.ones([2, 3, 9, 9])).numpy(), paddle.rand([3]).numpy()]
    paddle.seed(3)
    pl.export(model, tmp_path / "out", ("paddle",), inputs=(1, 3, 9, 9), timing=BRIEFLY)

    assert [layer.training for layer in model.sublayers(include_self=True)] == modes
    assert attributes == {id(layer): set(vars(layer)) for layer in model.sublayers(include_self=True)}
    assert isinstance(model.forward, types.MethodType)
    for name, tensor in model.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), state[name])
    # the random state and the number of threads too: the same bits
    for ours, before in zip([model(paddle.ones([2, 3, 9, 9])), paddle.rand([3])], expected, strict=True):
        np.testing.assert_array_equal(ours.numpy(), before)


def test_a_forward_that_was_made_static_stays_so(tmp_path: Path) -> None:
    spec = [paddle.static.InputSpec([4, 16], "float32", "other")]
    model = paddle.jit.to_static(Then(functional.relu), input_spec=spec, full_graph=True)
    static = model.forward
    out = pl.export(model, tmp_path / "out", ("paddle",), inputs=(1, 16), timing=None)
    assert model.forward is static
    assert out.manifest["formats"]["paddle"]["inputs"] == [{"name": "x", "shape": [None, 16], "dtype": "float32"}]


def test_a_class_whose_forward_is_static_stays_so(tmp_path: Path) -> None:
    class Static(Then):
        @paddle.jit.to_static(full_graph=True)
        def forward(self, x: Any) -> Any:
            return self.function(self.linear(x))

    model = Static(functional.relu)
    pl.export(model, tmp_path / "out", ("paddle",), inputs=(1, 16), timing=None)
    assert "forward" not in vars(model)
    assert hasattr(model.forward, "rollback")
