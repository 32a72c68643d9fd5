"""`%%prune`: a recipe in a cell, in a real IPython."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import paddle
import pytest
from notebook_shell import Notebook

import prunelab as pl
from prunelab.lab.randomness import seed_all

CELL = """%%prune
seed = 5
model = {source = "net"}
data = {train = "digits", val = "val_digits"}
steps = [{layer = "conv1", ratio = "much", finetune = 1}]
schedule = {name = "linear", to = 0.5, by = "macs", steps = 2}
"""


def history(lab: pl.Lab) -> list[Any]:
    weights = {name: t.numpy().tobytes() for name, t in lab.model.state_dict().items()}
    return [[(s.id, s.parent, s.action, dict(s.metrics), s.cost, s.seed) for s in lab.states], weights]


@pytest.fixture
def book(fresh: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    monkeypatch.chdir(tmp_path)
    fresh.run("much = 0.25")
    return fresh


def test_the_cell_the_recipe_and_python_give_the_same_bits(book: Notebook) -> None:
    lab = book.run(CELL)
    assert book.run("%prune status").state is lab.state
    seed_all(5)
    by_hand = pl.Lab(book["net"], train=book["digits"], val=book["val_digits"], seed=5)
    by_hand.step("conv1", ratio=0.25, finetune=1)
    by_hand.run("linear", to=0.5, by="macs", steps=2)
    assert history(lab) == history(by_hand)
    again = pl.run_recipe(CELL.partition("\n")[2], variables=book.shell.user_ns)
    assert history(again) == history(by_hand)
    script = book.run(CELL.replace("%%prune", "%%prune --explain"))
    book.run(f"{script}\nby_script = lab")
    assert history(book["by_script"]) == history(by_hand)


NET = """
import numpy as np
from paddle import nn

def net():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.Dropout(0.1), nn.Linear(8, 3))

def data(n=32):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n)
    return rng.normal(labels[:, None], 0.5, (n, 6)).astype("float32"), labels
"""
FILE = """seed = 5
model = {source = "net.py:net"}
data = {train = "net.py:data", val = "net.py:data"}
finetune = {epochs = 1}
steps = [{layer = "0", ratio = 0.25}]
schedule = {name = "linear", to = 0.5, by = "params", steps = 2}
"""


def test_one_recipe_in_a_cell_in_python_and_in_another_process_gives_the_same_bits(book: Notebook) -> None:
    Path("net.py").write_text(NET)
    Path("run.toml").write_text(FILE)
    done = subprocess.run([sys.executable, "-m", "prunelab.cli", "run", "run.toml", "--workspace", "w"], text=True,
                          capture_output=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(Path(pl.__file__).parent.parent)})
    assert (done.returncode, done.stderr) == (0, "")
    paddle.seed(99)  # what happens to stand before a recipe changes nothing
    by_cell = history(book.run(f"%%prune\n{FILE}"))
    assert history(pl.run_recipe("run.toml")) == by_cell
    kept = pl.run_recipe("run.toml", workspace="w")  # nothing is left to do
    assert history(kept) == by_cell
    kept.close()


WRONG = [
    ("layer = ", "leyer = ", r"RecipeError: line 5, column 11 of the cell: unknown key 'leyer' in \[steps\]; did"),
    ('"conv1"', '"conv9"', r"RecipeError: line 5, column 11 of the cell: unknown layer 'conv9' in Small; did you mean"),
    ('"net"', '"nett"', r"RecipeError: line 3, column 10 of the cell: unknown variable 'nett' in source"),
    ('"much"', '"mach"', r"RecipeError: line 5, column 28 of the cell: ratio is 'mach'; it is the fraction removed"),
    ("seed = 5", "seed = ", r"RecipeError: line 2, column 8 of the cell: this is no TOML: Invalid value"),
    ("%%prune", "%%prune step", r"OptionError: %%prune does not know what to do with 'step'; a recipe stands below it"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG, ids=[w[1] for w in WRONG])
def test_a_mistake_is_one_line_that_points_at_the_cells_line(old: str, new: str, message: str, book: Notebook) -> None:
    shown = book.shown(CELL.replace(old, new))
    assert len(shown) == 1, "\n".join(shown)
    assert re.match(message, shown[0]), shown[0]


def test_check_and_help_do_nothing(book: Notebook) -> None:
    assert book.shown(CELL.replace("%%prune", "%%prune --check")) == ["the recipe is fine"]
    told = book.shown(CELL.replace("%%prune", "%%prune -h"))
    assert told[0] == "usage: %%prune [--check | --explain]"
    assert book.shown("%prune")[0].startswith("no Lab is open")


def test_an_interrupted_cell_leaves_the_lab_and_goes_on(book: Notebook) -> None:
    cell = CELL.replace("seed = 5", 'seed = 5\nworkspace = "run"')
    whole = history(book.run(CELL))
    from prunelab.lab.options import Task

    plain, n = Task.evaluate, []

    def stop_at_third(task: Task, on_batch: Any = None) -> Any:
        n.append(1)
        if len(n) == 3:
            raise KeyboardInterrupt
        return plain(task, on_batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "evaluate", stop_at_third)
        shown = book.shown(cell)
    assert shown == ["Stopped: %%prune was interrupted; lab is at s1, its last recorded state"]
    assert history(book.run(cell)) == whole
    assert Path("run", "recipe.toml").read_text().startswith("seed = 5")


# a cell up to the cursor, and the words that complete it (all of them, or some)
COMPLETED = [
    ("%%prune --e", ["%%prune --explain"], True),
    ("%%prune\nsee", ["%%prune\nseed"], True),
    ("%%prune\nsch", ["%%prune\nschedule"], True),
    ("%%prune\n[sea", ["%%prune\n[search"], True),
    ("%%prune\n[[ste", ["%%prune\n[[steps"], True),
    ("%%prune\n[model]\nsou", ["%%prune\n[model]\nsource"], True),
    ("%%prune\n[model]\nsource = ", ['%%prune\n[model]\nsource = "net"'], True),
    ("%%prune\n[model]\nsource = \"n", ["%%prune\n[model]\nsource = \"net"], True),
    ("%%prune\n[data]\ntrain = 'd", ["%%prune\n[data]\ntrain = 'digits"], True),
    ("%%prune\n[data]\nmetrics = [\"accuracy\", \"los", ["%%prune\n[data]\nmetrics = [\"accuracy\", \"loss"], True),
    ("%%prune\n[schedule]\nname = \"cu", ["%%prune\n[schedule]\nname = \"cubic"], True),
    ("%%prune\n[schedule]\nname = \"cubic\"\nscope = \"gl", ["global"], False),
    ("%%prune\nschedule = {name = \"cubic\", st", ["%%prune\nschedule = {name = \"cubic\", steps"], True),
    ("%%prune\nsteps = [{layer = \"con", ["conv1", "conv2"], False),
    ("%%prune\nsteps = [{layer = \"conv1\", rat", ["%%prune\nsteps = [{layer = \"conv1\", ratio",
                                                  "%%prune\nsteps = [{layer = \"conv1\", ratios"], True),
    ("%%prune\n[export]\nformats = [\"onnx-i", ["onnx-int8"], False),
]


@pytest.mark.parametrize(("cell", "words", "whole"), COMPLETED, ids=[c[0] for c in COMPLETED])
def test_a_recipe_completes_in_its_cell(cell: str, words: list[str], whole: bool, opened: Notebook) -> None:
    found = opened.complete(cell)
    if whole:
        assert sorted(found) == sorted(words)
    else:
        assert all(any(line.endswith(word) for line in found) for word in words), found
