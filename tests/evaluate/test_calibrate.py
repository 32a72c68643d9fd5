"""One pass through data gives what plain arithmetic on the model's own tensors gives, whatever the batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest
from networks import NETWORKS, Depthwise, Recurrent, Residual, Transposed
from paddle import nn

import prunelab as pl
from prunelab.criteria import CRITERIA, Taylor, score
from prunelab.errors import DataError, OptionError, TrainingError
from prunelab.evaluate.calibrate import CalibrationOptions
from prunelab.evaluate.sites import readers_of, sites_of
from prunelab.evaluate.weighted import shared_operators, weighted_operators
from prunelab.graph import as_array
from prunelab.graph.program import flatten
from prunelab.surgery.compact import random_inputs
from prunelab.testing.laws import at_batch, bits, stir


def mlp() -> nn.Layer:
    paddle.seed(3)
    return nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 3))


def data(n: int = 24, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 5)).astype(np.float32), rng.integers(0, 3, n)


@pytest.mark.parametrize("name", ["lenet", "shuffle", "depthwise", "transposed", "one_and_three_d", "channels_last",
                                  "grouped_queries", "encoder"])
def test_a_weighted_operator_is_its_columns_times_its_matrix(name: str) -> None:
    make, inputs = NETWORKS[name]
    model = stir(make())
    model.eval()
    graph = pl.trace(model, inputs)
    batch = random_inputs(at_batch(graph.input_specs, 2), graph.place)
    operators = weighted_operators(graph)
    assert operators
    for w in operators:
        x, y = graph.run(*batch, until=[w.x, w.y])
        matrix = w.matrix(as_array(graph.tensor(w.weight)))
        expected = w.rows(y).numpy()
        assert abs(w.columns(x).numpy() @ matrix - expected).max() <= 1e-5 * abs(expected).max()
        assert np.array_equal(w.unmatrix(matrix).ravel(), as_array(graph.tensor(w.weight)).ravel())
        some = np.arange(0, w.positions, 2)
        picked = w.rows(y, some).numpy()
        assert abs(w.columns(x, some).numpy() @ matrix - picked).max() <= 1e-5 * abs(expected).max()


def test_strided_dilated_padded_and_same_padded_convolutions_too() -> None:
    options = [{"stride": 2, "padding": 1}, {"dilation": 2, "padding": [2, 1]}, {"padding": "SAME", "stride": 2},
               {"padding": "VALID"}, {"padding": [1, 2, 0, 1]}]
    for option in options:
        model = nn.Sequential(nn.Conv2D(2, 4, 3, **option), nn.ReLU(), nn.Conv2D(4, 2, 1))
        graph = pl.trace(model, (1, 2, 9, 8))
        x = paddle.randn([2, 2, 9, 8])
        (w, _), y = weighted_operators(graph), graph.run(x, until="0")
        a = w.columns(x).numpy() @ w.matrix(model[0].weight.numpy()) + w.vector(model[0].bias.numpy())[:, None]
        assert np.allclose(a, w.rows(y).numpy(), atol=1e-5), option


@pytest.mark.parametrize("options", [{"stride": 2, "padding": 1, "output_padding": 1}, {"stride": 3, "dilation": 2},
                                     {"groups": 2, "stride": 2}, {"padding": "SAME", "stride": 2}])
def test_transposed_convolutions_too(options: Any) -> None:
    model = nn.Sequential(nn.Conv2D(2, 4, 1), nn.Conv2DTranspose(4, 6, 3, **options), nn.Conv2D(6, 2, 1))
    graph = pl.trace(model, (1, 2, 5, 6))
    w = weighted_operators(graph)[1]
    x = paddle.randn([2, 2, 5, 6])
    given, y = graph.run(x, until=[w.x, w.y])
    assert np.allclose(w.columns(given).numpy() @ w.matrix(model[1].weight.numpy()), w.rows(y).numpy(), atol=1e-5)


def test_gradients_are_the_mean_over_batches_and_activations_do_not_mind_the_batches() -> None:
    model, (x, y) = mlp(), data()
    graph = pl.trace(model, (1, 5))
    before = bits(model)
    whole = pl.calibrate(graph, [(x, y)], list(CRITERIA))
    parts = pl.calibrate(graph, [(x[:12], y[:12]), (x[12:], y[12:])], list(CRITERIA))
    assert bits(model) == before
    assert whole.n_samples == parts.n_samples == 24
    loss = nn.functional.cross_entropy(model(paddle.to_tensor(x)), paddle.to_tensor(y))
    loss.backward()
    for name, parameter in model.named_parameters():
        assert np.allclose(whole.gradients[name], parameter.grad.numpy(), atol=1e-6)
        assert np.allclose(parts.gradients[name], parameter.grad.numpy(), atol=1e-6)
        assert (parts.squares[name] >= whole.squares[name] - 1e-9).all()
    model.clear_gradients()
    for name, a in whole.activations.items():
        b = parts.activations[name]
        for field in ("mean", "magnitude", "zeros", "gram", "taylor", "fisher"):
            assert np.allclose(getattr(a, field), getattr(b, field), rtol=1e-5, atol=1e-8), field


def test_activation_statistics_are_those_of_what_the_readers_see() -> None:
    model, (x, y) = mlp(), data()
    graph = pl.trace(model, (1, 5))
    found = pl.calibrate(graph, [(x, y)], ["activation", "taylor_activation"]).activations["0"]
    a = nn.functional.relu(model[0](paddle.to_tensor(x)))
    a = a.detach()
    a.stop_gradient = False
    loss = nn.functional.cross_entropy(model[4](model[3](model[2](a))), paddle.to_tensor(y), reduction="none")
    slope = paddle.grad(loss.sum(), [a])[0].numpy()
    seen = a.numpy()
    assert np.allclose(found.mean, seen.mean(0), atol=1e-6)
    assert np.allclose(found.zeros, (seen == 0).mean(0))
    assert np.allclose(found.gram, seen.T @ seen / len(seen), atol=1e-6)
    assert np.allclose(found.taylor, abs(seen * slope).mean(0), atol=1e-6)
    assert np.allclose(found.fisher, ((seen * slope) ** 2).mean(0), atol=1e-7)


def test_losses_without_a_unit_are_those_of_the_masked_model() -> None:
    model, (x, y) = mlp(), data()
    graph = pl.trace(model, (1, 5))
    found = pl.calibrate(graph, [(x, y)], "sensitivity")
    dense = pl.evaluate(model, [(x, y)], "loss")["loss"]
    plan = pl.Plan.empty(graph)
    for unit in (0, 4):
        with pl.mask(model, plan.with_removed(graph, {"2": [unit]})):
            loss = pl.evaluate(model, [(x, y)], "loss")["loss"]
        assert found.losses["2"][unit] == pytest.approx(loss - dense, abs=1e-6)


def test_moments_are_the_covariance_of_patches() -> None:
    model = nn.Sequential(nn.Conv2D(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2D(3, 4, 3, groups=1), nn.Flatten(),
                          nn.Linear(16, 2))
    graph = pl.trace(model, (1, 1, 4, 4))
    x = paddle.randn([8, 1, 4, 4])
    found = pl.calibrate(graph, [x], "reconstruction").moments
    seen = model[1](model[0](x))
    patches = nn.functional.unfold(seen, 3).transpose([0, 2, 1]).reshape([-1, 27]).numpy()
    (moment,) = found["0"]
    assert np.allclose(moment.covariance, np.cov(patches.T, bias=True), atol=1e-5)
    assert moment.unit.tolist() == np.repeat([0, 1, 2], 9).tolist()
    (linear,) = found["2"]
    assert linear.unit.tolist() == np.repeat([0, 1, 2, 3], 4).tolist()
    assert linear.weights.shape == (16, 2)


@pytest.mark.parametrize("name", ["residual", "fused_qkv", "encoder", "lstm_two_layers", "gru_both_ways", "shuffle",
                                  "cell_by_hand"])
def test_every_criterion_has_all_it_needs_on_every_kind_of_network(name: str) -> None:
    make, inputs = NETWORKS[name]
    model = stir(make())
    model.eval()
    graph = pl.trace(model, inputs)
    batch = random_inputs(at_batch(graph.input_specs, 3), graph.place)
    names = [c for c in CRITERIA if c != "bn_scale"]
    found = pl.calibrate(graph, [tuple(batch)], names, loss=lambda out: (flatten(out)[0] ** 2).mean())
    for group in graph.prunable:
        for criterion in names:
            scores = score(graph, group, criterion, calibration=found)
            assert scores.shape == (group.units,)
        taylor = score(graph, group, Taylor(members="all"), calibration=found)
        assert taylor.max() > 0, f"no gradient reaches {group.name}"


def test_a_shared_weight_is_judged_by_all_that_its_operators_read() -> None:
    graph = pl.trace(NETWORKS["tied"][0](), NETWORKS["tied"][1])
    x = [(paddle.randn([32, 6]),)]
    group = graph.group("a")
    found = pl.calibrate(graph, x, ["reconstruction", "activation"], groups=[group])
    first, second = (graph.run(*x[0], until=w.x) for w in shared_operators(graph)[0])
    (moments,) = (m for m in found.moments["a"] if m.weights.shape == (10, 10))
    seen = np.concatenate([first.numpy(), second.numpy()])
    assert np.allclose(moments.covariance, np.cov(seen.T, bias=True), atol=1e-5)


def test_units_are_seen_where_they_are_read_and_else_where_they_first_stand() -> None:
    graph = pl.trace(Residual(), (1, 3, 16, 16))
    stem = graph.group("stem.0")
    assert {r.weighted.layer for r in readers_of(graph, stem) if r.weighted} == {"a.0", "head.fc"}
    graph = pl.trace(Depthwise(), (1, 3, 16, 16))
    assert [r.weighted.layer for g in graph.prunable for r in readers_of(graph, g) if r.weighted][-1:] == ["head.fc"]
    graph = pl.trace(Recurrent(nn.LSTM), NETWORKS["lstm"][1])
    assert [r.recurrent for r in readers_of(graph, graph.group("rnn"))] == ["rnn.weight_hh_l0", ""]
    for make, inputs in (NETWORKS["einsum_attention"], (Transposed, (1, 3, 16, 16))):
        graph = pl.trace(make(), inputs)
        for group in graph.prunable:
            assert all(s.order.shape[0] == group.units for s in sites_of(graph, group))


def test_propose_gathers_what_its_criterion_needs_or_takes_it() -> None:
    model, (x, y) = mlp(), data()
    graph = pl.trace(model, (1, 5))
    given = pl.calibrate(graph, [(x, y)], ["taylor", "reconstruction"])
    for name in ("taylor", "reconstruction"):
        a, b = (pl.propose(graph, name, sparsity=0.5, data=d) for d in ([(x, y)], given))
        assert a.groups == b.groups
    with pytest.raises(OptionError, match=r"the criterion taylor needs gradients; pass data="):
        pl.propose(graph, "taylor", sparsity=0.5)
    with pytest.raises(OptionError, match=r"the criterion hrank needs feature_maps; pass data="):
        pl.propose(graph, "hrank", sparsity=0.5, data=given)


@pytest.mark.parametrize("criterion", ["taylor_activation", "fisher"])
@pytest.mark.parametrize("frozen", [False, True])
def test_gradients_pass_recurrent_layers_whose_weights_nobody_asks_for(criterion: str, frozen: bool) -> None:
    paddle.seed(0)
    model = Recurrent(nn.LSTM)
    for parameter in model.rnn.parameters():
        parameter.stop_gradient = frozen
    ids = np.random.default_rng(0).integers(0, 11, (8, 5))
    graph = pl.trace(model, ids[:2])
    found = pl.calibrate(graph, (ids, np.zeros(8, int)), criterion)
    assert all(score(graph, g, criterion, calibration=found).max() > 0 for g in graph.prunable)
    assert [p.stop_gradient for p in model.rnn.parameters()] == [frozen] * 4


def test_only_the_first_samples_are_looked_at() -> None:
    model, (x, y) = mlp(), data(24)
    y = y.copy()
    y[10:] = -7  # no class: looked at, it would be an error
    assert pl.calibrate(model, [(x, y)], "taylor", samples=10).n_samples == 10


@pytest.mark.parametrize(("given", "error", "message"), [
    ([], DataError, "no batches"),
    ([data()[0]], DataError, "no labels"),
    ([(data()[0], data()[1][:, None, None])], DataError, "cannot be computed"),
])
def test_data_that_cannot_calibrate_is_refused_in_words(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pl.calibrate(pl.trace(mlp(), (1, 5)), given, "taylor")


def test_a_loss_that_is_not_finite_is_refused() -> None:
    with pytest.raises(TrainingError, match="the loss is nan on the calibration data"):
        pl.calibrate(pl.trace(mlp(), (1, 5)), [data()], "taylor", loss=lambda out, labels: out.mean() * float("nan"))


def test_options_out_of_their_range_are_refused() -> None:
    with pytest.raises(OptionError, match="samples is 0"):
        CalibrationOptions(samples=0)
    with pytest.raises(OptionError, match="needs gradients"):
        score(pl.trace(mlp(), (1, 5)), pl.trace(mlp(), (1, 5)).prunable[0], "taylor")


@pytest.mark.parametrize("criterion", ["activation", "reconstruction", "taylor"])
def test_inputs_that_are_no_numbers_are_named_with_their_batch(criterion: str) -> None:
    x, y = data()
    x[3, 0] = np.inf
    with pytest.raises(DataError, match=r"input 0 of batch 0 holds NaN or infinity, .*; leave such samples out"):
        pl.calibrate(mlp(), (x, y), criterion)
