"""What axe-core finds wrong with a part of a page."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

GRAVE = ("serious", "critical")


def axe_source() -> str:
    """axe-core's JavaScript, as the Python package brings it; without the package the test fails and says so."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.fail("axe-playwright-python is not installed; it is a part of prunelab[dev]", pytrace=False)
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")


def faults(page: Any, selector: str) -> list[str]:
    """The grave faults below ``selector``, a line each: the rule, what it says, and where."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(axe_source())
    found = page.evaluate("selector => window.axe.run(selector, { resultTypes: ['violations'] })", selector)
    return [f"{rule['id']}: {rule['help']}: {node['html'][:160]} {node.get('failureSummary', '')}"
            for rule in found["violations"] if rule["impact"] in GRAVE for node in rule["nodes"]]
