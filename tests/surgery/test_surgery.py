from __future__ import annotations

import paddle
import pytest
from networks import NETWORKS, Encoder, FlattenLinear, FusedQKV, Recurrent, Residual, SpelledWidth
from paddle import nn
from paddle.static import InputSpec

import prunelab as pl
from prunelab.surgery import cut_masks, relative_error, zero_cut
from prunelab.testing.laws import bits, stir


def halved(model, inputs):
    return pl.propose(pl.trace(model, inputs), sparsity=0.5)


def train_and_fail(model):
    optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
    model(paddle.randn([4, 3, 16, 16])).sum().backward()
    optimizer.step()
    raise ZeroDivisionError


def test_mask_restores_bits_after_an_error_and_after_training():
    model = stir(Residual())
    model.train()
    plan = halved(model, (1, 3, 16, 16))
    before = bits(model)
    with pytest.raises(ZeroDivisionError), pl.mask(model, plan):
        train_and_fail(model)
    model.clear_gradients()
    assert bits(model) == before


def test_zero_cut_is_for_good_and_cuts_even_what_is_not_finite():
    model = Residual()
    plan = halved(model, (1, 3, 16, 16))
    unit = plan.removed("stem.0")[0]
    with paddle.no_grad():
        model.stem[0].weight[unit] = float("nan")
    zero_cut(model, plan)
    assert float(model.stem[0].weight[unit].abs().sum()) == 0
    assert not cut_masks(model, plan)["stem.0.weight"][unit].any()
    small = pl.compact(model, plan)
    model.eval(), small.eval()
    x = paddle.randn([2, 3, 16, 16])
    assert relative_error(small(x), model(x)) < 1e-5


@pytest.mark.parametrize(("make", "inputs", "form"), [
    (Residual, (1, 3, 16, 16), Residual),
    (FlattenLinear, (1, 1, 8, 8), FlattenLinear),
    (SpelledWidth, (1, 1, 8, 8), pl.GraphLayer),
    (FusedQKV, (1, 3, 16, 16), pl.GraphLayer),
    (lambda: Recurrent(nn.LSTM), NETWORKS["lstm"][1], Recurrent),
])
def test_the_own_class_where_its_forward_can_carry_the_widths(make, inputs, form):
    model = make()
    assert type(pl.compact(model, halved(model, inputs))) is form


def test_attributes_of_layers_follow():
    model = nn.Sequential(nn.Conv2D(3, 8, 3, groups=1), nn.BatchNorm2D(8),
                          nn.Conv2D(8, 8, 3, groups=8), nn.GroupNorm(4, 8), nn.Conv2D(8, 2, 1))
    small = pl.compact(model, halved(model, (1, 3, 12, 12)))
    assert small[2]._groups == 4
    assert small[2]._in_channels == 4
    assert small[1]._num_features == 4
    assert small[3]._num_groups == 2
    assert model[2]._groups == 8


def test_a_graph_layer_trains_with_dropout_and_batch_norm_and_evaluates_without():
    model = nn.Sequential(nn.Conv2D(1, 8, 3), nn.BatchNorm2D(8), nn.Dropout(0.5), nn.Flatten(), nn.Linear(8 * 36, 3))
    small = pl.compact(model, halved(model, (1, 1, 8, 8)), form="graph")
    assert small.training
    x = paddle.randn([6, 1, 8, 8]) + 3
    mean = small.state_dict()["1._mean"].numpy().copy()
    assert not bool((small(x) == small(x)).all()), "dropout draws"
    assert not (small.state_dict()["1._mean"].numpy() == mean).all(), "batch norm learns its statistics"
    small.eval()
    mean = small.state_dict()["1._mean"].numpy().copy()
    assert bool((small(x) == small(x)).all())
    assert (small.state_dict()["1._mean"].numpy() == mean).all()


def test_a_graph_layer_has_the_models_names_and_what_they_carry():
    model = Encoder()
    model.out.bias.stop_gradient = True
    model.embed.weight.optimize_attr["learning_rate"] = 0.5
    small = pl.compact(model, halved(model, InputSpec([1, 7], "int64")))
    assert small.state_dict().keys() == model.state_dict().keys()
    named = dict(small.named_parameters())
    assert named["out.bias"].stop_gradient
    assert named["embed.weight"].optimize_attr["learning_rate"] == 0.5
    assert "GraphLayer(networks.Encoder" in repr(small)


def test_a_graph_layer_is_saved_for_inference_with_a_free_batch(tmp_path):
    model = FusedQKV()
    model.eval()
    small = pl.compact(model, halved(model, (1, 3, 16, 16)))
    paddle.jit.save(small, str(tmp_path / "m"), input_spec=[InputSpec([None, 3, 16, 16])])
    loaded = paddle.jit.load(str(tmp_path / "m"))
    for n in (1, 5):
        x = paddle.randn([n, 3, 16, 16])
        assert relative_error(loaded(x), small(x)) < 1e-5


def test_gradients_and_hooks_of_the_model_are_left():
    model = Residual()
    model(paddle.randn([2, 3, 16, 16])).sum().backward()
    before = model.head.fc.weight.grad.numpy().copy()
    plan = halved(model, (1, 3, 16, 16))
    small = pl.compact(model, plan)
    assert (model.head.fc.weight.grad.numpy() == before).all()
    assert all(p.grad is None for p in small.parameters())


def test_the_plan_travels_to_a_fresh_model():
    paddle.seed(1)
    model = stir(Residual())
    model.eval()
    plan = halved(model, (1, 3, 16, 16))
    small = pl.compact(model, plan)
    other = plan.apply(Residual())
    other.set_state_dict(small.state_dict())
    other.eval()
    x = paddle.randn([2, 3, 16, 16])
    assert bool((other(x) == small(x)).all())
