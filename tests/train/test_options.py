"""What a training may be asked for: the best epoch, clipping, accumulation, smoothing, an optimizer that goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError, TrainingError, UnknownNameError
from prunelab.surgery import cut_masks
from prunelab.train import OptimizerState, TrainingOptions, follow


def net(seed: int = 0) -> nn.Layer:
    paddle.seed(seed)
    return nn.Sequential(nn.Conv2D(1, 6, 3, padding=1), nn.Tanh(), nn.Conv2D(6, 4, 3), nn.ReLU(), nn.Flatten(),
                         nn.Linear(4 * 16, 3))  # fmt: skip


def data(n: int = 48, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    return rng.normal(labels[:, None, None, None], 0.5, (n, 1, 6, 6)).astype(np.float32), labels


def batched(size: int, n: int = 48) -> list[tuple[np.ndarray, np.ndarray]]:
    x, y = data(n)
    return [(x[k : k + size], y[k : k + size]) for k in range(0, n, size)]


def bits(model: nn.Layer) -> dict[str, bytes]:
    return {name: t.numpy().tobytes() for name, t in (*model.named_parameters(), *model.named_buffers())}


def close(a: nn.Layer, b: nn.Layer, tolerance: float = 1e-5) -> None:
    for (name, p), (_, q) in zip(a.named_parameters(), b.named_parameters(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), atol=tolerance, err_msg=name)


def sgd(parameters: Any) -> Any:
    return paddle.optimizer.SGD(0.1, parameters=parameters)


def test_accumulated_batches_are_one_large_batch() -> None:
    a, b = net(), net()
    pl.finetune(a, batched(8), epochs=2, optimizer=sgd, accumulate=3)
    pl.finetune(b, batched(24), epochs=2, optimizer=sgd)
    close(a, b)
    c = net()
    pl.finetune(c, batched(8, 40), epochs=1, optimizer=sgd, accumulate=3)  # the last two batches are a step too
    d = net()
    pl.finetune(d, [batched(24, 40)[0], tuple(part[24:] for part in data(40))], epochs=1, optimizer=sgd)
    close(c, d)


def test_gradients_are_scaled_down_to_the_norm() -> None:
    model, before = net(), net()
    pl.finetune(model, batched(48), optimizer=sgd, clip_norm=0.01)
    moved = [p.numpy() - q.numpy() for p, q in zip(model.parameters(), before.parameters(), strict=True)]
    assert np.sqrt(sum(np.square(m).sum() for m in moved)) == pytest.approx(0.1 * 0.01, rel=1e-3)
    a, b = net(), net()
    pl.finetune(a, batched(16), optimizer=sgd, clip_norm=1e6)
    pl.finetune(b, batched(16), optimizer=sgd)
    assert bits(a) == bits(b)


def test_smoothed_labels_by_hand() -> None:
    x, y = np.float32([[1.0, 2.0]]), np.int64([1])
    model = nn.Linear(2, 3)
    logits = model(paddle.to_tensor(x)).numpy()[0].astype(float)
    each = np.log(np.exp(logits).sum()) - logits
    result = pl.finetune(model, [(x, y)], label_smoothing=0.3)
    assert result.batch_losses[0] == pytest.approx(0.7 * each[1] + 0.3 * each.mean(), rel=1e-5)
    ignored = pl.finetune(nn.Linear(2, 3), [(np.repeat(x, 2, 0), np.int64([1, -100]))], label_smoothing=0.3)
    assert np.isfinite(ignored.batch_losses[0])
    with pytest.raises(OptionError, match=r"label_smoothing=0\.3 is for cross entropy, and the loss is mse"):
        pl.finetune(model, [(x, y)], loss="mse", label_smoothing=0.3)


def test_the_best_epoch_is_kept_and_patience_ends_it() -> None:
    model, told, seen = net(), [], []

    def note(epoch: Any) -> None:
        told.append(epoch)
        seen.append(bits(model))

    result = pl.finetune(model, batched(16), epochs=40, val=data(30, 4), metric="accuracy", patience=3, lr=0.05,
                         on_epoch=note)
    values = [v["accuracy"] for v in result.val_metrics]
    assert result.stopped
    assert len(values) == result.best_epoch + 4
    assert values[result.best_epoch] == max(values)
    assert values.index(max(values)) == result.best_epoch
    assert bits(model) == seen[result.best_epoch]
    assert pl.evaluate(model, data(30, 4), "accuracy")["accuracy"] == max(values)
    assert told[result.best_epoch].is_best
    assert told[0].loss == pytest.approx(result.epoch_losses[0])
    assert f"epoch {result.best_epoch} kept, accuracy" in repr(result)


def test_where_training_harms_the_start_is_kept() -> None:
    model = net()
    pl.finetune(model, batched(16), epochs=10)
    before = bits(model)
    result = pl.finetune(model, batched(16), optimizer=lambda p: paddle.optimizer.SGD(10.0, parameters=p), val=data(9))
    assert result.best_epoch == -1
    assert bits(model) == before
    assert "no epoch was better than the start" in repr(result)


@pytest.mark.parametrize("judged", [True, False])
def test_an_interrupt_leaves_the_best_epoch_or_the_start(judged: bool) -> None:
    model, seen = net(), [bits(net())]

    def interrupt(epoch: Any) -> None:
        if epoch.is_best:
            seen.append(bits(model))
        if epoch.epoch == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pl.finetune(model, batched(16), epochs=9, val=data(30, 4) if judged else None, on_epoch=interrupt)
    assert bits(model) == (seen[-1] if judged else seen[0])
    assert (len(seen) > 1) == judged


def test_a_loss_that_turns_bad_restores_the_start_though_an_epoch_was_good() -> None:
    model = net()
    before = bits(model)
    calls: list[int] = []

    def loss(outputs: Any, labels: Any) -> Any:
        calls.append(1)
        return nn.functional.cross_entropy(outputs, labels) * (float("inf") if len(calls) > 8 else 1.0)

    with pytest.raises(TrainingError, match=r"the loss is inf at batch \d of epoch \d; the weights are as they were"):
        pl.finetune(model, batched(16), epochs=9, loss=loss, val=data(30, 4), metric="accuracy")
    assert bits(model) == before


def test_a_gradient_that_is_not_finite_restores_the_start_though_the_last_loss_was() -> None:
    model = net()
    before = bits(model)
    with pytest.raises(TrainingError, match=r"is not finite after the training, though the losses are"):
        pl.finetune(model, batched(48), loss=lambda out, y: (out - out.detach()).sqrt().mean())
    assert bits(model) == before


def test_amp_says_that_it_does_nothing_on_the_cpu() -> None:
    a, b = net(), net()
    with pytest.warns(UserWarning, match="amp=True does nothing on the CPU"):
        result = pl.finetune(a, batched(16), amp=True)
    pl.finetune(b, batched(16))
    assert result.precision == "float32"
    assert bits(a) == bits(b)


OPTIMIZERS = {
    "adam": lambda p: paddle.optimizer.Adam(0.01, parameters=p),
    "momentum": lambda p: paddle.optimizer.Momentum(0.05, parameters=p),
    "rmsprop": lambda p: paddle.optimizer.RMSProp(0.01, parameters=p, momentum=0.9),
    "adamw": lambda p: paddle.optimizer.AdamW(0.01, parameters=p),
    "sgd": sgd,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizers_state_follows_the_cut(name: str) -> None:
    """The smaller model goes on as the masked one would have."""
    model, make = net(), OPTIMIZERS[name]
    graph = pl.trace(model, (1, 1, 6, 6))
    plan = pl.propose(graph, sparsity=0.5)
    state = pl.finetune(model, batched(16), epochs=2, optimizer=make).optimizer_state
    small = pl.compact(model, plan)
    with paddle.no_grad():
        for key, stays in cut_masks(model, plan).items():
            tensor = dict(model.named_parameters())[key]
            paddle.assign(tensor * paddle.to_tensor(stays.astype(np.float32)), output=tensor)
    projected = OptimizerState(state.kind, {
        key: {kind: t * paddle.to_tensor(cut_masks(model, plan)[key].astype(np.float32))
              if key in cut_masks(model, plan) and t.ndim and t.size > 1 else t for kind, t in own.items()}
        for key, own in state.tensors.items()})
    pl.finetune(model, batched(16), epochs=2, optimizer=make, plan=plan, optimizer_state=projected)
    pl.finetune(small, batched(16), epochs=2, optimizer=make, optimizer_state=state.cut(model, plan))
    close(pl.compact(model, plan), small, 2e-5)


def test_training_in_two_parts_is_training_at_once() -> None:
    a, b = net(), net()
    make = OPTIMIZERS["adam"]
    pl.finetune(a, batched(16), epochs=4, optimizer=make)
    first = pl.finetune(b, batched(16), epochs=2, optimizer=make)
    pl.finetune(b, batched(16), epochs=2, optimizer=make, optimizer_state=first.optimizer_state)
    assert bits(a) == bits(b)


def test_an_optimizer_of_ones_own_follows_the_cut() -> None:
    model, make = net(), OPTIMIZERS["adam"]
    optimizer = make(model.parameters())
    x, y = (paddle.to_tensor(part) for part in data())
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
    plan = pl.propose(pl.trace(model, (1, 1, 6, 6)), sparsity=0.5)
    small = pl.compact(model, plan)
    new = follow(optimizer, model, small, plan, make)
    kept = [u for u in range(6) if u not in plan.removed("0")]
    moments = new._accumulators["moment1"][small[0].weight.name].numpy()
    np.testing.assert_array_equal(moments, optimizer._accumulators["moment1"][model[0].weight.name].numpy()[kept])
    with pytest.raises(TrainingError, match="has gathered nothing for Sequential yet"):
        follow(make(model.parameters()), net(), small, plan, make)


def test_element_masks_hold_through_training() -> None:
    model = net()
    plan = pl.propose(pl.trace(model, (1, 1, 6, 6)), sparsity=0.7, granularity="element")
    masks = cut_masks(model, plan)
    result = pl.finetune(model, batched(16), epochs=3, plan=plan)
    for name, stays in masks.items():
        assert not dict(model.named_parameters())[name].numpy()[~stays].any()
        for moment in ("moment1", "moment2"):
            assert not result.optimizer_state.tensors[name][moment].numpy()[~stays].any()


def test_callbacks_with_methods_are_called() -> None:
    class Callback:
        def __init__(self) -> None:
            self.batches, self.epochs = 0, 0

        def on_batch(self, batch: Any) -> None:
            self.batches += 1

        def on_epoch(self, epoch: Any) -> bool:
            self.epochs += 1
            return self.epochs == 2

    callback = Callback()
    result = pl.finetune(net(), batched(16), epochs=5, callbacks=[callback], options=TrainingOptions(clip_norm=1.0))
    assert result.stopped
    assert (callback.batches, callback.epochs) == (6, 2)


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"clip_nrom": 1}, UnknownNameError, "unknown option 'clip_nrom' in finetune; did you mean 'clip_norm'"),
    ({"clip_norm": 0}, OptionError, "clip_norm is 0"),
    ({"accumulate": 0}, OptionError, "accumulate is 0"),
    ({"label_smoothing": 1}, OptionError, "label_smoothing is 1"),
    ({"patience": 2}, OptionError, "patience=2 needs data that epochs are judged on"),
    ({"amp": "yes"}, OptionError, "amp is 'yes'"),
    ({"callbacks": [3]}, OptionError, "a callback is 3, with neither on_batch nor on_epoch"),
    ({"options": {"amp": True}}, OptionError, "options is .*TrainingOptions"),
    ({"val": data(9), "metric": ("loss", "accuracy")}, OptionError, "metric is 2 metrics"),
    ({"val": data(9), "metric": "acc"}, UnknownNameError, "did you mean 'accuracy'"),
])
def test_mistakes_are_told_and_change_nothing(options: Any, error: type[Exception], message: str) -> None:
    model = net()
    before = bits(model)
    with pytest.raises(error, match=message):
        pl.finetune(model, batched(16), **options)
    assert bits(model) == before


def test_a_state_of_another_optimizer_or_of_the_uncut_model_is_refused() -> None:
    model = net()
    plan = pl.propose(pl.trace(model, (1, 1, 6, 6)), sparsity=0.5)
    state = pl.finetune(model, batched(16)).optimizer_state
    with pytest.raises(OptionError, match="optimizer_state is of Adam, and the optimizer is SGD"):
        pl.finetune(model, batched(16), optimizer="sgd", optimizer_state=state)
    with pytest.raises(OptionError, match=r"has '0\.weight' of shape \(6, 1, 3, 3\), and in the model it is \(3, 1"):
        pl.finetune(pl.compact(model, plan), batched(16), optimizer_state=state)
