"""`%prune code`, `report` and `watch`: what is taken away from a session, and looking on at another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from notebook_shell import Notebook

import prunelab as pl


def history(lab: pl.Lab) -> list[Any]:
    weights = {name: t.numpy().tobytes() for name, t in lab.model.state_dict().items()}
    return [[(s.action, dict(s.metrics), s.cost, s.seed) for s in lab.path()], weights]


@pytest.fixture
def stepped(opened: Notebook) -> Notebook:
    """A way of three states, and one beside it."""
    opened.run("%prune step conv1 --ratio 0.25 --finetune 1")
    opened.run("%prune step conv2 --ratio 0.5 --repair")
    opened.run("%prune back")
    opened.run("%prune step --by macs --ratio 0.4")
    return opened


def test_the_script_the_recipe_and_the_notebook_repeat_the_session(stepped: Notebook, tmp_path: Path) -> None:
    expected = history(stepped["lab"])
    script = stepped.run("%prune code")
    assert 'lab = pl.Lab(net, train=digits, val=val_digits' in repr(script)
    stepped.run(f"original = lab\n{script}")
    assert history(stepped["lab"]) == expected
    stepped.run("lab = original\n%prune open lab")
    recipe = repr(stepped.run("%prune code --as recipe"))
    assert history(stepped.run(f"%%prune\n{recipe}")) == expected
    stepped.run("%prune open original")
    written = stepped.run("%prune code again.ipynb")
    assert repr(written) == "the notebook is in again.ipynb"
    notebook = nbformat.read(tmp_path / "again.ipynb", as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        stepped.run(cell.source)
    assert history(stepped["lab"]) == expected
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.ipynb"]


def test_what_has_no_name_stands_for_itself(fresh: Notebook) -> None:
    fresh.run("lab = pl.Lab(Small(), val=(digits[0][:8], digits[1][:8]), criterion='random')\nlab.step('conv1')")
    shown = repr(fresh.run("%prune code"))
    assert "lab = pl.Lab(net, val=val, " in shown
    assert 'lab.step("conv1", ratio=0.3, criterion="random", finetune=0)' in shown
    fresh.run("del net\nlab = %prune open paddle.vision.models:mobilenet_v1 --inputs 1,3,32,32")
    assert 'model = pl.load_model("paddle.vision.models:mobilenet_v1")' in repr(fresh.run("%prune code"))


def test_a_report_is_written_and_named(stepped: Notebook, tmp_path: Path) -> None:
    path = stepped.run("%prune report run.md --title Digits")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Digits\n")
    assert 'train = "digits"' in text
    assert [p.name for p in tmp_path.iterdir()] == ["run.md"]


def test_another_process_is_watched(fresh: Notebook, tmp_path: Path) -> None:
    fresh.run(f"lab = pl.Lab(net, val=val_digits, workspace={str(tmp_path / 'w')!r})\nlab.step('conv1')")
    fresh.run(f"seen = %prune watch {tmp_path / 'w'}")
    assert "Small: s1 conv1 30 %, 2 states in " in repr(fresh["seen"])
    assert "<svg" in fresh["seen"]._repr_html_()
    fresh.run("lab.step('conv2')")
    assert fresh["seen"].state.id == "s2"
    fresh.run("seen.close(); lab.close()")


def test_a_notebook_has_a_cell_a_step(stepped: Notebook) -> None:
    cells = [cell["source"] for cell in json.loads(stepped.run("%prune code --as notebook").text)["cells"]]
    assert cells[0] == "%load_ext prunelab"
    assert [cell.partition("(")[0] for cell in cells[2:]] == ["lab.step", "lab.step", "%prune status"]
