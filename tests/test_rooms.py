"""Imports go one way between the rooms, only `jupyter` knows Jupyter, and loading prunelab loads next to nothing."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import prunelab

PACKAGE = Path(prunelab.__file__).parent
ROOT = PACKAGE.parent

ORDER = (
    "errors", "render", "graph", "criteria", "plan", "surgery", "evaluate", "train", "data", "text", "search", "export",
    "lab", "auto", "recipe", "cli", "jupyter", "testing",
)  # fmt: skip
# room, imported room, the one function that may: lab.panel() and lab.panels open the door, plan.apply(model) carries a
# plan out, propose(data=...) looks at data, propose(latency=...) at this machine
ALLOWED = {("lab", "jupyter", "panel"), ("lab", "jupyter", "panels"), ("plan", "surgery", "apply"),
           ("plan", "evaluate", "_calibration"), ("plan", "evaluate", "_latency_model")}
JUPYTER_ONLY = {"IPython", "anywidget", "bqplot", "ipykernel", "ipywidgets"}
LATE = ["IPython", "anywidget", "bqplot", "ipywidgets", "optuna", "paddle", "pandas", "sklearn", "torch"]


class Import(NamedTuple):
    """One name that a file imports: dotted, and absolute."""

    name: str
    line: int
    function: str


def imports(tree: ast.AST, package: str, function: str = "") -> Iterator[Import]:
    """Every import in a file of the package called ``package``, also those inside functions and ``TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, function) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parts, *filter(None, [node.module])])
            yield from (Import(f"{base}.{alias.name}", node.lineno, function) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (Import(a.value, node.lineno, function) for a in node.args[:1] if isinstance(a, ast.Constant))
        inner = node.name if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else function
        yield from imports(node, package, inner)


def imported_room(name: str) -> str | None:
    """The room that ``name`` is in: ``prunelab.plan.schedules`` and the public ``prunelab.Plan`` are in ``plan``."""
    first = name.split(".")[1] if name.startswith("prunelab.") else ""
    return prunelab._PUBLIC.get(first, first) or None if first not in ORDER else first


def complaints(source: str, room: str, package: str) -> list[str]:
    """What is wrong with the imports of a file in ``room``, a line each."""
    found = []
    for name, line, function in imports(ast.parse(source), package):
        target = imported_room(name)
        if name == "prunelab" and room not in ("jupyter", "testing"):
            found.append(f"line {line}: imports the whole of prunelab, and so hides which room it needs")
        elif target in ORDER and ORDER.index(target) > ORDER.index(room) and (room, target, function) not in ALLOWED:
            found.append(f"line {line}: {room} imports {name}, and {target} comes after {room}")
        elif name.split(".")[0] in JUPYTER_ONLY and room != "jupyter":
            found.append(f"line {line}: imports {name}, which only jupyter may")
    return found


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


FILES = sorted(file for file in PACKAGE.rglob("*.py") if file != PACKAGE / "__init__.py")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_imports_only_from_rooms_above_its_own(file: Path) -> None:
    assert room_of(file) in ORDER, f"{file.name} is in no room of {ORDER}"
    package = ".".join(("prunelab", *file.parent.relative_to(PACKAGE).parts))
    wrong = complaints(file.read_text(encoding="utf-8"), room_of(file), package)
    assert not wrong


@pytest.mark.parametrize(
    ("room", "source", "n_complaints"),
    [
        ("plan", "from prunelab.graph import Graph", 0),
        ("plan", "from prunelab.surgery import mask", 1),
        ("plan", "from prunelab import errors, Plan, mask", 1),
        ("plan", "from ..lab import Lab", 1),
        ("plan", "from . import schedules", 0),
        ("plan", "def late():\n    import prunelab.lab.history", 1),
        ("plan", "import importlib\nroom = importlib.import_module('prunelab.jupyter')", 1),
        ("plan", "import prunelab as pl", 1),
        ("render", "from IPython.display import HTML", 1),
        ("lab", "def panel(self):\n    from prunelab.jupyter.panels import open_panel", 0),
        ("lab", "from prunelab.jupyter import panels", 1),
        ("jupyter", "import ipywidgets\nimport prunelab as pl\nfrom prunelab.lab import Lab", 0),
    ],
)
def test_the_check_of_imports_sees(room: str, source: str, n_complaints: int) -> None:
    found = complaints(source, room, f"prunelab.{room}")
    assert len(found) == n_complaints


def loaded_after(statements: str, home: Path, among: list[str]) -> list[str]:
    """Which of the packages ``among`` a fresh interpreter has loaded after it ran ``statements``."""
    report = f"import json, sys; print(json.dumps([name for name in {among!r} if name in sys.modules]))"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{statements}\n{report}"],
        # An empty home: a person's own IPython start-up files load what they like.
        env={**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(home), "HOME": str(home)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    *printed, last = run.stdout.splitlines()
    assert not printed, "loading prunelab prints something"
    return json.loads(last)


def test_importing_prunelab_loads_neither_paddle_nor_jupyter_nor_tables(tmp_path: Path) -> None:
    assert loaded_after("import prunelab", tmp_path, LATE) == []


def test_loading_the_extension_loads_neither_paddle_nor_widgets_nor_tables(tmp_path: Path) -> None:
    statements = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'prunelab')\n"
        "assert 'prune' in shell.magics_manager.magics['line']"
    )
    assert loaded_after(statements, tmp_path, [name for name in LATE if name != "IPython"]) == []
