"""A free length: three readings at three lengths tell how every number follows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import paddle
import pytest
from export_nets import SCHEMA, conv_net, ids
from hypothesis import given
from hypothesis import strategies as st
from paddle import nn

import prunelab as pl
from prunelab import errors
from prunelab.export import FORMATS
from prunelab.export.sizes import Size, along_length

EXTRAS = {"torchscript": "torch", "openvino": "openvino", "tensorflow": "tensorflow", "tflite": "tensorflow"}


class Reader(nn.Layer):
    """A causal transformer that counts its positions."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(20, 16), nn.Embedding(64, 16)
        self.blocks, self.head = nn.TransformerEncoderLayer(16, 2, 32), nn.Linear(16, 5)

    def forward(self, ids: Any) -> Any:
        n = ids.shape[1]
        hidden = self.words(ids) + self.places(paddle.arange(n))
        mask = paddle.triu(paddle.full([n, n], -1e4), 1)
        return self.head(self.blocks(hidden, mask)).mean(1)


@pytest.mark.parametrize("name", ["paddle", "onnx", "torchscript"])
@pytest.mark.parametrize("net", [Reader, lambda: nn.Sequential(nn.Embedding(20, 4), nn.GRU(4, 5, 2))],
                         ids=["transformer", "gru"])
def test_a_length_stays_free(net: Any, name: str, tmp_path: Path) -> None:
    if name == "torchscript":
        pytest.importorskip("torch", reason="an extra: pip install 'prunelab[torchscript]'")
    model = net()
    given = "ids" if isinstance(model, Reader) else "input"
    out = pl.export(model, tmp_path / "out", (name,), inputs=ids(2, 6), lengths={given: 1}, timing=None)
    jsonschema.validate(out.manifest, SCHEMA)
    told = out.manifest["formats"][name]
    assert told["inputs"][0]["shape"] == [None, None]
    assert set(told["parity"]["by_length"]) == {"3", "13"}
    assert told["batch"]["free"]
    run = FORMATS[name].load(out.files[name], told["setting"], 1)
    model.eval()
    x = ids(5, 21)
    reference = [t.numpy() for t in paddle.utils.flatten(model(x))]
    for ours, theirs in zip(run({given: x.numpy()}), reference, strict=True):
        assert abs(ours - theirs).max() < 1e-4


def test_a_smaller_model_of_its_own_class_keeps_its_free_length(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(20, 8), nn.GRU(8, 6))
    small = pl.compact(model, pl.propose(pl.trace(model, ids(1, 6)), sparsity=0.5))
    assert not isinstance(small, pl.GraphLayer)
    out = pl.export(small, tmp_path / "out", ("onnx",), inputs=ids(1, 6), lengths={"input": 1}, timing=None)
    assert out.parity["onnx"] <= 1e-4


@pytest.mark.parametrize("name", ["paddle", "onnx", "torchscript", "openvino", "tensorflow", "safetensors"])
def test_a_graph_layer_is_read_at_other_lengths_of_the_dense_model(name: str, tmp_path: Path) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name], reason=f"an extra: pip install 'prunelab[{name}]'")
    model = Reader()
    plan = pl.propose(pl.trace(model, ids(1, 6)), sparsity=0.5)
    small = pl.compact(model, plan, form="graph")
    assert isinstance(pl.compact(model, plan), pl.GraphLayer)  # heads are cut, and Paddle's attention spells them
    with paddle.no_grad():  # trained meanwhile
        small.head.bias.set_value(small.head.bias + 1)
    out = pl.export(small, tmp_path / "out", (name,), inputs=ids(1, 6), lengths={"ids": 1}, timing=None, dense=model,
                    plan=plan)
    assert out.manifest["formats"][name]["parity"]["by_length"].keys() == {"3", "13"}
    if name != "safetensors":
        run = FORMATS[name].load(out.files[name], out.manifest["formats"][name]["setting"], 1)
        x = ids(5, 21)
        model.eval()
        with pl.mask(model, plan):
            masked = model(x).numpy() + 1
        assert abs(run({"ids": x.numpy()})[0] - masked).max() < 1e-4
    assert pl.compact(model, plan)(ids(2, 6)).shape == [2, 5]  # at the length that it was read with first


class Mixed(nn.Layer):
    """What follows the length in other ways: a convolution, a recurrent net's several results, parts of an axis, a
    mean that divides by the length, positions that are counted, a reshape that joins batch and length."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.conv, self.norm = nn.Embedding(20, 8), nn.Conv1D(8, 8, 3, padding=1), nn.BatchNorm1D(8)
        self.lstm, self.gate, self.head = nn.LSTM(8, 6, direction="bidirect"), nn.Linear(12, 16), nn.Linear(8, 5)

    def forward(self, ids: Any, weights: Any) -> Any:
        n = ids.shape[1]
        hidden = self.norm(self.conv(self.words(ids).transpose([0, 2, 1]))).transpose([0, 2, 1])
        hidden, (last, _) = self.lstm(hidden * weights.unsqueeze(-1))
        a, b = self.gate(hidden.reshape([-1, 12])).chunk(2, -1)
        joined = (a * nn.functional.sigmoid(b)).reshape([-1, n, 8]) + paddle.arange(n).astype("float32").unsqueeze(-1)
        sums = paddle.concat([joined[:, :1], joined[:, 1:] - joined[:, :-1]], 1).cumsum(1)
        return self.head(sums.sum(1) / n), last.transpose([1, 0, 2]), sums.flip(1)


@pytest.mark.parametrize("name", ["paddle", "onnx", "torchscript", "tensorflow", "tflite"])
def test_a_graph_layer_follows_the_length_in_many_ways(name: str, tmp_path: Path) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name], reason=f"an extra: pip install 'prunelab[{name}]'")

    def given(n: int, length: int) -> list[Any]:
        return [ids(n, length), paddle.rand([n, length])]

    model = Mixed()
    plan = pl.propose(pl.trace(model, given(1, 6)), sparsity=0.4)
    small = pl.compact(model, plan, form="graph")
    out = pl.export(small, tmp_path / "out", (name,), inputs=given(1, 6), lengths={"ids": 1, "weights": 1}, timing=None,
                    dense=model, plan=plan)
    assert [i["shape"] for i in out.manifest["formats"][name]["inputs"]] == [[None, None]] * 2
    run = FORMATS[name].load(out.files[name], out.manifest["formats"][name]["setting"], 1)
    model.eval()
    inputs = given(3, 17)
    with pl.mask(model, plan):
        expected = [t.numpy() for t in paddle.utils.flatten(model(*inputs))]
    found = run(dict(zip(("ids", "weights"), (t.numpy() for t in inputs), strict=True)))
    for ours, theirs in zip(found, expected, strict=True):
        assert abs(ours - theirs).max() < 1e-4 * max(1.0, abs(theirs).max())


@pytest.mark.parametrize("name", ["onnx", "torchscript", "tensorflow"])
def test_a_length_that_divides_is_a_number_of_the_type_that_it_divides(name: str, tmp_path: Path) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name], reason=f"an extra: pip install 'prunelab[{name}]'")

    class Mean(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 4)

        def forward(self, x: Any) -> Any:
            return self.linear(x).sum(1) / x.shape[1]

    out = pl.export(Mean(), tmp_path / "out", (name,), inputs=(2, 5, 3), lengths={"x": 1}, timing=None)
    assert set(out.manifest["formats"][name]["parity"]["by_length"]) == {"2", "11"}


@pytest.mark.parametrize("name", ["onnx", "torchscript"])
def test_a_window_is_no_longer_than_what_a_file_is_tried_on(name: str, tmp_path: Path) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name], reason=f"an extra: pip install 'prunelab[{name}]'")
    model = nn.Sequential(nn.Conv1D(3, 4, 5), nn.ReLU())
    out = pl.export(model, tmp_path / "out", (name,), inputs=(2, 3, 12), lengths={"input": 2}, timing=None)
    assert set(out.manifest["formats"][name]["parity"]["by_length"]) == {"6", "25"}


def test_what_takes_no_computed_size_is_named_by_paddle(tmp_path: Path) -> None:
    class Longer(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv1D(3, 6, 3, padding=1), nn.Conv1D(6, 4, 1)

        def forward(self, x: Any) -> Any:
            return self.last(nn.functional.interpolate(self.first(x), [2 * x.shape[2]], mode="linear",
                                                       data_format="NCW"))

    model = Longer()
    plan = pl.propose(pl.trace(model, (1, 3, 8)), sparsity=0.5)
    with pytest.raises(errors.ExportError, match=r"program: Paddle's operator linear_interp .* takes no size"):
        pl.export(pl.compact(model, plan, form="graph"), tmp_path / "out", ("paddle",), inputs=(1, 3, 8), dense=model,
                  plan=plan, lengths={"x": 2}, timing=None)
    assert not list(tmp_path.iterdir())


def test_a_graph_layer_alone_has_the_length_that_it_was_traced_with(tmp_path: Path) -> None:
    model = Reader()
    plan = pl.propose(pl.trace(model, ids(1, 6)), sparsity=0.5)
    small = pl.compact(model, plan, form="graph")
    with pytest.raises(errors.ExportError, match=r"is a GraphLayer, .* give the model .*: dense=model, plan=plan"):
        pl.export(small, tmp_path / "out", ("onnx",), inputs=ids(1, 6), lengths={"ids": 1}, timing=None)
    assert not list(tmp_path.iterdir())


def test_what_a_length_changes_otherwise_is_refused(tmp_path: Path) -> None:
    class Pooled(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1D(3, 4, 3, stride=2)

        def forward(self, x: Any) -> Any:
            return nn.functional.adaptive_avg_pool1d(self.conv(x), 2)

    with pytest.raises(errors.ExportError, match="length"):
        pl.export(Pooled(), tmp_path / "out", ("onnx",), inputs=(1, 3, 9), lengths={"x": 2}, timing=None)
    with pytest.raises(errors.ExportError, match="one length; leave lengths out"):
        pl.export(Reader(), tmp_path / "out", ("python",), inputs=ids(1, 6), lengths={"ids": 1}, timing=None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("lengths", "error", "message"), [
    ({"idss": 1}, errors.UnknownNameError, "did you mean 'ids'"),
    ({"ids": 0}, errors.InputError, "gives axis 0 of 'ids'.* not that of the batch"),
    ({"ids": 7}, errors.InputError, "gives axis 7"),
])
def test_lengths_are_checked(lengths: dict[str, int], error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        pl.export(Reader(), tmp_path / "out", ("onnx",), inputs=ids(1, 6), lengths=lengths)


def test_without_lengths_they_are_what_was_given(tmp_path: Path) -> None:
    out = pl.export(conv_net(), tmp_path / "out", ("onnx",), inputs=(1, 3, 9, 9), timing=None)
    assert out.manifest["formats"]["onnx"]["parity"]["by_length"] == {}


@given(a=st.integers(-3, 3), b=st.integers(-3, 3), c=st.integers(0, 3), d=st.integers(0, 3), n=st.integers(1, 9))
def test_a_size_is_found_from_three_lengths(a: int, b: int, c: int, d: int, n: int) -> None:
    def at(length: int) -> Any:
        more = a + b * length
        each = c + d * length
        return Size({("batch",): each, **({(): more} if more else {})}) if each else more

    found = along_length((4, 5, 7), (at(4), at(5), at(7)))
    lengths = {"batch": 3, "length": n}
    assert (found.at(lengths) if isinstance(found, Size) else found) == 3 * (c + d * n) + a + b * n


def test_what_is_not_linear_is_none() -> None:
    assert along_length((4, 5, 7), (16, 25, 49)) is None
    assert along_length((4, 5, 7), (2, 2, 3)) is None


@pytest.mark.slow  # both models at five lengths; make test has the same without a Lab
def test_a_lab_exports_its_graph_layer_at_any_length(tmp_path: Path) -> None:
    lab = pl.Lab(Reader(), inputs=ids(2, 6))
    lab.step(by="params", ratio=0.5)
    assert isinstance(lab.compact(), pl.GraphLayer)
    out = lab.export(tmp_path / "out", ("onnx",), lengths={"ids": 1}, timing=None)
    assert set(out.manifest["formats"]["onnx"]["parity"]["by_length"]) == {"3", "13"}
    assert out.manifest["model"] == "Reader"


def test_positions_that_are_counted_are_no_obstacle_to_eight_bits(tmp_path: Path) -> None:
    """A range up to the length is what ONNX Runtime's shape inference does not know."""
    for package in ("ml_dtypes", "sympy"):
        pytest.importorskip(package, reason="an extra: pip install 'prunelab[int8]'")

    class Counted(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places, self.head = nn.Embedding(20, 8), nn.Embedding(64, 8), nn.Linear(8, 3)

        def forward(self, ids: Any) -> Any:
            return self.head(self.words(ids) + self.places(paddle.arange(ids.shape[1])))

    out = pl.export(Counted(), tmp_path / "out", ("onnx-int8",), inputs=ids(2, 6), lengths={"ids": 1}, timing=None,
                    data=[ids(8, 6)], verify=False)
    run = FORMATS["onnx-int8"].load(out.files["onnx-int8"], {}, 1)
    assert run({"ids": ids(2, 11).numpy()})[0].shape == (2, 11, 3)
