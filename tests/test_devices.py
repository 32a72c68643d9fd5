"""Everything lives where the model's parameters live: no tensor is made on a default device."""

from __future__ import annotations

import ast
from pathlib import Path

import prunelab

ROOT = Path(prunelab.__file__).parent
# Functions of Paddle that make a tensor on the default device. `to_tensor` takes a place; the others do not, so code
# that needs one makes it like another tensor (zeros_like) or gives an operator the place.
MAKERS = set("zeros ones full empty arange linspace eye rand randn randint randperm normal uniform".split())


def faults(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        if not (isinstance(owner, ast.Name) and owner.id == "paddle"):
            continue
        name = node.func.attr
        if name in MAKERS or (name == "to_tensor" and not any(k.arg == "place" for k in node.keywords)):
            found.append(f"line {node.lineno}: paddle.{name} makes a tensor on the default device")
    return found


def test_no_tensor_is_made_on_a_default_device():
    found = {str(path.relative_to(ROOT)): faults(path.read_text(encoding="utf-8")) for path in ROOT.rglob("*.py")}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_the_check_sees_faults():
    assert faults("paddle.to_tensor(x)\npaddle.zeros([2])\npaddle.to_tensor(x, place=p)\npaddle.zeros_like(x)") == [
        "line 1: paddle.to_tensor makes a tensor on the default device",
        "line 2: paddle.zeros makes a tensor on the default device",
    ]
