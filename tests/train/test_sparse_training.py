"""Penalties draw whole units to zero; softly pruned units may come back, and what is kept at last is masked."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError, UnknownNameError
from prunelab.surgery import cut_masks
from prunelab.train import BnScale, GroupLasso, Growing, SoftPruning


def net(seed: int = 0) -> nn.Layer:
    paddle.seed(seed)
    return nn.Sequential(nn.Conv2D(1, 6, 3, padding=1), nn.BatchNorm2D(6), nn.ReLU(), nn.Conv2D(6, 8, 3), nn.ReLU(),
                         nn.Flatten(), nn.Linear(8 * 16, 3))  # fmt: skip


def data(n: int = 96, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    images = rng.normal(0, 1.0, (n, 1, 6, 6))
    images[np.arange(n), 0, labels] += 1.5
    return images.astype(np.float32), labels


BATCHES = [(data()[0][k : k + 16], data()[1][k : k + 16]) for k in range(0, 96, 16)]


def graph_of(model: nn.Layer) -> Any:
    return pl.trace(model, (1, 1, 6, 6))


def weights(model: nn.Layer, name: str) -> np.ndarray:
    return dict(model.named_parameters())[name].numpy().astype(np.float64)


def test_group_lasso_by_hand() -> None:
    model = net()
    term = GroupLasso(0.1).on(graph_of(model))
    expected = 0.1 * sum(
        np.sqrt(np.square(weights(model, w).reshape(n, -1)).sum(1)).sum() * np.sqrt(weights(model, w).size / n)
        for w, n in (("0.weight", 6), ("3.weight", 8)))
    assert term(0.0).item() == pytest.approx(expected, rel=1e-5)
    term(0.0).backward()
    row = weights(model, "0.weight")[2]
    slope = 0.1 * 3.0 * row / np.sqrt(np.square(row).sum())
    np.testing.assert_allclose(model[0].weight.grad.numpy()[2], slope, rtol=1e-4)


def test_group_lasso_has_a_slope_at_zero() -> None:
    model = net()
    with paddle.no_grad():
        paddle.assign(paddle.zeros_like(model[0].weight), output=model[0].weight)
    GroupLasso().on(graph_of(model))(0.0).backward()
    assert np.isfinite(model[0].weight.grad.numpy()).all()


def test_group_lasso_counts_the_makers_of_heads_and_of_concatenated_widths_once() -> None:
    paddle.seed(0)
    model = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
    graph = pl.trace(model, (1, 5, 8))
    term = GroupLasso(1.0).on(graph)(0.0).item()
    expected = 0.0
    for group in graph.prunable:
        rows = np.concatenate([r.reshape(group.units, -1) for r in graph.slices(group, ("out",)).values()], axis=1)
        expected += (np.sqrt(np.square(rows.astype(float)).sum(1)).sum()) * np.sqrt(rows.shape[1])
    assert term == pytest.approx(expected, rel=1e-4)


def test_the_scales_of_batch_norms() -> None:
    model = net()
    assert BnScale(0.5).on(graph_of(model))(0.3).item() == pytest.approx(0.5 * 6)
    with pytest.raises(OptionError, match="has no batch norm with a scale over units that can be cut"):
        BnScale().on(pl.trace(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)), (1, 4)))


def test_growing_takes_what_the_plan_cuts_and_grows() -> None:
    model = net()
    plan = pl.propose(graph_of(model), sparsity=0.5)
    term = Growing(plan, 2.0).on(graph_of(model))
    gone = sum(np.square(weights(model, name)[~stays]).sum() for name, stays in cut_masks(model, plan).items()
               if name not in ("1._mean", "1._variance"))
    assert term(0.0).item() == 0
    assert term(0.5).item() == pytest.approx(0.5 * gone, rel=1e-5)
    with pytest.raises(OptionError, match="the plan of Growing cuts nothing"):
        Growing(pl.Plan.empty(graph_of(model)))


def test_scales_shrink_where_they_are_penalized() -> None:
    plain, penalized = net(), net()
    pl.finetune(plain, BATCHES, epochs=16, lr=0.01, seed=0)
    pl.finetune(penalized, BATCHES, epochs=16, lr=0.01, seed=0, penalty=["bn_scale", BnScale(0.3)])
    assert np.abs(weights(penalized, "1.weight")).sum() < 0.7 * np.abs(weights(plain, "1.weight")).sum()


@pytest.mark.parametrize("kind", ["group_lasso", "growing"])
def test_a_cut_costs_less_after_sparse_training(kind: str) -> None:
    def cost(penalized: bool) -> float:
        model = net()
        pl.finetune(model, BATCHES, epochs=8, lr=0.01, seed=0)
        plan = pl.propose(graph_of(model), ratios={"0": 0.5})
        penalty = {"group_lasso": GroupLasso(0.02), "growing": Growing(plan, 20.0)}[kind]
        pl.finetune(model, BATCHES, epochs=15, lr=0.01, seed=0, schedule="constant",
                    penalty=penalty if penalized else None)
        if kind != "growing":
            plan = pl.propose(graph_of(model), "l2_weight", ratios={"0": 0.5})
        dense = pl.evaluate(model, BATCHES)["loss"]
        return pl.evaluate(pl.compact(model, plan), BATCHES)["loss"] - dense

    assert cost(True) < 0.5 * cost(False)


class Turns:
    """The units of lowest score are others at each asking."""

    name = "turns"

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, material: Any) -> np.ndarray:
        self.asked += 1
        return np.roll(np.arange(material.units, dtype=float), self.asked // 2)


def test_softly_pruned_units_come_back_and_the_kept_model_is_masked() -> None:
    model, chosen = net(), []
    pl.finetune(model, BATCHES, epochs=4, lr=0.05, seed=0)

    def zeros() -> tuple[int, ...]:
        return tuple(np.flatnonzero(np.abs(weights(model, "0.weight")).reshape(6, -1).sum(1) == 0))

    result = pl.finetune(model, BATCHES, epochs=4, lr=0.05, seed=0, soft=SoftPruning(sparsity=0.5, criterion=Turns()),
                         on_epoch=lambda _: chosen.append(zeros()))
    assert len(set(chosen)) == 4
    assert all(len(z) == 3 for z in chosen)  # those of before are alive again
    assert result.plan.removed("0") == chosen[-1] == zeros()
    for name, stays in cut_masks(model, result.plan).items():
        tensor = {**dict(model.named_parameters()), **dict(model.named_buffers())}[name]
        assert not tensor.numpy()[~stays].any(), name
    small = pl.compact(model, result.plan)
    assert pl.evaluate(small, BATCHES)["loss"] == pytest.approx(pl.evaluate(model, BATCHES)["loss"], rel=1e-4)


def test_soft_pruning_is_judged_as_the_smaller_model_will_be() -> None:
    model = net()
    result = pl.finetune(model, BATCHES, epochs=6, lr=0.02, soft=SoftPruning(sparsity=0.5, schedule="linear"),
                         val=data(60, 5))
    assert result.best_epoch == 5  # only the last epoch has all that was asked for
    assert result.plan.sparsity == pytest.approx(0.5)
    small = pl.compact(model, result.plan)
    assert pl.evaluate(small, data(60, 5), "loss")["loss"] == pytest.approx(result.val_metrics[5]["loss"], rel=1e-4)


def test_single_weights_come_back_too() -> None:
    model, zeros = net(), []
    result = pl.finetune(model, BATCHES, epochs=5, lr=0.05, schedule="constant",
                         soft=SoftPruning(sparsity=0.6, granularity="element", criterion="l1_weight"),
                         on_epoch=lambda _: zeros.append(weights(model, "3.weight") == 0))
    assert ((zeros[0] & ~zeros[-1]).any(), (zeros[-1] & ~zeros[0]).any()) == (True, True)
    assert (weights(model, "3.weight") == 0).mean() == pytest.approx(0.6, abs=0.01)
    assert result.plan.cost.nonzero < result.plan.cost.params


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"penalty": "lasso"}, UnknownNameError, "unknown penalty 'lasso'; did you mean 'group_lasso'"),
    ({"penalty": 3}, OptionError, "penalty is 3; give one of group_lasso, bn_scale"),
    ({"penalty": GroupLasso}, OptionError, "penalty is"),
    ({"soft": 0.5}, OptionError, r"soft is 0\.5; give pl.train.SoftPruning"),
])
def test_mistakes_are_told(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pl.finetune(net(), BATCHES, **options)


def test_values_are_checked_when_they_are_made() -> None:
    for make, message in ((lambda: GroupLasso(0), "strength is 0"), (lambda: SoftPruning(sparsity=0), "sparsity is 0"),
                          (lambda: SoftPruning(schedule="cubicc"), "did you mean 'cubic'")):
        with pytest.raises(OptionError, match=message):
            make()
    plan = pl.propose(graph_of(net()), sparsity=0.5)
    with pytest.raises(OptionError, match="plan and soft are both given"):
        pl.finetune(net(), BATCHES, plan=plan, soft=SoftPruning())
