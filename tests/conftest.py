"""What every test gets: one thread, fixed seeds, a hypothesis profile, Chromium, a folder for artefacts."""

from __future__ import annotations

import os

# Set before anything loads a numeric library: the same thread count with and without xdist, on any machine, since some
# convolutions round differently on one thread and on two.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import random
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")

# One example traces, cuts and runs a network: beyond hypothesis's default 200 ms, and slower on a busy machine.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "local")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", action="store_true", help="keep the browser's pictures of the panel in docs/images")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser tests, and the cells of one notebook, stay in order on one worker of xdist, and come first there:
    what takes longest in one piece, so that no worker is left waiting for another. Without xdist they come last."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker("notebook")
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
        elif item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("browser"))
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
    else:
        items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(autouse=True)
def seeds() -> None:
    """The same random numbers for a test, whatever ran before it. Paddle's too, where the test's module imports it."""
    random.seed(0)
    np.random.seed(0)
    if "paddle" in sys.modules:
        sys.modules["paddle"].seed(0)


def find_chromium() -> str | None:
    """The path of a Chromium: ``PRUNELAB_CHROMIUM`` where it is set, else the first one on the PATH."""
    named = os.environ.get("PRUNELAB_CHROMIUM")
    names = [named] if named else ["chromium", "chromium-browser", "google-chrome"]
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium. Without one the test is skipped, or fails where the environment variable CI is set."""
    path = find_chromium()
    if path is None:
        missing = "no Chromium on this machine; install it with: apt-get install -y chromium"
        if IN_CI:
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    return path


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """The folder for screenshots and what else a person may want to see after a test; git ignores it."""
    folder = ROOT / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder
