"""The whole platform from one dict: the published example, what each key does, and a configuration that replays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab.auto import PLOTS
from prunelab.auto.prepared import Prepared
from prunelab.auto.wishes import Wishes
from prunelab.errors import OptionError, SearchError, Stopped, UnknownNameError
from prunelab.testing import laws

# as it is published
EXAMPLE = {
    "sparsity": {"total_ratio": 0.7}, "quantization": {},
    "prune": [{"name": "l1_norm", "criteria": "performance", "params": {"pruning_strategy": "l1_weight"}}],
    "structure": [{"op_types": ["default"], "sparsity": {"target_sparsity": 0.5}}],
}
FEW = {"trials": 4, "sampler": "random", "samples": 32}


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.bn = nn.Conv2D(1, 12, 3), nn.Conv2D(12, 12, 3), nn.BatchNorm2D(12)
        self.fc1, self.fc2 = nn.Linear(12, 16), nn.Linear(16, 10)

    def forward(self, x):
        x = nn.functional.relu(self.bn(self.conv2(nn.functional.relu(self.conv1(x)))))
        return self.fc2(nn.functional.relu(self.fc1(x.mean([2, 3]))))


def data(n=64, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(10, size=n)
    x = rng.normal(size=(n, 1, 8, 8)) * 0.3 + (y[:, None, None, None] - 5) / 5
    return x.astype("float32"), y.astype("int64")[:, None]  # labels as Paddle's own examples have them


@pytest.fixture(scope="module")
def model():
    paddle.seed(0)
    net = Net()
    pl.finetune(net, data(), 6, lr=0.01, seed=0)
    made = paddle.Model(net)
    made.prepare(paddle.optimizer.Momentum(0.01, parameters=net.parameters()), nn.CrossEntropyLoss(),
                 paddle.metric.Accuracy())
    return made


def made(model, space=None, **options):
    train, val = data(), data(48, 1)
    return pl.AutoCompression(model, train, val, {"search": FEW, **(space or {})}, **{"device": "cpu", **options})


@pytest.fixture(scope="module")
def fitted(model):
    before = laws.bits(model.network)
    auto = made(model, EXAMPLE)
    auto.fit()
    assert laws.bits(model.network) == before
    return auto


def test_the_published_example_ends_with_a_smaller_model(fitted):
    dense = fitted.lab.path()[0].cost
    assert fitted.lab.state.cost.params <= 0.3 * dense.params
    assert fitted.best_config["result"] == {**fitted.lab.state.metrics, "params": fitted.lab.state.cost.params,
                                            "macs": fitted.lab.state.cost.macs}
    assert sum(p.size for p in fitted.best_model.parameters() if p.trainable) == fitted.lab.state.cost.params
    assert pl.evaluate(fitted.best_model, data(48, 1))["accuracy"] == pytest.approx(
        fitted.best_config["result"]["accuracy"])
    assert [state.searched for state in fitted.lab.states] == [False, True, False]
    assert len(fitted.history) == 3
    assert all(t.values["params"] <= 0.3 * dense.params for t in fitted.study if t.is_whole)
    assert all(0.25 <= r <= 0.75 for t in fitted.study for r in t.ratios.values())
    assert "accuracy" in repr(fitted)


def test_the_best_configuration_is_data_and_replays(model, fitted):
    config = json.loads(json.dumps(fitted.best_config))
    again = made(model, config)
    assert again.fit() == fitted.best_config
    assert again.study is None
    assert again.lab.plan.groups == fitted.lab.plan.groups
    assert laws.bits(again.best_model) == laws.bits(fitted.best_model)


def test_every_picture_is_shown_and_written_outside_a_notebook(fitted, tmp_path, monkeypatch):
    page = fitted.visualize(plot_type=list(PLOTS), path=tmp_path / "all.html")
    text = (tmp_path / "all.html").read_text()
    assert [title for title, _ in page.sections] == list(PLOTS)
    assert all(f"<h3>{name}</h3>" in text for name in PLOTS)
    assert text.count("<svg") >= 4
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    monkeypatch.chdir(tmp_path)
    assert fitted.visualize(plot_type=["graph"]).path == Path("autocompression.html")
    assert "graph" in repr(fitted.visualize("graph"))
    with pytest.raises(UnknownNameError, match=r"unknown plot_type 'grpah' in visualize; did you mean 'graph'"):
        fitted.visualize(plot_type=["grpah"])
    with pytest.raises(UnknownNameError, match="unknown plot_type '3'"):
        fitted.visualize(plot_type=3)
    with pytest.raises(OptionError, match="eval_dataloader is None"):
        pl.AutoCompression(Net(), data(), None)
    with pytest.raises(OptionError, match="cannot be written"):
        fitted.visualize("graph", path=tmp_path / "nowhere" / "x.html")


def test_the_sensitivity_is_the_dense_model_s_before_and_after(model, tmp_path):
    auto = made(model, EXAMPLE)
    before = auto.visualize("sensitivity", tmp_path / "before.html")
    auto.fit()
    assert auto.lab.plan
    state = auto.lab.state
    assert auto.visualize("sensitivity", tmp_path / "after.html").sections == before.sections
    assert auto.lab.state is state


def test_in_a_notebook_nothing_is_written(fitted, tmp_path, monkeypatch):
    import builtins
    import sys

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(builtins, "get_ipython", lambda: None, raising=False)
    monkeypatch.setitem(sys.modules, "IPython", sys)
    assert fitted.visualize("plan").path is None
    assert list(tmp_path.iterdir()) == []
    assert "<h3>plan</h3>" in fitted.visualize("plan")._repr_html_()


def test_it_is_exported_verified(fitted, tmp_path):
    out = fitted.export(tmp_path / "out", ("onnx",), timing=None)
    assert out.parity["onnx"] < 1e-4
    assert pl.Plan.load(tmp_path / "out" / "plan.json").groups == fitted.lab.plan.groups


def test_before_fit_what_is_not_found_is_refused(model, tmp_path):
    auto = made(model)
    assert "not fitted yet" in repr(auto)
    for call in (lambda: auto.export(tmp_path / "x"), lambda: auto.visualize("curves", tmp_path / "x.html")):
        with pytest.raises(OptionError, match=r"call fit\(\) first"):
            call()
    assert not (tmp_path / "x").exists()
    auto.visualize("graph", tmp_path / "g.html")


def test_strategies_quantization_and_parts_are_searched(model):
    auto = made(model, {
        "quantization": {"type": ["none", "int8_weights", "int8"]},
        "prune": [{"name": "small ones", "criteria": ["performance", "size"]},
                  {"name": "far ones", "params": {"pruning_strategy": "geometric_median"}}],
        "structure": [{"op_types": ["conv2d"], "sparsity": {"range": [0.1, 0.6]}},
                      {"names": ["conv2"], "sparsity": {"ratio": 0.25}},
                      {"op_types": ["default"], "sparsity": {"target_sparsity": 0.0}}],
        "search": {**FEW, "repair": True}, "finetune": {"epochs": 1, "lr": 0.001}})
    assert {k: (v.low, v.high) if hasattr(v, "low") else v for k, v in auto.space.ratios.items()} == {
        "conv1": (0.1, 0.6), "conv2": 0.25, "fc1": 0.0}
    config = auto.fit()
    assert {o.name for o in auto.study.objectives} == {"accuracy", "size_bytes"}
    assert {t.settings["criterion"] for t in auto.study} <= {"l1_weight", "geometric_median"}
    assert config["prune"][0]["name"] in ("small ones", "far ones")
    assert config["quantization"]["type"] in ("none", "int8_weights", "int8")
    assert auto.lab.plan.ratio("conv2") == 0.25
    assert auto.lab.plan.ratio("fc1") == 0


@pytest.mark.parametrize("key", ["finetune", "search"])
def test_epochs_without_training_data_are_told_before_the_search(model, key):
    with pytest.raises(OptionError, match=rf"\['{key}'\]\['epochs'\] is 2, and train_dataloader is None"):
        pl.AutoCompression(model, None, data(48, 1), {key: {"epochs": 2}}, device="cpu")
    auto = pl.AutoCompression(model, None, data(48, 1), {"search": {**FEW, "trials": 2}}, device="cpu")
    assert auto.fit()["result"]["params"] > 0


def test_trials_train_with_the_optimizer_that_the_model_was_prepared_with(model):
    auto = made(model, {"structure": [{"names": ["conv1"], "sparsity": {"range": [0.2, 0.5]}}],
                        "search": {**FEW, "trials": 2, "epochs": 1, "samples": 48},
                        "finetune": {"epochs": 1, "repair": False}})
    auto.fit()
    best = auto.study.best
    assert auto.lab.state.metrics["accuracy"] == pytest.approx(best.values["accuracy"])
    assert auto.lab.state.metrics["loss"] == pytest.approx(pl.evaluate(auto.study.model(best), data(48, 1))["loss"],
                                                           rel=1e-4)


def test_nothing_asked_is_a_trade_of_the_metric_and_the_parameters(model):
    auto = made(model)
    auto.fit()
    assert [o.name for o in auto.study.objectives] == ["accuracy", "params"]


def test_eight_bits_are_written_where_they_are_chosen(model, tmp_path):
    for package in ("ml_dtypes", "sympy", "onnxruntime"):
        pytest.importorskip(package, reason="an extra: pip install 'prunelab[int8]'")
    auto = made(model, {"quantization": {"type": "int8_weights"}, "structure": [
        {"op_types": ["default"], "sparsity": {"ratio": 0.5}}]})
    assert auto.fit()["quantization"] == {"type": "int8_weights"}
    out = auto.export(tmp_path / "out", timing=None, dense=None)
    assert set(out.files) == {"paddle", "onnx", "onnx-w8"}


def test_a_layer_alone_will_do():
    paddle.seed(0)
    auto = pl.AutoCompression(Net(), data(), data(16, 1), {"search": {**FEW, "trials": 2}})
    assert auto.fit()["result"]["params"] > 0


def test_what_a_model_was_prepared_with_is_found_again():
    net = Net()
    model = paddle.Model(net)
    assert Prepared.of(model).metrics == ("accuracy", "loss")
    model.prepare(paddle.optimizer.AdamW(0.02, parameters=net.parameters(), weight_decay=0.3, beta1=0.8),
                  nn.CrossEntropyLoss(), [paddle.metric.Accuracy((1, 5)), paddle.metric.Accuracy((2,))])
    found = Prepared.of(model)
    assert found.metrics[:2] == ("accuracy", "top5")
    assert found.metrics[2].__name__ == "top2"
    x, y = data(8)
    outputs = net(paddle.to_tensor(x))
    top2 = np.mean([label in row for label, row in zip(y[:, 0], outputs.argsort(-1).numpy()[:, -2:], strict=True)])
    assert found.metrics[2](outputs, paddle.to_tensor(y)) == pytest.approx(top2)
    made_again = found.maker(None)(Net().parameters())
    assert (type(made_again).__name__, made_again.get_lr(), made_again._weight_decay, made_again._beta1) == (
        "AdamW", 0.02, 0.3, 0.8)
    assert found.maker(0.5)(Net().parameters()).get_lr() == 0.5
    momentum = paddle.optimizer.Momentum(0.1, 0.7, parameters=net.parameters(), weight_decay=0.01, use_nesterov=True)
    model.prepare(momentum, nn.CrossEntropyLoss())
    again = Prepared.of(model).maker(None)(Net().parameters())
    assert (again._momentum, again._use_nesterov, again._regularization_coeff) == (0.7, True, 0.01)
    model.prepare(paddle.optimizer.RMSProp(0.1, parameters=net.parameters()), nn.CrossEntropyLoss())
    with pytest.raises(OptionError, match="prepared with a RMSProp, which cannot be made again"):
        Prepared.of(model)


MISTAKES = {
    "a key": ({"sparsty": {}}, UnknownNameError, r"unknown key 'sparsty' in search_space; did you mean 'sparsity'"),
    "a key within": ({"sparsity": {"total": 0.5}}, UnknownNameError, "did you mean 'total_ratio'"),
    "a key of a strategy": ({"prune": [{"nme": "x"}]}, UnknownNameError, r"in search_space\['prune'\]\[0\]; did you"),
    "a parameter": ({"prune": [{"params": {"prunning_strategy": "x"}}]}, UnknownNameError, "'pruning_strategy'"),
    "a criterion": ({"prune": [{"params": {"pruning_strategy": "l1_wieght"}}]}, UnknownNameError, "'l1_weight'"),
    "criteria": ({"prune": [{"criteria": "perfomance"}]}, UnknownNameError, "'performance'"),
    "a ratio": ({"sparsity": {"total_ratio": 1.5}}, OptionError, r"\['sparsity'\]\['total_ratio'\] is 1.5"),
    "a list": ({"prune": {"name": "x"}}, OptionError, "give a list of dicts"),
    "a dict": ({"sparsity": 0.5}, OptionError, "give a dict"),
    "a part of nothing": ({"structure": [{"sparsity": {"ratio": 0.5}}]}, OptionError, "give op_types"),
    "a part without": ({"structure": [{"op_types": ["default"]}]}, OptionError, "give one of target_sparsity"),
    "a kind": ({"structure": [{"op_types": ["conv3d"], "sparsity": {"ratio": 0.5}}]}, UnknownNameError, "'conv2d'"),
    "a name": ({"structure": [{"names": ["conv3"], "sparsity": {"ratio": 0.5}}]}, UnknownNameError, "you mean 'conv"),
    "a frozen one": ({"structure": [{"names": ["fc2"], "sparsity": {"ratio": 0.5}}]}, OptionError, "frozen by"),
    "bits": ({"quantization": {"type": "int4"}}, UnknownNameError, "int8"),
    "twice": ({"prune": [{}, {}]}, OptionError, "'l1_weight' twice"),
    "no strategy": ({"prune": []}, OptionError, "is empty"),
    "a sampler": ({"search": {"sampler": "anealing"}}, UnknownNameError, "'annealing'"),
    "options": ({"prune": [{"params": {"round_to": 4}}, {"params": {"pruning_strategy": "mean", "round_to": 2}}]},
                OptionError, "give all the same"),
    "a constraint": ({"search": {"constraints": "params < many"}}, OptionError,
                     r"\['search'\]\['constraints'\]: the constraint 'params < many' has no number|cannot be read"),
    "a number for a dict": ({"sparsity": 0.5}, OptionError, r"give a dict, such as \{'total_ratio': 0.7\}"),
    "a region": ({"prune": [{"params": {"granularity": "spatial"}}]}, OptionError, r"study\.model\(trial\)"),
    "what is not there": ({"prune": [{"params": {"granularity": "head"}}]}, SearchError, "nothing of granularity head"),
    "a switch": ({"finetune": {"repair": 1}}, OptionError, "give True or False"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_dict_names_its_place(model, name):
    space, error, says = MISTAKES[name]
    with pytest.raises(error, match=says):
        made(model, space)


def test_a_ratio_that_the_parts_cannot_reach_is_told(model):
    auto = made(model, {**EXAMPLE, "sparsity": {"total_ratio": 0.99}})
    with pytest.raises(OptionError, match=r"params <= 1 %.* cannot be met"):
        auto.fit()


def test_an_interrupt_ends_it_and_a_workspace_goes_on(model, tmp_path):
    auto = made(model, EXAMPLE, workspace=tmp_path / "w")

    def stop(study, trial):
        if len(study) == 2:
            raise KeyboardInterrupt

    with pytest.raises(Stopped, match=r"interrupted after \d of 4 trials, and nothing is cut"):
        auto.fit(on_trial=stop)
    assert auto.best_config is None
    assert auto.lab.state.id == "s0"
    known = [t.chosen for t in auto.study]
    auto.fit()
    assert [t.chosen for t in auto.study][:2] == known


def test_devices(model):
    assert made(model, device="auto").lab.graph.place.is_cpu_place()
    if not paddle.device.is_compiled_with_cuda():
        with pytest.raises(OptionError, match=r"device='gpu' is asked for, and this Paddle is built without CUDA; give "
                                              r"device='cpu', or device='auto', which chooses"):
            made(model, device="gpu")
    with pytest.raises(OptionError, match="device is 'tpu'"):
        made(model, device="tpu")


def test_the_defaults_say_what_they_are():
    wishes = Wishes.of_dict({})
    assert (wishes.quantization, wishes.sampler, wishes.repair, wishes.objectives) == (
        ("none",), "annealing", True, (None, "params"))
    assert Wishes.of_dict(EXAMPLE).limits == ("params <= 30 %",)
    assert Wishes.of_dict(EXAMPLE).objectives == (None,)
