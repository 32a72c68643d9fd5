"""A plan in the words of other libraries, from masks, and carried out in another process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest
from networks import Residual
from paddle import nn

import prunelab as pl
from prunelab.errors import PlanError, UnknownNameError
from prunelab.testing import laws


@pytest.fixture
def graph():
    paddle.seed(0)
    return pl.trace(laws.stir(paddle.vision.models.resnet18(num_classes=5)), (1, 3, 32, 32))


def cut(array, masks):
    for told in masks:
        array = np.compress(np.asarray(told["mask"], bool), array, told["dims"][0])
    return array


def test_paddleslims_masks_cut_the_weights_as_compact_does(graph):
    plan = pl.propose(graph, sparsity=0.5)
    masks = plan.to_paddleslim(graph.model)
    small = dict(pl.compact(graph.model, plan).named_parameters())
    for name, tensor in graph.model.named_parameters():
        np.testing.assert_array_equal(cut(tensor.numpy(), masks.get(tensor.name, [])), small[name].numpy())
    some = masks[graph.model.conv1.weight.name]
    assert some[0]["dims"] == [0]
    assert some[0]["ratio"] == 1 - sum(some[0]["mask"]) / 64


def test_torch_prunings_history_names_a_layer_of_each_group(graph):
    plan = pl.propose(graph, sparsity=0.3)
    history = plan.to_torch_pruning(graph.model)
    assert len(history) == sum(bool(g.n_removed) for g in plan.groups)
    small = pl.compact(graph.model, plan)
    layers, smaller = dict(graph.model.named_sublayers()), dict(small.named_sublayers())
    for name, outputs, positions in history:
        assert outputs
        weight = layers[name].weight.numpy()
        assert smaller[name].weight.shape[0] == len(weight) - len(positions)


def test_torch_pruning_carries_its_history_out(graph):
    torch = pytest.importorskip("torch", reason="Torch-Pruning prunes torch models")
    pruning = pytest.importorskip("torch_pruning", reason="it is not a dependency; benchmarks compare with it")

    class Twin(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 6, 3)
            self.head = torch.nn.Linear(6, 2)

        def forward(self, x):
            return self.head(self.second(torch.relu(self.first(x))).mean((2, 3)))

    class Ours(nn.Layer):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.head = nn.Conv2D(3, 8, 3), nn.Conv2D(8, 6, 3), nn.Linear(6, 2)

        def forward(self, x):
            return self.head(self.second(nn.functional.relu(self.first(x))).mean([2, 3]))

    ours, twin = Ours(), Twin()
    plan = pl.propose(pl.trace(ours, (1, 3, 8, 8)), sparsity=0.5)
    for name, tensor in ours.named_parameters():
        array = tensor.numpy().T if name == "head.weight" else tensor.numpy()
        twin.get_parameter(name).data = torch.from_numpy(np.ascontiguousarray(array))
    finder = pruning.DependencyGraph().build_dependency(twin, torch.randn(1, 3, 8, 8))
    finder.load_pruning_history(plan.to_torch_pruning(ours))
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype("float32")
    small = plan.apply(ours)
    np.testing.assert_allclose(twin(torch.from_numpy(x)).detach().numpy(), small(paddle.to_tensor(x)).numpy(),
                               atol=1e-5)


@pytest.mark.parametrize("words", ["to_paddleslim", "to_torch_pruning"])
def test_what_they_cannot_say_is_refused(words):
    model = Residual()
    graph = pl.trace(model, (1, 3, 8, 8))
    masks = pl.propose(graph, sparsity=0.5, granularity="2:4")
    with pytest.raises(PlanError, match=r"pruned by 2:4, which .* cannot say; carry the plan out with plan\.apply"):
        getattr(masks, words)(model)


def test_cut_channels_of_a_grouped_convolution_are_for_paddleslim_only():
    model = nn.Sequential(nn.Conv2D(3, 8, 3), nn.ReLU(), nn.Conv2D(8, 8, 3, groups=2), nn.ReLU(), nn.Conv2D(8, 6, 3),
                          nn.ReLU(), nn.Conv2D(6, 2, 3))
    graph = pl.trace(model, (1, 3, 12, 12))
    plan = pl.propose(graph, sparsity=0.5)
    with pytest.raises(PlanError, match=r"2 is a convolution in 2 groups, .*; leave it out of the plan with ignore="):
        plan.to_torch_pruning(model)
    assert plan.to_paddleslim(model)
    last = pl.propose(graph, ratios={"4": 0.5})
    assert [name for name, _, _ in last.to_torch_pruning(model)] == ["4"]


def test_hidden_units_are_for_paddleslim_only():
    model = nn.LSTM(4, 6)
    plan = pl.propose(pl.trace(model, (1, 5, 4)), sparsity=0.5)
    if plan:
        with pytest.raises(PlanError, match="hidden, which Torch-Pruning cannot say"):
            plan.to_torch_pruning(model)
        assert plan.to_paddleslim(model)


def test_a_plan_from_the_masks_of_a_masked_model_is_that_plan(graph):
    plan = pl.propose(graph, sparsity=0.5)
    weights = {name: p for name, p in graph.model.named_parameters() if len(p.shape) == 4}
    for p in weights.values():  # one of two million random weights may be zero by itself
        p.set_value(paddle.where(p == 0, paddle.full_like(p, 1e-3), p))
    with pl.mask(graph.model, plan):
        masks = {name: p.numpy() != 0 for name, p in weights.items()}
    makers = {m.parameter for g in graph.prunable for m in g.members if m.role == "out"}
    # of the makers alone: readers' slices are zero too, and belong to the same units
    found = pl.Plan.from_masks(graph, {n: m for n, m in masks.items() if n in makers})
    assert {g.name: g.removed for g in found.groups} == {g.name: g.removed for g in plan.groups}
    assert found.cost == plan.cost


def test_a_vector_masks_the_outputs(graph):
    keep = np.ones(64)
    keep[[3, 5]] = 0
    plan = pl.Plan.from_masks(graph, {"layer1.0.conv1.weight": keep})
    assert plan.removed("layer1.0.conv1") == (3, 5)
    assert sum(g.n_removed for g in plan.groups) == 2


def test_masks_that_make_no_unit_are_refused(graph):
    mask = np.ones(graph.tensor_shape("layer1.0.conv1.weight"), bool)
    mask[0, 0] = False
    with pytest.raises(PlanError, match=r"takes 9 weights that make no whole unit"):
        pl.Plan.from_masks(graph, {"layer1.0.conv1.weight": mask})
    with pytest.raises(PlanError, match=r"has the shape \(7,\); give \(64, 64, 3, 3\)"):
        pl.Plan.from_masks(graph, {"layer1.0.conv1.weight": np.ones(7)})
    with pytest.raises(UnknownNameError, match=r"did you mean 'layer1\.0\.conv1\.weight'"):
        pl.Plan.from_masks(graph, {"layer1.0.conv1.weigth": np.ones(64)})
    # a residual sum: one of its layers is masked, the others still make the unit
    keep = np.ones(64)
    keep[0] = 0
    with pytest.raises(PlanError, match="whose unit another layer still makes"):
        pl.Plan.from_masks(graph, {"conv1.weight": keep, "layer1.0.conv2.weight": np.ones(64)})


def test_a_plan_is_carried_out_in_another_process(tmp_path: Path):
    paddle.seed(1)
    model = paddle.vision.models.LeNet()
    plan = pl.propose(pl.trace(model, (1, 1, 28, 28)), sparsity=0.5)
    plan.save(tmp_path / "plan.json")
    small = pl.compact(model, plan)
    small.eval()
    np.savez(tmp_path / "weights.npz", **{n: t.numpy() for n, t in small.state_dict().items()})
    x = paddle.randn([2, 1, 28, 28])
    np.savez(tmp_path / "case.npz", x=x.numpy(), y=small(x).numpy())
    program = """
import numpy as np, paddle, prunelab as pl
fresh = pl.Plan.load("plan.json").apply(paddle.vision.models.LeNet())
fresh.set_state_dict({n: paddle.to_tensor(a) for n, a in np.load("weights.npz").items()})
fresh.eval()
case = np.load("case.npz")
np.testing.assert_array_equal(fresh(paddle.to_tensor(case["x"])).numpy(), case["y"])
"""
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=tmp_path, capture_output=True, text=True,
                         check=False, env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
    assert run.returncode == 0, run.stderr
