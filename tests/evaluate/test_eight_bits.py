"""Eight bits, simulated: what each layer costs alone, and what all of them cost together."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import DataError, OptionError, UnknownNameError
from prunelab.evaluate.eight_bits import rounded_activation, rounded_weight
from prunelab.testing import laws


class Net(nn.Layer):
    """Two convolutions, of which the second has one weight that is far from all others."""

    def __init__(self, spoilt=True):
        super().__init__()
        self.first, self.second, self.head = nn.Conv2D(1, 6, 3), nn.Conv2D(6, 6, 3), nn.Linear(6, 4)
        if spoilt:
            with paddle.no_grad():  # each channel's scale is then as coarse as its weights are large
                self.second.weight[:, 0, 0, 0] = 40.0

    def forward(self, x):
        return self.head(paddle.nn.functional.relu(self.second(self.first(x))).mean([2, 3]))


def data(n=60):
    paddle.seed(3)
    return paddle.rand([n, 1, 8, 8]), paddle.randint(0, 4, [n])


@pytest.mark.parametrize("axis", [0, 1, 3])
def test_a_weight_is_its_integers_times_its_scales(axis):
    weight = np.random.default_rng(0).normal(size=(4, 3, 2, 5)).astype("float32")
    weight[0] = 0
    numbers, scale = rounded_weight(weight, axis)
    assert (numbers.dtype, scale.shape) == (np.int8, (weight.shape[axis],))
    shape = [-1 if k == axis else 1 for k in range(4)]
    assert (np.abs(numbers * scale.reshape(shape) - weight) <= scale.reshape(shape) * 0.5001).all()
    assert np.abs(numbers).max() == 127


def test_an_activation_has_256_levels_with_zero_among_them():
    x = paddle.linspace(-3, 9, 1001)
    found = rounded_activation(x, -1.0, 5.0).numpy()
    assert len(np.unique(found)) == 256
    assert 0 in found
    inside = (x.numpy() > -1) & (x.numpy() < 5)
    assert np.abs(found - x.numpy())[inside].max() <= 6 / 255
    assert (found.min() >= -1 - 6 / 255, found.max() <= 5 + 6 / 255) == (True, True)
    np.testing.assert_array_equal(rounded_activation(paddle.zeros([3]), 0.0, 0.0).numpy(), 0)


@pytest.mark.parametrize("kind", ["int8", "int8_weights"])
def test_the_layer_whose_weights_have_no_room_costs_most(kind):
    paddle.seed(0)
    model, (x, y) = Net(), data()
    before, mode = laws.bits(model), model.training
    costs = pl.eight_bit_costs(model, (x, y), quantization=kind, metric="loss")
    assert [c.layer for c in costs.layers] == ["first", "second", "head"]
    worst = max(costs.layers, key=lambda c: c.error)
    assert worst.layer == "second"
    assert costs.together.error > 0
    assert costs.dense == pytest.approx(pl.evaluate(model, (x, y), "loss")["loss"], rel=1e-5)
    assert (laws.bits(model), model.training) == (before, mode)
    assert "all of them" in repr(costs)
    assert "<table" in costs._repr_html_()


def test_a_layers_cost_is_that_of_the_model_with_its_weight_rounded():
    paddle.seed(0)
    model, (x, y) = Net(spoilt=False).eval(), data()
    costs = {c.layer: c for c in pl.eight_bit_costs(model, (x, y), quantization="int8_weights", metric="loss").layers}
    dense, plain = pl.evaluate(model, (x, y), "loss")["loss"], model(x).numpy()
    weight = model.head.weight.numpy()
    numbers, scale = rounded_weight(weight, 1)
    model.head.weight.set_value(numbers * scale)
    assert costs["head"].lost == pytest.approx(pl.evaluate(model, (x, y), "loss")["loss"] - dense, abs=1e-6)
    error = np.linalg.norm(model(x).numpy() - plain) / np.linalg.norm(plain)
    assert costs["head"].error == pytest.approx(error, rel=1e-3)


def test_what_costs_too_much_stays_in_float_with_its_reason():
    paddle.seed(0)
    costs = pl.eight_bit_costs(Net(), data(), metric="loss")
    largest = max(c.lost for c in costs.layers)
    keep = costs.keep(max_lost=max(largest / 2, 1e-9))
    assert keep
    assert all(c.layer in keep for c in costs.layers if c.lost > largest / 2)
    assert all(why.startswith("alone it loses") and why.endswith("of loss") for why in keep.values())
    assert costs.keep(max_lost=1e9) == {}


def test_attention_and_words_too():
    class Words(nn.Layer):
        def __init__(self):
            super().__init__()
            self.words, self.layer = nn.Embedding(11, 8), nn.TransformerEncoderLayer(8, 2, 16)

        def forward(self, ids):
            return self.layer(self.words(ids)).mean(1)

    paddle.seed(0)
    costs = pl.eight_bit_costs(Words(), (paddle.randint(0, 11, [9, 5]), paddle.randint(0, 8, [9])))
    assert len(costs.layers) == 6
    assert 0 < costs.together.error < 0.2


@pytest.mark.parametrize(("options", "error", "says"), [
    ({"quantization": "int4"}, UnknownNameError, "did you mean 'int8'"),
    ({"metric": "acuracy"}, UnknownNameError, "accuracy"), ({"samples": 0}, OptionError, "samples is 0"),
])
def test_mistakes(options, error, says):
    with pytest.raises(error, match=says):
        pl.eight_bit_costs(Net(), data(), **options)
    with pytest.raises(DataError, match="no labels"):
        pl.eight_bit_costs(Net(), [data()[0]])
