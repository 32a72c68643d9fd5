"""Repair brings the smaller network near to the dense one, keeps the laws, and says what it did."""

from __future__ import annotations

from typing import Any

import networks
import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import DataError, InputError, OptionError, PlanError, Stopped, TrainingError
from prunelab.graph.program import flatten
from prunelab.surgery import relative_error
from prunelab.testing.laws import bits, half_of_every_group, stir
from prunelab.train import RepairReport


def batch(graph: pl.Graph, seed: int, n: int = 64) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    return tuple(paddle.to_tensor(rng.integers(0, 11, s.at_batch(n)) if "int" in s.dtype else
                                  rng.standard_normal(s.at_batch(n)).astype("float32")) for s in graph.input_specs)


def traced(name: str) -> pl.Graph:
    make, inputs = networks.NETWORKS[name]
    model = make()
    model.eval()
    return pl.trace(stir(model), inputs)


def distance(outputs: Any, dense: Any) -> float:
    pairs = [(a, b) for a, b in zip(flatten(outputs), flatten(dense), strict=True) if isinstance(b, paddle.Tensor)]
    return float(sum(((a - b) ** 2).sum().item() for a, b in pairs) / sum((b**2).sum().item() for _, b in pairs))


# what is left of the error on other data, at most, where half of every group went at random: about twice what was
# measured; in "grouped_queries" the tied embedding cannot be solved
LEFT = {"one_and_three_d": 0.15, "direct_parameters": 0.6, "named_outputs": 0.8, "grouped_queries": 1.05,
        "einsum_attention": 0.8, "gated_unit": 0.9, "simple_rnn": 0.7, "cell_by_hand": 0.9, "tied": 0.4, "u_net": 0.6,
        "gru": 0.4, "gru_both_ways": 0.4, "flatten_linear": 0.4, "spelled_width": 0.4}


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_every_architecture_comes_nearer_and_the_masked_model_still_equals_the_smaller_one(name: str) -> None:
    graph = traced(name)
    model, plan = graph.model, half_of_every_group(graph)
    before = bits(model)
    better = pl.repair(model, plan, [batch(graph, k) for k in range(3)])
    assert bits(model) == before, "the model was changed"
    x = batch(graph, 9)
    with paddle.no_grad():
        dense, small = model(*x), pl.compact(better, plan)(*x)
        plain = pl.compact(model, plan)(*x)
        with pl.mask(better, plan):
            assert relative_error(small, better(*x)) <= 1e-4
    assert distance(small, dense) <= LEFT.get(name, 0.25) * distance(plain, dense)


def test_what_other_units_can_say_is_taken_over_exactly() -> None:
    """Every second unit is a mixture of the others: without them nothing is lost, once it is solved."""
    model = nn.Sequential(nn.Linear(5, 8), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3))
    mixing = np.random.default_rng(0).standard_normal((4, 4)).astype("float32")
    for tensor in (model[0].weight, model[0].bias):
        array = tensor.numpy()
        array[..., 1::2] = array[..., ::2] @ mixing
        tensor.set_value(array)
    graph = pl.trace(model, (1, 5))
    plan = pl.Plan.empty(graph).with_removed(graph, {"0": range(1, 8, 2)})
    better = pl.repair(model, plan, [np.random.default_rng(1).standard_normal((256, 5)).astype("float32")])
    x = paddle.randn([64, 5])
    assert relative_error(pl.compact(better, plan)(x), model(x)) < 1e-3
    assert better.repair_report.layers[0].after < 1e-6 < better.repair_report.layers[0].before


def test_a_plan_that_removes_nothing_changes_nothing() -> None:
    graph = traced("residual")
    better = pl.repair(graph.model, pl.Plan.empty(graph), [batch(graph, 0)])
    for (name, a), (_, b) in zip(graph.model.state_dict().items(), better.state_dict().items(), strict=True):
        assert np.array_equal(a.numpy(), b.numpy()), name
    assert better.repair_report.layers == ()
    assert better is not graph.model


class Branch(nn.Layer):
    """The shortcut loses what only the branch after it can give back."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.mix, self.b, self.c, self.fc = (nn.Linear(6, 24), nn.Linear(24, 10), nn.Linear(6, 48),
                                                     nn.Linear(48, 10), nn.Linear(10, 4))

    def forward(self, x):
        h = self.mix(F.relu(self.a(x)))
        return self.fc(F.relu(h + self.c(F.relu(self.b(x)))))


def test_a_branch_takes_back_what_the_shortcut_has_lost() -> None:
    model = Branch()
    graph = pl.trace(model, (1, 6))
    plan = pl.Plan.empty(graph).with_removed(graph, {"a": range(20)})
    better = pl.repair(model, plan, [batch(graph, k, 256) for k in range(4)])
    solved = {x.layer: x for x in better.repair_report.layers}
    # nothing of b or c went, nor of what they read: c is solved for what `mix` could not make up for, and for that only
    assert solved.keys() == {"mix", "c", "fc"}
    assert solved["mix"].after > 0.05
    assert solved["c"].after < 0.3 * solved["c"].before


def test_batch_norm_has_the_statistics_of_the_smaller_network() -> None:
    graph = traced("residual")
    plan = half_of_every_group(graph)
    small = pl.compact(pl.repair(graph.model, plan, [batch(graph, k) for k in range(2)]), plan)
    x = paddle.concat([batch(graph, k)[0] for k in range(2)])
    with paddle.no_grad():
        seen = small.a[0](small.stem(x))
    norm = small.a[1]
    assert np.allclose(norm._mean.numpy(), seen.mean([0, 2, 3]).numpy(), atol=1e-3)
    assert np.allclose(norm._variance.numpy(), seen.var([0, 2, 3], unbiased=False).numpy(), rtol=1e-3)


class Sequence(nn.Layer):
    """Convolutions of sequences, which Paddle computes as those of images of one row."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.an = nn.Conv1D(3, 12, 3, padding=1, bias_attr=False), nn.BatchNorm1D(12)
        self.b, self.bn = nn.Conv1D(12, 12, 3, padding=1, bias_attr=False), nn.BatchNorm1D(12)
        self.c, self.out = nn.Conv1D(12, 10, 3), nn.Linear(10, 4)

    def forward(self, x):
        x = F.relu(self.an(self.a(x)))
        x = F.relu(self.bn(self.b(x)) + x)
        return self.out(F.relu(self.c(x)).mean(2))


class Siamese(nn.Layer):
    """Two inputs through the same layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv, self.norm = nn.Conv2D(2, 8, 1), nn.Conv2D(8, 10, 3, bias_attr=False), nn.BatchNorm2D(10)
        self.fc, self.out = nn.Linear(90, 16), nn.Linear(16, 3)

    def one(self, x):
        return F.relu(self.fc(F.relu(self.norm(self.conv(F.relu(self.stem(x))))).flatten(1)))

    def forward(self, left, right):
        return self.out((self.one(left) - self.one(right)) ** 2)


class Unrolled(nn.Layer):
    """The same layer again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = nn.Linear(6, 16), nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, x):
        x = F.relu(self.a(x))
        for _ in range(3):
            x = F.relu(self.b(x))
        return self.out(x)


@pytest.mark.parametrize(("make", "inputs", "left"), [
    (Sequence, (1, 3, 12), 0.5), (Siamese, [(1, 2, 5, 5), (1, 2, 5, 5)], 0.8), (Unrolled, (1, 6), 0.5)])
def test_what_is_told_of_the_last_layer_is_what_the_smaller_model_does(make: Any, inputs: Any, left: float) -> None:
    paddle.seed(3)
    model = make()
    model.eval()
    graph = pl.trace(stir(model), inputs)
    # every fifth batch of such a size is held out
    plan, data = half_of_every_group(graph), [batch(graph, k, 4) for k in range(250)]
    better = pl.repair(model, plan, data)
    report = better.repair_report
    assert not report.skipped
    assert {"b", "fc"} & {layer.layer for layer in report.layers}, "the layer that reads what is cut was solved"
    small, cut = pl.compact(better, plan), pl.compact(model, plan)
    missed = []
    with paddle.no_grad():
        for net in (small, cut):
            pairs = [(model(*x), net(*x)) for x in data[4::5]]
            dense, found = (paddle.concat([p[k] for p in pairs]) for k in (0, 1))
            missed.append(float((((dense - found) ** 2).sum() / ((dense - dense.mean(0)) ** 2).sum()).item()))
    assert missed[0] == pytest.approx(report.layers[-1].after, rel=0.2), "the walk went on with another network"
    assert missed[0] < left * missed[1]


def test_norms_that_share_their_tensors_have_the_statistics_of_all_they_see() -> None:
    paddle.seed(3)
    model = Siamese()
    model.eval()
    graph = pl.trace(stir(model), [(1, 2, 5, 5), (1, 2, 5, 5)])
    plan = half_of_every_group(graph)
    left, right = batch(graph, 0, 64)
    better = pl.compact(pl.repair(model, plan, [(left, right * 3)]), plan)
    with paddle.no_grad():
        seen = better.conv(F.relu(better.stem(paddle.concat([left, right * 3]))))
    assert np.allclose(better.norm._mean.numpy(), seen.mean([0, 2, 3]).numpy(), atol=1e-4)
    assert np.allclose(better.norm._variance.numpy(), seen.transpose([1, 0, 2, 3]).reshape([5, -1]).numpy().var(1),
                       rtol=1e-3)


@pytest.mark.parametrize("granularity", ["element", "2:4"])
def test_masked_weights_stay_masked_and_the_others_make_up_for_them(granularity: str) -> None:
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 24), nn.ReLU(), nn.Linear(24, 4))
    graph = pl.trace(model, (1, 8))
    plan = pl.propose(graph, granularity=granularity, **({"sparsity": 0.6} if granularity == "element" else {}))
    better = pl.repair(model, plan, [batch(graph, k, 256) for k in range(3)])
    small, x = pl.compact(better, plan), batch(graph, 9)
    for group in plan.groups:
        weight = dict(small.named_parameters())[group.parameter].numpy()
        assert not weight[group.zeros].any()
    with paddle.no_grad():
        assert distance(small(*x), model(*x)) < 0.5 * distance(pl.compact(model, plan)(*x), model(*x))


@pytest.mark.parametrize("name", ["residual", "named_outputs", "lstm_two_layers"])
def test_steps_on_blocks_come_nearer_still(name: str) -> None:
    graph = traced(name)
    model, plan, data = graph.model, half_of_every_group(graph), [batch(graph, k, 32) for k in range(4)]
    before = bits(model)
    once, better = (pl.repair(model, plan, data, steps=steps) for steps in (0, 30))
    assert bits(model) == before
    assert better.repair_report.layers[-1].kind == "30 steps"
    x = batch(graph, 9)
    with paddle.no_grad():
        dense, small = model(*x), pl.compact(better, plan)(*x)
        assert distance(small, dense) < distance(pl.compact(once, plan)(*x), dense)
        with pl.mask(better, plan):
            assert relative_error(small, better(*x)) <= 1e-4


def test_steps_leave_masked_weights_masked_and_statistics_true() -> None:
    graph = traced("residual")
    plan, data = pl.propose(graph, granularity="element", sparsity=0.6), [batch(graph, k, 16) for k in range(3)]
    small = pl.compact(pl.repair(graph.model, plan, data, steps=8), plan)
    named = dict(small.named_parameters())
    assert not any(named[g.parameter].numpy()[g.zeros].any() for g in plan.groups)
    with paddle.no_grad():
        seen = small.a[0](small.stem(paddle.concat([x for x, in data])))
    assert np.allclose(small.a[1]._mean.numpy(), seen.mean([0, 2, 3]).numpy(), atol=2e-3)


def test_a_dropped_branch_is_made_up_for_by_those_that_stay() -> None:
    paddle.seed(3)
    model = nn.Sequential(nn.Linear(6, 12), *(networks_block(12) for _ in range(4)), nn.Linear(12, 3))
    graph = pl.trace(model, (1, 6))
    plan = pl.propose(graph, granularity="layer", sparsity=0.5)
    better = pl.repair(model, plan, [batch(graph, k, 256) for k in range(3)])
    x = batch(graph, 9)
    with paddle.no_grad():
        dense, plain = model(*x), pl.compact(model, plan)(*x)
        assert distance(pl.compact(better, plan)(*x), dense) < 0.6 * distance(plain, dense)


def networks_block(n: int) -> nn.Layer:
    class Block(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(n, 16), nn.Linear(16, n)

        def forward(self, x):
            return x + self.b(F.tanh(self.a(x)))

    return Block()


def test_what_does_not_fit_into_memory_is_computed_anew_and_gives_the_same() -> None:
    graph = traced("residual")
    plan, data = half_of_every_group(graph), [batch(graph, k, 20) for k in range(4)]
    ample = pl.repair(graph.model, plan, data)
    for memory in (0, 200_000):
        scarce = pl.repair(graph.model, plan, data, memory=memory)
        for a, b in zip(ample.parameters(), scarce.parameters(), strict=True):
            assert np.allclose(a.numpy(), b.numpy(), atol=1e-5)


def test_a_model_that_was_cut_before_is_repaired_towards_its_teacher() -> None:
    graph = traced("residual")
    model, data = graph.model, [batch(graph, k) for k in range(3)]
    first = pl.propose(graph, sparsity=0.3)
    once = pl.repair(model, first, data)
    second = pl.propose(graph, sparsity=0.5, start=first)
    better = pl.repair(once, second, data, teacher=model)
    x = batch(graph, 9)
    with paddle.no_grad():
        assert distance(pl.compact(better, second)(*x), model(*x)) < 0.1 * distance(
            pl.compact(once, second)(*x), model(*x))


def test_modes_stay_and_a_graph_layer_is_repaired_too() -> None:
    graph = traced("spelled_width")
    plan = pl.propose(graph, sparsity=0.3)
    layer = pl.compact(graph.model, plan)
    assert isinstance(layer, pl.GraphLayer)
    layer.train()
    again = pl.trace(layer, (1, 1, 8, 8))
    more = pl.propose(again, sparsity=0.3)
    data = [batch(graph, k) for k in range(2)]
    better = pl.repair(layer, more, data)
    assert layer.training
    assert better.training
    layer.eval(), better.eval()
    x = batch(graph, 9)
    with paddle.no_grad():
        assert distance(pl.compact(better, more)(*x), layer(*x)) < 0.5 * distance(pl.compact(layer, more)(*x),
                                                                                 layer(*x))


def test_the_same_seed_gives_the_same_bits() -> None:
    graph = traced("residual")
    plan, data = half_of_every_group(graph), [batch(graph, 0, 40)]
    a, b = (pl.repair(graph.model, plan, data, rows=500) for _ in range(2))
    assert bits(a) == bits(b)


def test_kernel_positions_that_meet_padding_only_stay_as_they_were() -> None:
    model = nn.Sequential(nn.Conv2D(4, 8, 3, padding=1), nn.ReLU(), nn.Conv2D(8, 3, 3, padding=1))
    graph = pl.trace(model, (1, 4, 1, 1))
    plan = pl.propose(graph, sparsity=0.5)
    better = pl.repair(model, plan, [batch(graph, k) for k in range(2)])
    before, after = model[2].weight.numpy(), better[2].weight.numpy()
    stays = [u for u in range(8) if u not in plan.removed("0")]
    assert better.repair_report.layers[0].columns == 4
    assert not np.allclose(before[:, stays, 1, 1], after[:, stays, 1, 1])
    after[:, :, 1, 1] = before[:, :, 1, 1]
    assert np.array_equal(before, after)


# what it says, and mistakes


def test_the_report_tells_each_layer_in_text_and_html() -> None:
    graph = traced("residual")
    report = pl.repair(graph.model, half_of_every_group(graph), [batch(graph, 0)]).repair_report
    assert isinstance(report, RepairReport)
    assert [x.layer for x in report.layers] == ["a.0", "a.1", "b", "head.fc"]
    assert all(x.after <= x.before for x in report.layers)
    assert (report.samples, report.held_out) == (64, 12)
    assert "a.0" in repr(report)
    assert "on 64 samples" in repr(report)
    assert report._repr_html_().startswith("<table")


def test_layers_that_cannot_be_solved_are_named() -> None:
    graph = traced("lstm")
    report = pl.repair(graph.model, half_of_every_group(graph), [batch(graph, 0)]).repair_report
    assert report.skipped[0][0] == "rnn"
    assert "rnn: not solved" in repr(report)


@pytest.mark.parametrize("n", [1, 3])
def test_fewer_samples_than_columns_are_said_and_do_no_harm(n: int) -> None:
    graph = traced("flatten_linear")
    plan = half_of_every_group(graph)
    better = pl.repair(graph.model, plan, [batch(graph, 0, n)])
    report = better.repair_report
    assert "fewer rows of data than columns" in repr(report)
    assert "with five or more" in repr(report)
    x = batch(graph, 9)
    with paddle.no_grad():
        assert distance(pl.compact(better, plan)(*x), graph.model(*x)) < 1.5


def test_bad_data_is_refused_with_its_place() -> None:
    graph = traced("residual")
    plan, good = half_of_every_group(graph), batch(graph, 0, 8)
    spoilt = (paddle.to_tensor(np.where(np.arange(8)[:, None, None, None] == 3, np.nan, good[0].numpy())),)
    with pytest.raises(DataError, match="input 0 of batch 1 holds NaN"):
        pl.repair(graph.model, plan, [good, spoilt])
    with pytest.raises(DataError, match="no batches"):
        pl.repair(graph.model, plan, [])
    with pytest.raises(InputError, match=r"input 0 of batch 0 is int64.*x\.astype\('float32'\)"):
        pl.repair(graph.model, plan, [good[0].astype("int64")])
    with pytest.raises(InputError, match="traced for"):
        pl.repair(graph.model, plan, [good[0][:, :2]])


def test_other_mistakes_are_told() -> None:
    graph, other = traced("residual"), traced("depthwise")
    plan, data = half_of_every_group(graph), [batch(graph, 0, 8)]
    with pytest.raises(PlanError, match="another structure"):
        pl.repair(other.model, plan, data)
    with pytest.raises(PlanError, match="another structure"):
        pl.repair(graph.model, plan, data, teacher=other.model)
    with pytest.raises(PlanError, match="give a Plan"):
        pl.repair(graph.model, 0.5, data)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="samples is 0"):
        pl.repair(graph.model, plan, data, samples=0)
    with pytest.raises(OptionError, match="on_layer"):
        pl.repair(graph.model, plan, data, on_layer=3)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="on_batch is no function"):
        pl.repair(graph.model, plan, data, on_batch=3)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="steps is -1"):
        pl.repair(graph.model, plan, data, steps=-1)
    graph.model.a[0].weight.set_value(graph.model.a[0].weight * float("nan"))
    with pytest.raises(TrainingError, match=r"outputs of a\.0 are not finite"):
        pl.repair(graph.model, plan, data)


def test_what_is_raised_after_a_layer_ends_it_and_nothing_has_happened() -> None:
    graph = traced("residual")
    before, seen = bits(graph.model), []

    def stop(layer: Any) -> None:
        seen.append(layer.layer)
        raise Stopped("enough")

    with pytest.raises(Stopped):
        pl.repair(graph.model, half_of_every_group(graph), [batch(graph, 0)], on_layer=stop)
    assert seen == ["a.0"]
    assert bits(graph.model) == before


def test_it_can_be_ended_at_any_batch_and_any_step_on_a_block() -> None:
    graph = traced("residual")
    before, seen = bits(graph.model), []

    def stop() -> None:
        seen.append(None)
        if len(seen) == 40:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        pl.repair(graph.model, half_of_every_group(graph), [batch(graph, 0)], steps=1_000_000, on_batch=stop)
    assert bits(graph.model) == before


def test_labels_are_not_looked_at() -> None:
    graph = traced("residual")
    plan, (x,) = half_of_every_group(graph), batch(graph, 0)
    a = pl.repair(graph.model, plan, [x])
    b = pl.repair(graph.model, plan, [(x, paddle.zeros([64], "int64"))])
    assert bits(a) == bits(b)


def test_a_block_that_large_steps_spoil_is_tried_with_smaller_ones() -> None:
    graph = traced("residual")
    plan, data = half_of_every_group(graph), [batch(graph, k, 32) for k in range(4)]
    report = pl.repair(graph.model, plan, data, steps=20, lr=0.05).repair_report
    last = report.layers[-1]
    assert last.kind == "20 steps"
    assert last.after < last.before, "a step of 0.05 spoils it, one of 0.005 does not"
