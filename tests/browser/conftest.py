"""A notebook with the panel, run in JupyterLab: opened once for all tests of this folder, in the order of the file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_server import open_notebook, run_all, server

NOTEBOOK = Path(__file__).with_name("digits.ipynb")


@pytest.fixture(scope="module")
def page(request: pytest.FixtureRequest, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page with the module's ``NOTEBOOK``, all of its cells run; ``page.troubles`` is what the browser said."""
    from playwright.sync_api import sync_playwright

    notebook = getattr(request.module, "NOTEBOOK", NOTEBOOK)
    folder = tmp_path_factory.mktemp("jupyterlab")
    with server(folder) as address, sync_playwright() as playwright:
        shutil.copy(notebook, folder / "notebooks")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1100})
        page.set_default_timeout(20_000)
        page.troubles = []
        page.on("console", lambda message: page.troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.troubles.append(str(error)))
        open_notebook(page, address, notebook.name)
        run_all(page)
        yield page
        browser.close()
