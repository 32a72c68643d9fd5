"""What the README shows runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import prunelab as pl

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_example_in_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    section = README.read_text(encoding="utf-8").partition("## The same in Python")[2]
    example = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert example
    space: dict[str, object] = {}
    exec(example[1], space)  # noqa: S102
    assert "accuracy" in capsys.readouterr().out
    plan = pl.Plan.load(tmp_path / "plan.json")
    assert plan.cost.macs <= 0.5 * plan.dense_cost.macs
    assert {"model.onnx", "model.json", "plan.json"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert space["lab"].state.id == "s0"
