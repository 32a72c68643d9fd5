"""Files are judged on data, and a folder is verified again without the model."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import paddle
import pytest
from export_nets import BRIEFLY, SCHEMA, Then, conv_net
from paddle import nn
from paddle.nn import functional
from safetensors.numpy import load_file, save_file

import prunelab as pl
from prunelab import errors
from prunelab.export import FORMATS, verify_export
from prunelab.export.judge import same_class
from prunelab.export.memory import peak_bytes


def data(n: int = 10, batch: int = 4) -> list[tuple[object, object]]:
    paddle.seed(3)
    x, y = paddle.randn([n, 3, 8, 8]), paddle.randint(0, 5, [n])
    return [(x[k: k + batch], y[k: k + batch]) for k in range(0, n, batch)]


def test_files_are_judged_on_validation_data(tmp_path: Path) -> None:
    model = conv_net()
    out = pl.export(model, tmp_path / "out", inputs=(1, 3, 8, 8), data=data(), metrics=("accuracy", "loss"),
                    timing=BRIEFLY)
    jsonschema.validate(out.manifest, SCHEMA)
    expected = pl.evaluate(model, data(), ("accuracy", "loss"))
    for told in out.manifest["formats"].values():
        found = told["validation"]
        assert (found["n_samples"], found["n_left_out"], found["same_class"]) == (10, 0, 1)
        assert found["max_relative_error"] <= 1e-4
        for name, value in expected.items():
            assert found["metrics"][name]["model"] == pytest.approx(value)
            assert found["metrics"][name]["file"] == pytest.approx(value, rel=1e-4)
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "| onnx | 10 | 100.00 % |" in card or "| onnx | 10 | 100.00% |" in card


def test_batches_that_do_not_fit_a_fixed_one_are_left_out(tmp_path: Path) -> None:
    class Fixed(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, x):  # type: ignore[no-untyped-def]
            return self.linear(x.reshape([2, 4]))

    x, y = paddle.randn([5, 4]), paddle.zeros([5], "int64")
    batches = [(x[:2], y[:2]), (x[2:4], y[2:4]), (x[4:], y[4:])]
    out = pl.export(Fixed(), tmp_path / "out", ("onnx",), inputs=(2, 4), data=batches[:2], timing=None)
    assert out.manifest["formats"]["onnx"]["validation"]["n_samples"] == 4
    assert out.manifest["formats"]["onnx"]["batch"] == {
        "free": False, "size": 2, "reason": out.manifest["formats"]["onnx"]["batch"]["reason"]}


def test_a_metric_nobody_knows_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(errors.UnknownNameError, match="unknown metric 'acuracy'"):
        pl.export(conv_net(), tmp_path / "out", ("onnx",), inputs=(1, 3, 8, 8), data=data(), metrics=("acuracy",))
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "out"
    model = conv_net()
    plan = pl.propose(pl.trace(model, (1, 3, 8, 8)), sparsity=0.5)
    pl.export(pl.compact(model, plan), folder, ("paddle", "onnx", "safetensors", "python"), plan=plan, dense=model,
              timing=BRIEFLY)
    return folder


def copied(folder: Path, to: Path) -> Path:
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def test_a_folder_is_verified_without_the_model(exported: Path, tmp_path: Path) -> None:
    found = verify_export(exported, timing=BRIEFLY)
    assert found.ok, found
    assert list(found.formats) == ["paddle", "onnx", "safetensors", "python"]
    for name in ("paddle", "onnx", "python"):
        assert found.formats[name].error is not None
        assert found.formats[name].timing is not None
    assert found.formats["safetensors"].skipped
    assert "as exported" in repr(found)
    assert not found.changed_versions


def test_damage_and_other_numbers_are_found(exported: Path, tmp_path: Path) -> None:
    folder = copied(exported, tmp_path)
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)
    found = verify_export(folder)
    assert not found.ok
    assert found.damaged == ("model.onnx",)
    assert "damaged" in repr(found)

    arrays = load_file(str(exported / "examples.safetensors"))
    save_file({k: a * 1.01 if "output" in k else a for k, a in arrays.items()}, str(folder / "examples.safetensors"))
    found = verify_export(folder)
    assert "computes something else" in found.formats["paddle"].trouble


def test_what_is_no_export_is_told(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.ExportError, match="holds no export"):
        verify_export(tmp_path / "nowhere")
    told = json.loads((exported / "manifest.json").read_text(encoding="utf-8"))
    (tmp_path / "manifest.json").write_text(json.dumps({**told, "version": 9}), encoding="utf-8")
    with pytest.raises(errors.ExportError, match="version 9"):
        verify_export(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"a": 1}), encoding="utf-8")
    with pytest.raises(errors.ExportError, match="not of prunelab"):
        verify_export(tmp_path)


def test_the_card_says_what_is_in_the_folder(exported: Path) -> None:
    card = (exported / "MODEL_CARD.md").read_text(encoding="utf-8")
    told = json.loads((exported / "manifest.json").read_text(encoding="utf-8"))
    for file in told["files"]:
        if file["format"]:
            assert f"`{file['path']}`" in card
    for heading in ("How it was pruned", "Inputs", "Files", "Use", "Verify"):
        assert f"## {heading}" in card
    assert told["commands"][0] in card
    assert "dense beside" in card


def test_the_same_class() -> None:
    a, b = np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([[0.2, 0.7], [0.3, 0.6]])
    assert same_class([a], [b]) == 0.5
    assert same_class([a[:, :1]], [b[:, :1]]) is None
    assert same_class([np.array([1.0])], [np.array([1.0])]) is None


def test_peak_memory_is_what_work_adds() -> None:
    def work() -> int:
        return int(np.ones(32 << 20, np.uint8).sum())

    result, peak = peak_bytes(work)
    assert result == 32 << 20
    assert peak is None or 30 << 20 < peak < 80 << 20


def test_the_peak_is_in_the_manifest(exported: Path) -> None:
    told = json.loads((exported / "manifest.json").read_text(encoding="utf-8"))
    for name in FORMATS.keys() & told["formats"].keys():
        assert told["formats"][name]["peak_bytes"] is None or told["formats"][name]["peak_bytes"] >= 0


def test_a_model_without_classes_has_none(tmp_path: Path) -> None:
    out = pl.export(Then(lambda y: functional.relu(y).sum(-1)), tmp_path / "out", ("onnx",), inputs=(1, 16),
                    timing=None)
    assert out.manifest["formats"]["onnx"]["same_class"] is None


@pytest.mark.parametrize(("given", "kind", "card"), [
    ({}, "random", "holds random inputs and the model's outputs on them"),
    ({"data": data()}, "data", "**`examples.safetensors` holds samples of the data"),
    ({"inputs": np.zeros((2, 3, 8, 8), np.float32)}, "given", "**`examples.safetensors` holds the example inputs"),
    ({"data": data(), "examples": False}, "none", "No examples were kept"),
])
def test_the_card_says_whether_samples_of_the_data_lie_beside(given: dict[str, object], kind: str, card: str,
                                                              tmp_path: Path) -> None:
    folder = tmp_path / "out"
    out = pl.export(conv_net(), folder, ("onnx",), **{"inputs": (1, 3, 8, 8), "timing": None, **given})
    jsonschema.validate(out.manifest, SCHEMA)
    assert out.manifest["options"]["examples"] == kind
    assert ("examples=False leaves it out" in repr(out)) == (kind in ("given", "data"))
    assert card in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert (folder / "examples.safetensors").is_file() == (kind != "none")
    found = verify_export(folder)
    assert found.ok
    assert (found.formats["onnx"].error is None) == (kind == "none")
    if kind == "none":
        assert "left out (examples=False)" in repr(found)
        (folder / "model.onnx").write_bytes(b"")
        assert not verify_export(folder).ok


def test_examples_are_a_switch(tmp_path: Path) -> None:
    with pytest.raises(errors.OptionError, match="examples is 'no'; give True or False"):
        pl.export(conv_net(), tmp_path / "out", ("onnx",), inputs=(1, 3, 8, 8), examples="no")
    assert list(tmp_path.iterdir()) == []
