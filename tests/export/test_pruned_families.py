"""Every family of ``paddle.vision.models``, pruned by half, in every format that this environment can write."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import paddle
import pytest
from paddle import nn
from test_families import FAMILIES

import prunelab as pl
from prunelab.export import FORMATS
from prunelab.testing import laws

EXTRAS = {"torchscript": "torch", "openvino": "openvino", "tensorflow": "tensorflow", "tflite": "tensorflow"}
HERE = [name for name in FORMATS if name not in EXTRAS or importlib.util.find_spec(EXTRAS[name]) is not None]


def first(outputs: Any) -> Any:
    """The scores: GoogLeNet gives those of its two other heads, too."""
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs


def export_half(name: str, size: int, formats: list[str], folder: Path, **options: Any) -> None:
    paddle.seed(0)
    model = laws.stir(getattr(paddle.vision.models, name)())
    shape = (1 if name == "LeNet" else 3, size, size)
    plan = pl.propose(pl.trace(model, (1, *shape)), sparsity=0.5)
    assert plan.cost.params < 0.6 * plan.dense_cost.params
    data = [(paddle.randn([4, *shape]), paddle.zeros([4], "int64"))]
    small = pl.compact(model, plan, **options)
    out = pl.export(small, folder / "out", formats, inputs=(1, *shape), data=data, plan=plan, timing=None,
                    metrics=("loss",), loss=lambda y, label: nn.functional.cross_entropy(first(y), label))
    assert set(out.parity) == set(formats)
    assert all(told["batch"]["free"] for told in out.manifest["formats"].values())
    assert pl.verify_export(folder / "out").ok


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_pruned_family_is_exported_in_every_format(family: str, tmp_path: Path) -> None:
    export_half(*FAMILIES[family], HERE, tmp_path)


def test_a_pruned_graph_layer_is_exported(tmp_path: Path) -> None:
    export_half("LeNet", 28, ["paddle", "onnx", "onnx-fp16", "safetensors", "python"], tmp_path, form="graph")
