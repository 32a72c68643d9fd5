"""A notebook with panels as nbconvert makes a page of it, in a browser without kernel and without network: pictures and
numbers are there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from conftest import notebook_of
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
CELLS = [
    """import numpy as np, paddle, warnings
warnings.filterwarnings("ignore")
import prunelab as pl
%load_ext prunelab
paddle.seed(0)
x = np.random.default_rng(0).normal(size=(64, 1, 6, 6)).astype("float32")
data = x, np.arange(64) % 3
relu, conv = paddle.nn.ReLU, paddle.nn.Conv2D
net = paddle.nn.Sequential(conv(1, 8, 3), relu(), conv(8, 6, 3), relu(), paddle.nn.Flatten(), paddle.nn.Linear(24, 3))
lab = pl.Lab(net, train=data, val=data)
lab.step("0", 0.5, finetune=1)
lab.sensitivity(ratios=(0.25, 0.5, 0.75))""",
    "lab.panel()",
    "lab.panels.history()",
    "%prune graph",
]


@pytest.fixture(scope="module")
def saved(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page; ``page.troubles`` is what the browser said. Nothing outside the file is to be had."""
    folder = tmp_path_factory.mktemp("saved")
    notebook = nbformat.from_dict(notebook_of(CELLS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        # as JupyterLab saves it, which keeps no widgets' state unless it is told to
        nbclient.NotebookClient(notebook, timeout=120, store_widget_state=False).execute()
    nbformat.write(notebook, folder / "saved.ipynb")
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", str(folder / "saved.ipynb")], check=True,
                   capture_output=True)
    page = browser.new_page(viewport={"width": 1080, "height": 1200})
    page.troubles = []
    page.route("http*://**", lambda route: route.abort())
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.goto((folder / "saved.html").as_uri())
    yield page
    page.close()


def output(page: Any, n: int) -> Any:
    """What the n-th code cell shows."""
    return page.locator(".jp-CodeCell").nth(n).locator(".jp-OutputArea-output").last


def test_the_panel_is_a_picture_with_its_numbers(saved: Any, artifacts: Path) -> None:
    panel = output(saved, 1)
    for told in ("accuracy", "params", "MACs", "frozen: the model's output", "4/8", "s1", "teal near the input"):
        expect(panel).to_contain_text(told)
    pictures = panel.locator("svg")
    assert pictures.count() >= 6
    for n in range(pictures.count()):
        box = pictures.nth(n).bounding_box()
        assert box["width"] > 50, n
        assert box["height"] > 20, n
    panel.screenshot(path=artifacts / "panel-saved.png")


def test_it_shows_the_same_without_scripts_as_hosts_show_notebooks(browser: Any, saved: Any) -> None:
    """GitHub and mail show HTML and SVG, and run nothing."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.route("http*://**", lambda route: route.abort())
        page.goto(saved.url)
        panel = output(page, 1)
        for told in ("accuracy", "params", "frozen: the model's output", "4/8", "s1"):
            expect(panel).to_contain_text(told)
        assert panel.locator("svg").count() == output(saved, 1).locator("svg").count()
        assert panel.locator("script").count() == 0


def test_a_part_is_a_picture_too(saved: Any) -> None:
    expect(output(saved, 2).locator("svg [data-state=s1]")).to_be_visible()


def test_the_graph_is_the_same_picture_as_in_the_panel(saved: Any) -> None:
    groups = [box.get_attribute("data-group") for box in output(saved, 3).locator("svg [data-group]").all()]
    assert groups == [box.get_attribute("data-group") for box in output(saved, 1).locator("svg [data-group]").all()]
    assert groups == ["0", "2", "5"]


def test_nothing_is_missing_without_a_network(saved: Any) -> None:
    ours = [told for told in saved.troubles if "require" not in told and "MathJax" not in told]
    assert ours == []
