"""The linters, the types and the pins, held as tests: their own output is the message."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = (ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("command", ["ruff check --output-format concise", "mypy"])
def test_is_content(command: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if run.returncode:
        pytest.fail(f"{command}\n{run.stdout}{run.stderr}", pytrace=False)


def test_a_pin_is_a_name_and_one_version() -> None:
    pin = re.compile(r"#.*|[\w.-]+==[\w.]+( ; [^;]+)?")
    assert [line for line in PINS if not pin.fullmatch(line)] == []
    assert "://" not in "".join(PINS)


@pytest.mark.parametrize("extra", ["", "onnx", "dev"])
def test_every_dependency_is_pinned_within_its_bounds(extra: str) -> None:
    pinned = {r.name: r.specifier for line in PINS if not line.startswith("#") if applies(r := Requirement(line))}
    wanted = map(Requirement, PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"])
    for requirement in filter(applies, wanted):
        version = next(iter(pinned[requirement.name])).version
        assert version in requirement.specifier, f"{requirement} is pinned to {version}: run `make pins`"


def applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()
