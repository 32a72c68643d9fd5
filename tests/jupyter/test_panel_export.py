"""The export in the panel: what can be had and what is missing for it, the numbers, the files by a click."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from panel_driving import finish, part

import prunelab.jupyter.panels.downloads as downloads
from prunelab.errors import MissingExtraError
from prunelab.jupyter.panels.export import lacking_html
from prunelab.jupyter.panels.panel import Panel
from prunelab.lab import Lab


@pytest.fixture
def exported(panel: Panel, lab: Lab, tmp_path: Path) -> Any:
    """The part, after an export of the weights alone, which takes no time."""
    lab.step("first", 0.5)
    exporter = part(panel, "Exporter")
    for name, box in exporter._formats.items():
        box.value = name == "safetensors"
    exporter._folder.value = str(tmp_path / "out")
    exporter._go.click()
    finish(panel)
    return exporter


def heard(exporter: Any, monkeypatch: pytest.MonkeyPatch, key: str) -> list[Any]:
    sent: list[Any] = []
    monkeypatch.setattr(exporter.results, "send", lambda content, buffers=(): sent.append((content, list(buffers))))
    exporter.results._handle_custom_msg({"download": key}, [])
    return sent


def test_a_row_a_format_with_the_dense_model_below(exported: Any, tmp_path: Path) -> None:
    (row,) = exported.results.rows
    assert row["name"] == "safetensors"
    (size, below), *_ = row["cells"]
    assert size.endswith("B")
    assert below == "" or below.startswith("−")
    assert exported.results.where == f"written to {tmp_path / 'out'}"
    assert any(file["name"].endswith(".safetensors") for file in row["files"])
    assert "safetensors" in exported.picture()


def test_a_file_comes_in_pieces(exported: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = exported.results.rows[0]["files"][0]
    (path,) = (tmp_path / "out").rglob(file["name"])
    monkeypatch.setattr(downloads, "_PIECE", 1000)
    sent = heard(exported, monkeypatch, file["key"])
    assert [content["piece"] for content, _ in sent] == list(range(sent[0][0]["pieces"]))
    assert len(sent) > 1
    assert b"".join(buffers[0] for _, buffers in sent) == path.read_bytes()


def test_no_other_file_can_be_had(exported: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert heard(exported, monkeypatch, "/etc/passwd") == heard(exported, monkeypatch, "99") == []
    file = exported.results.rows[0]["files"][0]
    (path,) = (tmp_path / "out").rglob(file["name"])
    path.unlink()
    ((content, _),) = heard(exported, monkeypatch, file["key"])
    assert "cannot be read: No such file" in content["failed"]


def test_a_file_that_no_browser_holds_stays_where_it_is(exported: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_MOST", 10)
    ((content, _),) = heard(exported, monkeypatch, exported.results.rows[0]["files"][0]["key"])
    assert "too large for a browser" in content["failed"]


def test_what_is_missing_is_told_in_one_line() -> None:
    packages = {"tflite": "tensorflow", "openvino": "openvino", "tensorflow": "tensorflow"}
    missing = {name: MissingExtraError(package, package) for name, package in packages.items()}
    assert lacking_html(missing) == ("tflite, openvino, tensorflow need more: "
                                     "<code>pip install 'prunelab[openvino,tensorflow]'</code>")
    assert lacking_html({}) == ""
