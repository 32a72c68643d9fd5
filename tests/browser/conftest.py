"""One JupyterLab (and one Notebook 7) for all tests of this folder, and in it a notebook a module, run once, in the
order of the file."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from lab_server import open_notebook, run_all, server
from PIL import Image

NOTEBOOK = Path(__file__).with_name("digits.ipynb")
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
N_COLOURS = 192


_RUNNING = contextlib.ExitStack()


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """Chromium."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)  # a busy machine
    with _RUNNING:
        playwright = _RUNNING.enter_context(sync_playwright())
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        _RUNNING.callback(opened.close)
        yield opened


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Playwright keeps an event loop running in this thread: after the last browser test others want theirs."""
    yield
    if nextitem is not None and nextitem.get_closest_marker("browser") is None:
        _RUNNING.close()


@pytest.fixture(scope="session")
def notebooks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], tuple[str, Path]]]:
    """The address of a front end, started when it is first asked for, and the folder of its notebooks."""
    started: dict[str, tuple[str, Path]] = {}
    with contextlib.ExitStack() as servers:

        def of(app: str) -> tuple[str, Path]:
            if app not in started:
                folder = tmp_path_factory.mktemp(app)
                started[app] = servers.enter_context(server(folder, app)), folder / "notebooks"
            return started[app]

        yield of


@pytest.fixture(scope="module")
def page(request: pytest.FixtureRequest, browser: Any, notebooks: Callable[[str], tuple[str, Path]]) -> Iterator[Any]:
    """The page with the module's ``NOTEBOOK`` (or its ``CELLS``) in its ``APP``, all cells run; ``page.troubles`` is
    what the browser has said since the first cell ran."""
    app = getattr(request.module, "APP", "jupyterlab")
    address, folder = notebooks(app)
    cells = getattr(request.module, "CELLS", None)
    name = f"{request.module.__name__}.ipynb"
    if cells is not None:
        (folder / name).write_text(json.dumps(notebook_of(cells)))
    else:
        name = shutil.copy(getattr(request.module, "NOTEBOOK", NOTEBOOK), folder / name).name
    page = browser.new_page(viewport={"width": 1400, "height": 1100})
    page.set_default_timeout(20_000)
    page.troubles = []
    page.on("console", lambda message: page.troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    open_notebook(page, address, name, app)
    page.troubles.clear()  # Notebook 7 has one of its own when it opens
    run_all(page)
    yield page
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.close()


@pytest.fixture
def picture(request: pytest.FixtureRequest, artifacts: Path) -> Callable[[Any, str], None]:
    """Takes a picture of an element, under a name; with ``--pictures`` it is kept in docs/images, in few colours."""
    keep = request.config.getoption("--pictures")

    def taken(element: Any, name: str) -> None:
        path = artifacts / f"{name}.png"
        element.screenshot(path=path)
        if keep:
            with Image.open(path) as image:
                small = image.convert("RGB").quantize(N_COLOURS, dither=Image.Dither.NONE)
            small.save(IMAGES / path.name, optimize=True)

    return taken


def notebook_of(cells: Sequence[str]) -> dict[str, Any]:
    """A notebook of these cells."""
    code = [{"cell_type": "code", "id": f"c{k}", "metadata": {}, "source": source, "outputs": [],
             "execution_count": None} for k, source in enumerate(cells)]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return {"cells": code, "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}}, "nbformat": 4,
            "nbformat_minor": 5}
