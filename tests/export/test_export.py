"""What is written computes what the model computes, or nothing is left behind."""

from __future__ import annotations

import hashlib
import json
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnxruntime
import paddle
import pytest
from paddle import nn
from paddle.nn import functional

import prunelab as pl
from prunelab import errors
from prunelab.export import FORMATS, TOLERANCE, TimingOptions, folder, run
from prunelab.export.paddle import PaddleInference

BRIEFLY = TimingOptions(runs=5, warmup=1)
SCHEMA = json.loads(Path(run.__file__).with_name("manifest.schema.json").read_text(encoding="utf-8"))


def conv_net(width: int = 8) -> nn.Layer:
    """Convolutions with batch norms whose statistics, gains and biases are not the trivial ones."""
    net = nn.Sequential(nn.Conv2D(3, width, 3, padding=1), nn.BatchNorm2D(width), nn.ReLU(), nn.Conv2D(width, 8, 3),
                        nn.BatchNorm2D(8), nn.ReLU(), nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(8, 5))
    for norm in (net[1], net[4]):
        for tensor in (norm._mean, norm._variance, norm.weight, norm.bias):
            tensor.set_value(paddle.rand(tensor.shape) + 0.5)
    return net


class Words(nn.Layer):
    """Classifies sequences of ids with an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.lstm, self.head = nn.Embedding(20, 6), nn.LSTM(6, 7), nn.Linear(7, 3)

    def forward(self, ids: Any) -> Any:
        return self.head(self.lstm(self.embedding(ids))[0][:, -1])


class Two(nn.Layer):
    """Two inputs, and two outputs in a dict whose order is not that of its keys."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.extra = nn.Conv2D(1, 4, 3), nn.Linear(5, 4)

    def forward(self, image: Any, extra: Any) -> Any:
        hidden = self.image(image).mean([2, 3]) + self.extra(extra)
        return {"hidden": hidden, "all": [hidden.sum(1), functional.relu(hidden)]}


class Then(nn.Layer):
    """A linear layer, then ``function``."""

    def __init__(self, function: Callable[[Any], Any], n: int = 16) -> None:
        super().__init__()
        self.linear, self.function = nn.Linear(n, n), function

    def forward(self, x: Any) -> Any:
        return self.function(self.linear(x))


def rms_norm(y: Any) -> Any:
    return y * paddle.rsqrt(paddle.mean(y.pow(2), -1, keepdim=True) + 1e-6)


def ids(*shape: int) -> Any:
    return paddle.to_tensor(np.random.default_rng(1).integers(0, 20, shape))


def entries(path: Path) -> list[str]:
    return sorted(str(p.relative_to(path)) for p in path.rglob("*"))


NETWORKS: dict[str, tuple[Callable[[], nn.Layer], Callable[[int], list[Any]]]] = {
    "convolutions": (conv_net, lambda n: [paddle.randn([n, 3, 12, 12])]),
    "lstm": (Words, lambda n: [ids(n, 9)]),
    "transformer": (lambda: nn.TransformerEncoderLayer(16, 2, 32), lambda n: [paddle.randn([n, 6, 16])]),
    "two in, two out": (Two, lambda n: [paddle.randn([n, 1, 8, 8]), paddle.randn([n, 5])]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_both_formats_compute_what_the_model_does_at_any_batch(name: str, tmp_path: Path) -> None:
    make, inputs = NETWORKS[name]
    model = make()
    out = pl.export(model, tmp_path / "out", inputs=inputs(2), timing=BRIEFLY)

    assert list(out.files) == list(FORMATS)
    assert all(0 <= error <= TOLERANCE for error in out.parity.values())
    assert all(out.manifest["formats"][f]["batch"]["free"] for f in FORMATS)
    assert set(out.manifest["formats"]["onnx"]["parity"]["by_batch"]) == {"1", "2", "3"}
    assert model.training

    # Read by hand, at a batch that export has not seen.
    tensors = inputs(5)
    model.eval()
    expected = [t.numpy() for t in paddle.utils.flatten(model(*tensors))]
    session = onnxruntime.InferenceSession(str(out.files["onnx"][0]), providers=["CPUExecutionProvider"])
    by_onnx = session.run(None, {v.name: t.numpy() for v, t in zip(session.get_inputs(), tensors, strict=True)})
    config = paddle.inference.Config(*map(str, out.files["paddle"]))
    config.disable_glog_info()
    if not out.manifest["formats"]["paddle"]["setting"]["onednn"]:
        config.disable_mkldnn()
    by_paddle = paddle.inference.create_predictor(config).run(tensors)
    for ours, theirs, reference in zip(by_onnx, by_paddle, expected, strict=True):
        np.testing.assert_allclose(ours, reference, atol=1e-5)
        np.testing.assert_allclose(theirs.numpy(), reference, atol=1e-5)


def test_the_dense_model_is_measured_beside_and_everything_is_in_the_manifest(tmp_path: Path) -> None:
    dense = conv_net(width=64)
    graph = pl.trace(dense, (2, 3, 12, 12))
    plan = pl.propose(graph, sparsity=0.7)
    target = tmp_path / "new" / "out"
    out = pl.export(pl.compact(dense, plan), target, plan=plan, dense=dense, timing=BRIEFLY)

    assert entries(target) == ["manifest.json", "model.json", "model.onnx", "model.pdiparams", "plan.json"]
    assert entries(tmp_path / "new")[0] == "out"
    told = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    assert told == out.manifest
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(told, SCHEMA)
    for file in told["files"]:
        content = (target / file["path"]).read_bytes()
        assert (file["size_bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert {file["path"] for file in told["files"]} == set(entries(target)) - {"manifest.json"}
    assert pl.Plan.load(target / told["plan"]) == plan
    for name in FORMATS:
        assert out.size_bytes[name] == sum(path.stat().st_size for path in out.files[name]) < out.dense_size_bytes[name]
        assert told["formats"][name]["latency"]["median_ms"] == out.latency_ms[name] > 0
        assert told["formats"][name]["dense"]["latency"]["median_ms"] == out.dense_latency_ms[name] > 0
        assert told["formats"][name]["latency"]["batch"] == 1

    rows = repr(out).splitlines()
    assert rows[0] == f"Sequential exported to {target}"
    assert rows[1].split() == "format size dense change latency dense change max rel. error files".split()
    assert [row.split()[0] for row in rows[3:]] == list(FORMATS)
    assert "model.json, model.pdiparams" in out._repr_html_()


@pytest.mark.parametrize("change", ["parity", "files", "sha256", "extra"])
def test_the_schema_refuses_a_manifest_that_is_wrong(change: str, tmp_path: Path) -> None:
    told = pl.export(Then(rms_norm), tmp_path / "out", "paddle", inputs=(1, 16), timing=None).manifest
    broken: dict[str, Callable[[Any], Any]] = {
        "parity": lambda m: m["formats"]["paddle"].update(parity=-1.0),
        "files": lambda m: m.pop("files"),
        "sha256": lambda m: m["files"][0].update(sha256="abc"),
        "extra": lambda m: m.update(colour="red"),
    }
    jsonschema.validate(told, SCHEMA)
    broken[change](told)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told, SCHEMA)


def test_where_onednn_is_wrong_it_is_turned_off_and_that_is_said(tmp_path: Path) -> None:
    out = pl.export(Then(rms_norm), tmp_path / "out", ("paddle",), inputs=(1, 16), timing=BRIEFLY)
    told = out.manifest["formats"]["paddle"]
    assert told["setting"] == {"onednn": False}
    (rejected,) = told["rejected"]
    assert rejected["setting"] == {"onednn": True}
    assert rejected["max_relative_error"] > 100 * TOLERANCE
    assert out.parity["paddle"] <= TOLERANCE
    assert "paddle: use it with onednn off" in repr(out)
    jsonschema.validate(out.manifest, SCHEMA)


def test_a_conversion_that_is_silently_wrong_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    # paddle2onnx forgets the slope of a leaky ReLU, so the paddle files that were already written must go too
    model = Then(lambda y: functional.leaky_relu(y, 0.4))
    with pytest.raises(errors.ParityError, match=r"the onnx file of Then computes something else: max relative error"):
        pl.export(model, tmp_path / "a" / "b" / "out", inputs=(1, 16))
    assert entries(tmp_path) == []
    assert model.training
    assert "forward" not in vars(model)


@pytest.mark.parametrize(
    ("function", "message"),
    [(functional.celu, "it does not know the operator 'celu'"), (functional.softplus, "operator 'softplus': Only")],
    ids=["celu", "softplus"],
)
def test_an_operator_that_aborts_the_converter_is_named(function: Callable[[Any], Any], message: str,
                                                        tmp_path: Path) -> None:
    with pytest.raises(errors.ExportError, match=message) as caught:
        pl.export(Then(function), tmp_path / "out", ("onnx",), inputs=(1, 16))
    assert "\n" not in str(caught.value)
    assert entries(tmp_path) == []


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


def test_a_layer_that_runs_a_rewritten_graph_is_exported_too(tmp_path: Path) -> None:
    model = nn.TransformerEncoderLayer(16, 4, 32)
    plan = pl.propose(pl.trace(model, (1, 6, 16)), sparsity=0.5)
    small = pl.compact(model, plan, form="graph")
    assert isinstance(small, pl.GraphLayer)
    out = pl.export(small, tmp_path / "out", inputs=(1, 6, 16), timing=None)
    assert all(out.manifest["formats"][f]["batch"]["free"] for f in FORMATS), out
    assert max(out.parity.values()) <= TOLERANCE


def test_without_verifying_nothing_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PaddleInference, "load", lambda *_: pytest.fail("it was loaded"))
    out = pl.export(conv_net(), tmp_path / "out", ("paddle",), inputs=(1, 3, 9, 9), verify=False, dense=conv_net())
    assert (out.parity, out.latency_ms, out.dense_latency_ms) == ({}, {}, {})
    assert abs(out.dense_size_bytes["paddle"] - out.size_bytes["paddle"]) < 99  # names of parameters count up
    assert "–" in repr(out)
    jsonschema.validate(out.manifest, SCHEMA)


# Folders.

@pytest.fixture
def small() -> nn.Layer:
    return Then(functional.relu)


def test_an_existing_folder_is_refused_and_with_force_replaced_whole(small: nn.Layer, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    pl.export(small, target, ("paddle",), inputs=(1, 16), timing=None)  # an empty one is taken
    (target / "notes.txt").write_text("mine")
    before = entries(target)
    with pytest.raises(errors.ExportError, match=r"out exists and is not empty; .*force=True"):
        pl.export(small, target, ("paddle",), inputs=(1, 16))
    assert entries(target) == before
    pl.export(small, target, ("paddle",), inputs=(1, 16), force=True, timing=None)
    assert entries(tmp_path) == ["out", "out/manifest.json", "out/model.json", "out/model.pdiparams"]


def test_a_failure_while_replacing_leaves_the_old_folder(small: nn.Layer, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old.txt").write_text("old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(run, "write_manifest", full)
        with pytest.raises(errors.ExportError, match="No space left on device; free some"):
            pl.export(small, target, ("paddle",), inputs=(1, 16), force=True, timing=None)
    assert entries(tmp_path) == ["out", "out/old.txt"]

    rename = Path.rename

    def second_fails(self: Path, to: Path) -> Path:
        if ".new-" in self.name:
            full()
        return rename(self, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", second_fails)
        with pytest.raises(errors.ExportError, match="No space left on device"):
            pl.export(small, target, ("paddle",), inputs=(1, 16), force=True, timing=None)
    assert entries(tmp_path) == ["out", "out/old.txt"]


def test_an_interrupt_leaves_nothing(small: nn.Layer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PaddleInference, "load", stop)
    with pytest.raises(KeyboardInterrupt):
        pl.export(small, tmp_path / "deep" / "out", ("paddle",), inputs=(1, 16))
    assert entries(tmp_path) == []
    assert small.training


def test_a_folder_that_cannot_be_written_is_named(small: nn.Layer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file" / "out", tmp_path / "file" / "deeper" / "out"):
        with pytest.raises(errors.ExportError, match=r"file/.*out cannot be written: Not a directory .*; choose a"):
            pl.export(small, target, ("paddle",), inputs=(1, 16))
    with pytest.raises(errors.ExportError, match="file is a file; choose a folder"):
        pl.export(small, tmp_path / "file", ("paddle",), inputs=(1, 16), force=True)
    assert entries(tmp_path) == ["file"]


def test_the_folder_one_works_in_is_not_deleted(small: nn.Layer, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "home" / "work"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    with pytest.raises(errors.ExportError, match="holds the folder you work in"):
        pl.export(small, "..", ("paddle",), inputs=(1, 16), force=True)
    assert here.is_dir()


def test_a_link_is_followed(small: nn.Layer, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with folder.whole_folder(tmp_path / "link") as new:
        (new / "a").write_text("")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").is_file()


# What a person may get wrong.

@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"formats": ("onxx",)}, errors.UnknownNameError, "unknown format 'onxx'; did you mean 'onnx'"),
        ({"formats": ()}, errors.OptionError, "formats is empty"),
        ({"inputs": None}, errors.InputError, "inputs is missing"),
        ({"inputs": (1, 7)}, errors.InputError, "Then"),
        ({"model": "resnet"}, errors.InputError, "the model is a str"),
        ({"model": nn.ReLU()}, errors.ExportError, "ReLU has no parameters"),
    ],
)
def test_a_mistake_is_told_and_leaves_nothing(options: dict[str, Any], error: type[Exception], message: str,
                                              small: nn.Layer, tmp_path: Path) -> None:
    given = {"model": small, "formats": ("paddle",), "inputs": (1, 16), **options}
    with pytest.raises(error, match=message):
        pl.export(given.pop("model"), tmp_path / "out", **given)
    assert entries(tmp_path) == []


def test_an_input_that_is_not_used_is_told(tmp_path: Path) -> None:
    class Unused(Then):
        def forward(self, x: Any, mask: Any) -> Any:
            return super().forward(x)

    with pytest.raises(errors.ExportError, match="one of the inputs is not used"):
        pl.export(Unused(functional.relu), tmp_path / "out", ("paddle",), inputs=[(1, 16), (1, 3)])


@pytest.mark.parametrize("package", ["paddle2onnx", "onnxruntime"])
def test_a_missing_extra_is_told_before_any_work(package: str, small: nn.Layer, tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(small, "forward", lambda *_: pytest.fail("the model was run"))
    with pytest.raises(errors.MissingExtraError, match=rf"{package} is not installed; .*prunelab\[onnx\]"):
        pl.export(small, tmp_path / "out", inputs=(1, 16))
    assert entries(tmp_path) == []


@pytest.mark.parametrize("options", [{"runs": 0}, {"warmup": -1}, {"threads": 0}, {"runs": 2.5}, {"budget_s": 0}])
def test_timing_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(errors.OptionError, match=next(iter(options))):
        TimingOptions(**options)


@dataclass(frozen=True)
class Wrong(PaddleInference):
    """Paddle Inference, were it wrong by a thousandth however it is set."""

    name: str = "wrong"

    def load(self, files: Any, setting: Any, threads: int) -> Any:
        right = super().load(files, setting, threads)
        return lambda arrays: [output * 1.001 for output in right(arrays)]


def test_a_format_of_ones_own_is_held_to_the_same(small: nn.Layer, tmp_path: Path) -> None:
    with pytest.raises(errors.ParityError, match=r"the wrong file of Then .* 0\.001 with onednn on, 0\.001 with"):
        pl.export(small, tmp_path / "out", (Wrong(),), inputs=(1, 16))
    assert entries(tmp_path) == []


def test_a_dense_model_that_a_format_cannot_hold_does_not_spoil_the_export(small: nn.Layer, tmp_path: Path) -> None:
    out = pl.export(small, tmp_path / "out", ("onnx",), inputs=(1, 16), dense=Then(functional.celu), timing=BRIEFLY)
    assert (out.dense_size_bytes, out.dense_latency_ms) == ({}, {})
    assert "the dense model was not measured: paddle2onnx cannot convert" in repr(out)
    jsonschema.validate(out.manifest, SCHEMA)


def test_files_are_timed_with_as_many_samples_as_asked(tmp_path: Path) -> None:
    out = pl.export(conv_net(), tmp_path / "out", formats=("paddle",), inputs=(1, 3, 8, 8), timing=BRIEFLY, batch=7)
    assert out.manifest["formats"]["paddle"]["latency"]["batch"] == 7
