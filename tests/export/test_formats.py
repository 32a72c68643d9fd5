"""Every format: whole networks through it at several batches, and what is particular to one."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from export_nets import BRIEFLY, Two, Words, conv_net, ids
from paddle import nn

import prunelab as pl
from prunelab import errors
from prunelab.export import FORMATS, TOLERANCE

EXTRAS = {"torchscript": "torch", "openvino": "openvino", "tensorflow": "tensorflow", "tflite": "tensorflow"}
EXTRA_OF = {"tflite": "tensorflow"}


class Lengths(nn.Layer):
    """A recurrent net that is told how long each sequence is."""

    def __init__(self, kind: type[nn.Layer]) -> None:
        super().__init__()
        self.net = kind(4, 5, 2, direction="bidirect")

    def forward(self, x: Any, n: Any) -> Any:
        return self.net(x, sequence_length=n)


def lengths(n: int) -> list[Any]:
    return [paddle.randn([n, 6, 4]), paddle.to_tensor([3, 6, 1, 5, 2][:n])]


NETWORKS: dict[str, tuple[Callable[[], nn.Layer], Callable[[int], list[Any]]]] = {
    "convolutions": (conv_net, lambda n: [paddle.randn([n, 3, 12, 12])]),
    "words": (Words, lambda n: [ids(n, 9)]),
    "gru": (lambda: nn.GRU(4, 5, 2, direction="bidirect"), lambda n: [paddle.randn([n, 6, 4])]),
    "transformer": (lambda: nn.TransformerEncoderLayer(16, 2, 32), lambda n: [paddle.randn([n, 6, 16])]),
    "two in, two out": (Two, lambda n: [paddle.randn([n, 1, 8, 8]), paddle.randn([n, 5])]),
}
OTHERS = [name for name in FORMATS if name not in ("paddle", "onnx", "onnx-fp16", "onnx-int8", "onnx-w8")]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", OTHERS)
def test_a_format_computes_what_the_model_does_at_any_batch(name: str, network: str, tmp_path: Path) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name], reason=f"an extra: pip install 'prunelab[{EXTRA_OF.get(name, name)}]'")
    make, inputs = NETWORKS[network]
    out = pl.export(make(), tmp_path / "out", (name,), inputs=inputs(2), timing=None)
    assert out.parity[name] <= TOLERANCE
    assert out.manifest["formats"][name]["batch"]["free"]
    assert set(out.manifest["formats"][name]["parity"]["by_batch"]) == {"1", "2", "3"}


def test_openvino_knows_its_inputs_when_an_operator_passes_one_on(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="an extra: pip install 'prunelab[openvino]'")

    class Begins(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(16, 3)

        def forward(self, x: Any) -> Any:
            return self.linear(x.reshape([-1, 16]))

    out = pl.export(Begins(), tmp_path / "out", ("openvino",), inputs=(2, 16), timing=None)
    assert out.parity["openvino"] <= TOLERANCE


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.SimpleRNN])
@pytest.mark.parametrize("name", ["onnx", "torchscript", "tensorflow", "tflite"])
def test_recurrent_nets_with_lengths_and_final_states(name: str, kind: type[nn.Layer], tmp_path: Path) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name], reason=f"an extra: pip install 'prunelab[{EXTRA_OF.get(name, name)}]'")
    model = Lengths(kind)
    out = pl.export(model, tmp_path / "out", (name,), inputs=lengths(2), timing=None)
    run = FORMATS[name].load(out.files[name], {}, 1)
    model.eval()
    given = lengths(5)
    expected = [t.numpy() for t in paddle.utils.flatten(model(*given))]
    found = run(dict(zip(("x", "n"), (t.numpy() for t in given), strict=True)))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_tensorflow_says_nothing_to_a_script(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="an extra: pip install 'prunelab[tensorflow]'")
    program = f"""
import warnings
warnings.simplefilter("ignore")
import paddle, prunelab as pl
net = paddle.nn.Sequential(paddle.nn.Linear(4, 4), paddle.nn.ReLU(), paddle.nn.Linear(4, 2))
pl.export(net, {str(tmp_path / "out")!r}, ("tflite", "tensorflow"), inputs=(1, 4), timing=None)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stderr == run.stdout == ""


def test_the_module_runs_without_prunelab_and_trains(tmp_path: Path) -> None:
    model = conv_net()
    graph = pl.trace(model, (1, 3, 12, 12))
    small = pl.compact(model, pl.propose(graph, sparsity=0.5))
    pl.export(small, tmp_path / "out", ("python",), inputs=(1, 3, 12, 12), timing=None)
    x = paddle.randn([5, 3, 12, 12])
    small.eval()
    np.save(tmp_path / "x.npy", x.numpy())
    np.save(tmp_path / "y.npy", small(x).numpy())
    program = """
import sys
sys.modules["prunelab"] = None
import numpy as np, paddle
from model import load
net = load()
x = paddle.to_tensor(np.load("../x.npy"))
np.testing.assert_allclose(net(x).numpy(), np.load("../y.npy"), atol=1e-5)
net.train()
mean = net.state_dict()["1._mean"].numpy().copy()
net(x).square().mean().backward()
assert not [n for n, p in net.named_parameters() if p.grad is None and p.trainable]
assert not np.array_equal(mean, net.state_dict()["1._mean"].numpy())
print(sorted(net.state_dict()))
"""
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=tmp_path / "out", text=True,
                         capture_output=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().splitlines()[-1] == str(sorted(small.state_dict()))


class Stopped(nn.Layer):
    """What stands under ``no_grad`` is a factor that no gradient passes."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.gate = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        h = self.body(x)
        with paddle.no_grad():
            factor = nn.functional.sigmoid(self.gate(h))
        return h * factor


def test_no_gradient_passes_in_the_module_what_none_passes_in_the_model(tmp_path: Path) -> None:
    model, x = Stopped(), paddle.randn([3, 4])
    out = pl.export(model, tmp_path / "out", ("python",), inputs=(1, 4), timing=None)
    spec = importlib.util.spec_from_file_location("stopped", out.files["python"][0])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = module.load()
    for net in (model, written):
        net(x).square().sum().backward()
    ours = {name: p.grad for name, p in written.named_parameters()}
    for name, parameter in model.named_parameters():
        assert (ours[name] is None) == (parameter.grad is None) == name.startswith("gate")
        if parameter.grad is not None:
            assert np.array_equal(ours[name].numpy(), parameter.grad.numpy())


@pytest.mark.parametrize("form", ["auto", "graph"])
def test_inputs_are_called_what_the_model_calls_them(form: str, tmp_path: Path) -> None:
    model = Two()
    given = {"image": paddle.randn([2, 1, 8, 8]), "extra": paddle.randn([2, 5])}
    small = pl.compact(model, pl.propose(pl.trace(model, given), sparsity=0.5), form=form)
    out = pl.export(small, tmp_path / "out", ("onnx", "paddle"), inputs=given, timing=None)
    for told in out.manifest["formats"].values():
        assert [i["name"] for i in told["inputs"]] == ["image", "extra"]
    with pytest.raises(errors.InputError, match=r"names 'imagee', which .* it takes image, extra"):
        pl.export(small, tmp_path / "other", ("onnx",), inputs={"imagee": (1, 1, 8, 8)})


def test_weights_go_into_a_fresh_model_that_the_plan_made_smaller(tmp_path: Path) -> None:
    model = conv_net()
    plan = pl.propose(pl.trace(model, (1, 3, 12, 12)), sparsity=0.5)
    small = pl.compact(model, plan)
    out = pl.export(small, tmp_path / "out", ("safetensors",), plan=plan, timing=BRIEFLY)
    from safetensors.numpy import load_file

    fresh = pl.Plan.load(tmp_path / "out" / "plan.json").apply(conv_net())
    fresh.set_state_dict({n: paddle.to_tensor(a) for n, a in load_file(str(out.files["safetensors"][0])).items()})
    x = paddle.randn([2, 3, 12, 12])
    for net in (small, fresh):
        net.eval()
    assert np.array_equal(fresh(x).numpy(), small(x).numpy())


def test_weights_and_module_do_not_share_a_file(tmp_path: Path) -> None:
    out = pl.export(conv_net(), tmp_path / "out", ("safetensors", "python"), inputs=(1, 3, 12, 12), timing=None)
    assert not set(out.files["safetensors"]) & set(out.files["python"])
