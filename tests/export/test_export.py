"""What is written computes what the model computes, or nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnxruntime
import paddle
import pytest
from export_nets import BRIEFLY, DEFAULTS, SCHEMA, Then, Two, Words, conv_net, entries, ids, rms_norm
from paddle import nn
from paddle.nn import functional

import prunelab as pl
from prunelab import errors
from prunelab.export import TOLERANCE
from prunelab.export.onnx import TABLE
from prunelab.export.paddle import PaddleInference

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

    assert list(out.files) == list(DEFAULTS)
    assert all(0 <= error <= TOLERANCE for error in out.parity.values())
    assert all(out.manifest["formats"][f]["batch"]["free"] for f in DEFAULTS)
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


def test_a_conversion_that_is_silently_wrong_is_an_error_and_leaves_nothing(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # paddle2onnx, which steps in where the table has no words, forgets the slope of a leaky ReLU: the paddle files that
    # were already written must go too
    monkeypatch.delitem(TABLE, "leaky_relu")
    model = Then(lambda y: functional.leaky_relu(y, 0.4))
    with pytest.raises(errors.ParityError, match=r"the onnx file of Then computes something else: max relative error"):
        pl.export(model, tmp_path / "a" / "b" / "out", inputs=(1, 16))
    assert entries(tmp_path) == []
    assert model.training
    assert "forward" not in vars(model)


@pytest.mark.parametrize(
    ("function", "message"),
    [(paddle.i0, "no words for the operator i0"), (paddle.rand_like, "draws random numbers.* by the operator uniform")],
    ids=["i0", "rand_like"],
)
def test_an_operator_without_words_is_named(function: Callable[[Any], Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(errors.ExportError, match=message) as caught:
        pl.export(Then(function), tmp_path / "out", ("onnx",), inputs=(1, 16))
    assert "\n" not in str(caught.value)
    assert entries(tmp_path) == []


def test_a_layer_that_runs_a_rewritten_graph_is_exported_too(tmp_path: Path) -> None:
    model = nn.TransformerEncoderLayer(16, 4, 32)
    plan = pl.propose(pl.trace(model, (1, 6, 16)), sparsity=0.5)
    small = pl.compact(model, plan, form="graph")
    assert isinstance(small, pl.GraphLayer)
    out = pl.export(small, tmp_path / "out", inputs=(1, 6, 16), timing=None)
    assert all(out.manifest["formats"][f]["batch"]["free"] for f in DEFAULTS), out
    assert max(out.parity.values()) <= TOLERANCE


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
