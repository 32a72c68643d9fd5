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


def test_the_recipe_runs_and_its_report_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = re.search(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    (tmp_path / "digits.toml").write_text(found[1], encoding="utf-8")
    lab = pl.run_recipe("digits.toml")
    assert lab.state.cost.macs <= 0.4 * lab.states[0].cost.macs
    assert (tmp_path / "digits-pruned" / "model.onnx").is_file()
    assert "was cut from" in (tmp_path / "digits.html").read_text(encoding="utf-8")
