"""Every line of the `%prune` that was promised, once in a real IPython: what it gives, how it completes, what it
refuses, and that it explains itself."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from notebook_shell import Notebook

from prunelab.jupyter.magics import COMMANDS


class Line(NamedTuple):
    """A line; the type of what it gives; a beginning of it and what completes that; a slip in it and its answer."""

    line: str
    gives: str
    begun: str
    completed: str
    slip: str
    answer: str


LINES = [
    Line("open net --train digits --val val_digits --inputs 1,1,8,8 --loss cross_entropy --metrics accuracy,f1 "
         "--workspace kept --device cpu", "Lab", "open net --train dig", "digits", "open net --trian digits",
         "did you mean '--train'?"),
    Line("status", "Status", "sta", "status", "status now", "does not know what to do with 'now'"),
    Line("layers", "Layers", "lay", "layers", "layesr", "did you mean 'layers'?"),
    Line("graph", "Graph", "gra", "graph", "graph 3", "it takes nothing"),
    Line("history", "DataFrame", "hist", "history", "histroy", "did you mean 'history'?"),
    Line("plan", "Plan", "pl", "plan", "plan p.json", "it takes nothing"),
    Line("env", "Environment", "en", "env", "env --all", "unknown option '--all'"),
    Line("sensitivity conv1 --ratios 0.1:0.9:0.4 --metric accuracy", "Sensitivity", "sensitivity con", "conv1",
         "sensitivity --metric acuracy", "did you mean 'accuracy'?"),
    Line("step conv1 --ratio 0.3 --criterion taylor --repair --finetune 1", "State", "step --criterion tay", "taylor",
         "step conv1 --ratio 3", "a number in [0, 1)"),
    Line("run --to 0.5 --by macs --steps 2 --schedule cubic", "State", "run --schedule cu", "cubic",
         "run --to 0.5 --by mac", "did you mean 'macs'?"),
    Line("back 1", "State", "ba", "back", "back 9", "1 state before s1, and 9 to be gone back"),
    Line("goto s0", "State", "goto s", "s0", "goto s7", "unknown state 's7'"),
    Line("branch wider", "State", "bra", "branch", "branch main", "'main' is the name of a branch"),
    Line("compare s0 s1", "Comparison", "compare s0 s", "s1", "compare s0 s9", "unknown state 's9'"),
    Line("masks conv2", "MaskPicture", "masks conv", "conv2", "masks conv7", "unknown layer 'conv7'"),
    Line("curves accuracy", "Curves", "curves ac", "accuracy", "curves acuracy", "did you mean 'accuracy'?"),
    Line("export out --formats paddle,onnx", "Export", "export out --formats paddle,on", "paddle,onnx",
         "export out --formats onxx", "did you mean 'onnx'?"),
    Line("panel", "Panel", "pan", "panel", "panel now", "unknown part 'now'"),
]


@pytest.fixture
def stepped(opened: Notebook) -> Notebook:
    opened.run("%prune step conv2 --ratio 0.25")
    return opened


@pytest.mark.parametrize("row", LINES, ids=[row.line for row in LINES])
def test_a_promised_line_gives_completes_refuses_and_explains(row: Line, stepped: Notebook) -> None:
    states = stepped["lab"].states
    shown = stepped.shown(f"%prune {row.slip}")
    assert len(shown) == 1
    assert row.answer in shown[0]
    python = stepped.shown(f"%prune {row.line} --explain")
    assert python
    assert "Error" not in python[-1]
    assert stepped["lab"].states == states
    completed = stepped.complete(f"%prune {row.begun}")
    assert any(line.endswith(row.completed) for line in completed), completed
    assert f"usage: %prune {row.line.split()[0]}" in stepped.shown(f"%prune {row.line.split()[0]} -h")[0]
    if row.gives != "Panel":  # which is driven in a browser
        assert type(stepped.run(f"got = %prune {row.line}\ngot")).__name__ == row.gives


def test_no_sub_command_is_without_a_line_of_its_own(stepped: Notebook) -> None:
    told = {row.line.split()[0] for row in LINES} | {"tag", "tree", "code", "watch", "report", "search", "latency"}
    assert set(COMMANDS) <= told


def test_files_and_folders_complete(stepped: Notebook) -> None:
    stepped.run("import pathlib\nfor name in ('run.html', 'run.py', 'notes.txt'): pathlib.Path(name).touch()\n"
                "pathlib.Path('runs').mkdir()")
    assert stepped.complete("%prune report ru") == ["%prune report run.html", "%prune report runs/"]
    assert stepped.complete("%prune code ru") == ["%prune code run.py", "%prune code runs/"]
    assert stepped.complete("%prune watch ru") == ["%prune watch runs/"]
    assert stepped.complete("%prune code --as no") == ["%prune code --as notebook"]
