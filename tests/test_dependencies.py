"""What prunelab imports is among what it says it needs."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from test_style import PROJECT, ROOT

# modules whose distribution has another name
DISTRIBUTIONS = {"IPython": "ipython", "PIL": "pillow", "paddle": "paddlepaddle", "sklearn": "scikit-learn",
                 "tensorflow": "tensorflow-cpu"}
OPTIONAL = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
DECLARED = {re.sub(r"[-_.]+", "-", Requirement(line).name).lower() for line in [*PROJECT["dependencies"], *OPTIONAL]}


def imported(file: Path) -> Iterator[str]:
    """The packages that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


ROOMS = sorted(path.name for path in (ROOT / "prunelab").iterdir() if path.is_dir() or path.suffix == ".py")


@pytest.mark.parametrize("room", ROOMS)
def test_every_import_is_declared(room: str) -> None:
    place = ROOT / "prunelab" / room
    files = place.rglob("*.py") if place.is_dir() else [place]
    theirs = {name for file in files for name in imported(file)} - {*sys.stdlib_module_names, "prunelab"}
    assert {DISTRIBUTIONS.get(name, name) for name in theirs} - DECLARED == set()
