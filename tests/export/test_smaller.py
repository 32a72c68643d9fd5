"""Half precision and eight bits: files that are smaller, near the model, and judged by the metric."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import paddle
import pytest
from export_nets import Words, conv_net, ids
from paddle import nn
from safetensors.numpy import load_file

import prunelab as pl
from prunelab import errors
from prunelab.export import OnnxInt8

KINDS = {"convolutions": (conv_net, lambda n: paddle.randn([n, 3, 12, 12])), "words": (Words, lambda n: ids(n, 9)),
         "transformer": (lambda: nn.TransformerEncoderLayer(16, 2, 32), lambda n: paddle.randn([n, 6, 16]))}


@pytest.fixture
def quantizer() -> None:
    for package in ("ml_dtypes", "sympy"):
        pytest.importorskip(package, reason="an extra: pip install 'prunelab[int8]'")


def large(kind: str) -> tuple[nn.Layer, object]:
    make, inputs = KINDS[kind]
    return make(), inputs(2)


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_half_the_size_and_takes_floats(kind: str, tmp_path: Path) -> None:
    model, x = large(kind)
    out = pl.export(model, tmp_path / "out", ("onnx", "onnx-fp16"), inputs=x, timing=None)
    assert 1e-6 < out.parity["onnx-fp16"] < 2e-2
    file = onnx.load(str(out.files["onnx-fp16"][0]))
    weights = {t.data_type for t in file.graph.initializer if np.prod(t.dims) > 16}
    assert onnx.TensorProto.FLOAT not in weights
    kinds = {v.type.tensor_type.elem_type for v in [*file.graph.input, *file.graph.output]}
    assert onnx.TensorProto.FLOAT16 not in kinds
    assert out.manifest["formats"]["onnx-fp16"]["batch"]["free"]


def test_a_mask_of_minus_a_billion_is_no_infinity_in_half_precision(tmp_path: Path) -> None:
    class Masked(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x):  # type: ignore[no-untyped-def]
            mask = paddle.to_tensor([[0.0, 0.0, -1e9, -1e9]])
            return nn.functional.softmax(self.linear(x) + mask) * (mask > -1).astype("float32")

    out = pl.export(Masked(), tmp_path / "out", ("onnx-fp16",), inputs=(1, 4), timing=None)
    assert out.parity["onnx-fp16"] < 2e-2


@pytest.mark.parametrize("kind", ["convolutions", "transformer"])
def test_eight_bits_are_calibrated_on_the_data(kind: str, tmp_path: Path, quantizer: None) -> None:
    model, x = large(kind)
    data = [KINDS[kind][1](4) for _ in range(3)]
    out = pl.export(model, tmp_path / "out", (OnnxInt8(data=data),), inputs=x, timing=None)
    assert 1e-4 < out.parity["onnx-int8"] < 0.25
    told = out.manifest["formats"]["onnx-int8"]
    assert told["tolerance"] == 0.25
    nodes = {node.op_type for node in onnx.load(str(out.files["onnx-int8"][0])).graph.node}
    assert "QuantizeLinear" in nodes
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "MODEL_CARD.md", "examples.safetensors", "manifest.json", "model_int8.onnx", "report.html"]


def test_eight_bits_without_data_are_refused_before_any_work(tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    model = conv_net()
    monkeypatch.setattr(model, "forward", lambda *_: pytest.fail("the model was run"))
    with pytest.raises(errors.OptionError, match="pass data="):
        pl.export(model, tmp_path / "out", ("onnx-int8",), inputs=(1, 3, 12, 12))
    assert not list(tmp_path.iterdir())


def test_weights_alone_in_eight_bits_need_no_data(tmp_path: Path, quantizer: None) -> None:
    model = conv_net(width=32)
    out = pl.export(model, tmp_path / "out", ("onnx", OnnxInt8(weights_only=True)), inputs=(1, 3, 12, 12),
                    timing=None)
    assert 1e-5 < out.parity["onnx-int8"] < 0.05
    file = onnx.load(str(out.files["onnx-int8"][0]))
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in file.graph.initializer}
    for name, weight in {n: p.numpy() for n, p in model.named_parameters() if len(p.shape) > 1}.items():
        numbers, scale = stored[f"{name}_int8"], stored[f"{name}_scale"]
        axis = 0 if weight.ndim == 4 else 1
        back = numbers * scale.reshape([-1 if a == axis else 1 for a in range(weight.ndim)])
        assert np.abs(back - weight).max() <= scale.max() / 2 * 1.001


def test_eight_bits_are_compared_on_data_and_not_on_random_numbers(tmp_path: Path, quantizer: None) -> None:
    # ranges of data in [0, 1) hold for data alone: normal numbers would be cut off
    paddle.seed(1)
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 5))
    data = [(paddle.rand([16, 8]) * 0.1, paddle.zeros([16], "int64"))]
    out = pl.export(model, tmp_path / "out", ("onnx-int8",), inputs=(1, 8), data=data, timing=None)
    assert out.parity["onnx-int8"] < 0.1
    assert load_file(str(tmp_path / "out" / "examples.safetensors"))["3/input/input"].max() < 0.1


class Uneven(nn.Layer):
    """A convolution that bears eight bits, and a layer that does not: one of its weights is far from the others."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2D(3, 8, 3), nn.Linear(8, 4)
        with paddle.no_grad():
            self.head.weight[0] = 50.0

    def forward(self, x):  # type: ignore[no-untyped-def]
        return self.head(nn.functional.relu(self.conv(x)).mean([2, 3]))


def in_float(path: Path) -> set[str]:
    """The weights that convolutions and products read as floats."""
    file = onnx.load(str(path))
    stored = {t.name: t for t in file.graph.initializer}
    return {node.input[1] for node in file.graph.node if node.op_type in ("Conv", "MatMul", "Gemm")
            and node.input[1] in stored and stored[node.input[1]].data_type == onnx.TensorProto.FLOAT}


@pytest.mark.parametrize("weights_only", [True, False])
def test_layers_to_keep_stay_in_float_and_it_is_said(weights_only: bool, tmp_path: Path, quantizer: None) -> None:
    paddle.seed(0)
    data = [(paddle.rand([32, 3, 8, 8]), paddle.randint(0, 4, [32]))]
    every = OnnxInt8(name="every", weights_only=weights_only, tolerance=9.0)
    some = OnnxInt8(name="some", weights_only=weights_only, keep=("head",), tolerance=9.0)
    out = pl.export(Uneven(), tmp_path / "a", (every,), inputs=(1, 3, 8, 8), data=data, timing=None)
    assert in_float(out.files["every"][0]) == set()
    kept = pl.export(Uneven(), tmp_path / "b", (some,), inputs=(1, 3, 8, 8), data=data, timing=None)
    assert len(in_float(kept.files["some"][0])) == 1
    assert kept.manifest["formats"]["some"]["notes"] == ["head stays in float: as was asked"]
    assert "head stays in float" in repr(kept)
    assert kept.parity["some"] < out.parity["every"]


def test_a_layer_that_is_too_sensitive_is_found_and_stays_in_float(tmp_path: Path, quantizer: None) -> None:
    paddle.seed(0)
    data = [(paddle.rand([32, 3, 8, 8]), paddle.randint(0, 4, [32]))]
    fmt = OnnxInt8(max_lost=1e-3, tolerance=9.0)
    out = pl.export(Uneven(), tmp_path / "a", (fmt,), inputs=(1, 3, 8, 8), data=data, metrics=("loss",), timing=None)
    (note,) = out.manifest["formats"]["onnx-int8"]["notes"]
    assert note.startswith("head stays in float: alone it loses")
    assert len(in_float(out.files["onnx-int8"][0])) == 1
    assert "loss" in repr(out).splitlines()[1]
    with pytest.raises(errors.UnknownNameError, match="did you mean 'head'"):
        pl.export(Uneven(), tmp_path / "b", (OnnxInt8(keep=("haed",)),), inputs=(1, 3, 8, 8), data=data)


def test_weights_in_eight_bits_are_a_format_of_their_own_and_a_lab_knows_its_data(tmp_path: Path,
                                                                                  quantizer: None) -> None:
    data = [(paddle.rand([32, 3, 8, 8]), paddle.randint(0, 4, [32]))]
    lab = pl.Lab(Uneven(), train=data, val=data)
    lab.step(ratio=0.5)
    out = lab.export(tmp_path / "a", ("onnx", "onnx-w8"), timing=None, dense=None)
    assert set(out.files) == {"onnx", "onnx-w8"}
    assert set(out.manifest["formats"]["onnx-w8"]["validation"]["metrics"]) == {"accuracy", "loss"}
    assert 0 < out.parity["onnx-w8"] < 0.25
