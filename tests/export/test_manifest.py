"""What an export tells: the manifest and its schema, the dense model beside, times."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import paddle
import pytest
from export_nets import BRIEFLY, DEFAULTS, SCHEMA, Then, conv_net, entries, rms_norm
from paddle import nn

import prunelab as pl
from prunelab.export.paddle import PaddleInference


def test_the_dense_model_is_measured_beside_and_everything_is_in_the_manifest(tmp_path: Path) -> None:
    dense = conv_net(width=64)
    graph = pl.trace(dense, (2, 3, 12, 12))
    plan = pl.propose(graph, sparsity=0.7)
    target = tmp_path / "new" / "out"
    out = pl.export(pl.compact(dense, plan), target, plan=plan, dense=dense, timing=BRIEFLY)

    assert entries(target) == ["MODEL_CARD.md", "examples.safetensors", "manifest.json", "model.json", "model.onnx",
                               "model.pdiparams", "plan.json", "report.html"]
    assert entries(tmp_path / "new")[0] == "out"
    told = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    assert told == out.manifest
    page = (target / "report.html").read_text(encoding="utf-8")
    assert 'src="http' not in page
    for shown in ("It was pruned from", "paddle", "onnx", "prunelab verify . --time", *(
            f"{g.units - g.n_removed} of {g.units} {g.granularity}s left" for g in plan.groups if g.n_removed)):
        assert shown in page
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(told, SCHEMA)
    for file in told["files"]:
        content = (target / file["path"]).read_bytes()
        assert (file["size_bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert {file["path"] for file in told["files"]} == set(entries(target)) - {"manifest.json"}
    assert pl.Plan.load(target / told["plan"]) == plan
    for name in DEFAULTS:
        assert out.size_bytes[name] == sum(path.stat().st_size for path in out.files[name]) < out.dense_size_bytes[name]
        assert told["formats"][name]["latency"]["median_ms"] == out.latency_ms[name] > 0
        assert told["formats"][name]["dense"]["latency"]["median_ms"] == out.dense_latency_ms[name] > 0
        assert told["formats"][name]["latency"]["batch"] == 1

    rows = repr(out).splitlines()
    assert rows[0] == f"Sequential exported to {target}"
    assert rows[1].split() == "format size dense change latency dense change max rel. error files".split()
    assert [row.split()[0] for row in rows[3:]] == list(DEFAULTS)
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


def test_without_verifying_nothing_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PaddleInference, "load", lambda *_: pytest.fail("it was loaded"))
    out = pl.export(conv_net(), tmp_path / "out", ("paddle",), inputs=(1, 3, 9, 9), verify=False, dense=conv_net())
    assert (out.parity, out.latency_ms, out.dense_latency_ms) == ({}, {}, {})
    assert abs(out.dense_size_bytes["paddle"] - out.size_bytes["paddle"]) < 99  # names of parameters count up
    assert "–" in repr(out)
    jsonschema.validate(out.manifest, SCHEMA)


def test_a_dense_model_that_a_format_cannot_hold_does_not_spoil_the_export(small: nn.Layer, tmp_path: Path) -> None:
    out = pl.export(small, tmp_path / "out", ("onnx",), inputs=(1, 16), dense=Then(paddle.i0), timing=BRIEFLY)
    assert (out.dense_size_bytes, out.dense_latency_ms) == ({}, {})
    assert "the dense model was not measured: the ONNX table has no words for the operator i0" in repr(out)
    jsonschema.validate(out.manifest, SCHEMA)


def test_files_are_timed_with_as_many_samples_as_asked(tmp_path: Path) -> None:
    out = pl.export(conv_net(), tmp_path / "out", formats=("paddle",), inputs=(1, 3, 8, 8), timing=BRIEFLY, batch=7)
    assert out.manifest["formats"]["paddle"]["latency"]["batch"] == 7
