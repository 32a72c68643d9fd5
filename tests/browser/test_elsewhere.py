"""The panel's own modules in front ends that know only what anywidget promises: a page without a network and without
`eval`, whose policy says so (as VS Code's and Colab's do), whose widgets have no notebook and no kernel behind them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import paddle
import pytest

import prunelab as pl
from prunelab.jupyter.panels.part import widgets_in

pytestmark = pytest.mark.browser

STATIC = Path(pl.__file__).parent / "jupyter" / "static"
FILES = sorted(STATIC.iterdir())
POLICY = "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; img-src data:"
PAGE = f"""<!doctype html><meta http-equiv="Content-Security-Policy" content="{POLICY}"><title>elsewhere</title>
<div class="prunelab" style="width: 900px"><div class="pl-panel"></div></div>
<script>window.violated = []; window.sent = [];
const note = (event) => violated.push(event.violatedDirective + event.blockedURI);
document.addEventListener("securitypolicyviolation", note);
</script>"""
# what anywidget gives a module: a model to read and to send by, and an element
SHOW = """async ({ name, esm, css, state, bytes }) => {
    for (const [key, text] of Object.entries(bytes)) {
        const values = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        state[key] = new DataView(values.buffer);
    }
    const heard = {};
    const model = {
        get: (key) => state[key],
        set: (key, value) => { state[key] = value; (heard[`change:${key}`] ?? []).forEach((call) => call()); },
        on: (names, call) => names.split(" ").forEach((what) => (heard[what] ??= []).push(call)),
        off: () => {}, save_changes: () => {}, send: (content) => sent.push([name, content]),
    };
    const style = document.createElement("style");
    style.textContent = css;
    const el = document.createElement("div");
    el.dataset.widget = name;
    document.head.append(style);
    document.querySelector(".pl-panel").append(el);
    const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
    const { default: module } = await import(url);
    const away = await module.render({ model, el });
    return typeof away;
}"""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_file_of_the_front_end_asks_for_a_network_or_for_eval(file: Path) -> None:
    code = re.sub(r"(^|\s)//.*|/\*.*?\*/|http://www\.w3\.org/2000/svg", "", file.read_text(encoding="utf-8"))
    for what in (r"https?://", r"\bimport\b", r"\bfetch\(", "XMLHttpRequest", "WebSocket", "sendBeacon", r"\beval\(",
                 r"\bFunction\(", "@import", r"url\((?!\"data:)"):
        assert re.search(what, code) is None, what


@pytest.fixture(scope="module")
def shown(browser: Any) -> Iterator[Any]:
    """The page, with each of the panel's own widgets in it; ``shown.kinds``: what showing each gave."""
    relu, conv, flat, linear = paddle.nn.ReLU, paddle.nn.Conv2D, paddle.nn.Flatten, paddle.nn.Linear
    net = paddle.nn.Sequential(conv(1, 8, 3), relu(), conv(8, 6, 3), relu(), flat(), linear(24, 3))
    x = np.random.default_rng(0).normal(size=(64, 1, 6, 6)).astype("float32")
    lab = pl.Lab(net, train=(x, np.arange(64) % 3), val=(x, np.arange(64) % 3))
    lab.show_progress = False
    lab.step("0", 0.5)
    lab.sensitivity(ratios=(0.25, 0.5))
    lab.search(trials=4)
    panel = lab.panel()
    page = browser.new_page(viewport={"width": 1080, "height": 1100})
    page.troubles, page.asked, page.kinds = [], [], {}
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.set_content(PAGE)
    for widget in widgets_in(panel):
        if isinstance(widget, anywidget.AnyWidget):
            page.kinds[type(widget).__name__] = page.evaluate(SHOW, parcel(widget))
    panel.close()
    yield page
    page.close()


def parcel(widget: Any) -> dict[str, Any]:
    """What a front end is sent of a widget."""
    state = {key: value for key, value in widget.get_state().items() if key[0] != "_"}
    raw = {key: base64.b64encode(value).decode() for key, value in state.items()
           if isinstance(value, (bytes, memoryview))}
    plain = {key: value for key, value in state.items() if key not in raw and not str(value).startswith("IPY_MODEL")}
    return {"name": type(widget).__name__, "esm": str(widget._esm), "css": str(getattr(widget, "_css", "")),
            "state": plain, "bytes": raw}


def test_every_module_of_the_panel_is_shown(shown: Any) -> None:
    assert {"FrameWidget", "LayersTable", "MasksCanvas", "ScoresPlot", "CommandLine", "HistoryTree", "HeatMap", "Brush",
            "NetworkDiagram", "ParallelCoordinates", "ExportResults", "Shy"} <= set(shown.kinds)
    assert set(shown.kinds.values()) == {"function"}, "each gives back how it is taken away"
    assert shown.troubles == []


def test_nothing_is_asked_for_and_nothing_is_forbidden(shown: Any) -> None:
    assert [url for url in shown.asked if not url.startswith(("blob:", "data:"))] == []
    assert shown.evaluate("window.violated") == []


def test_they_show_what_they_were_given_and_a_click_is_sent(shown: Any) -> None:
    row = shown.locator("[data-widget=LayersTable] .pl-line[data-layer='2']")
    row.click()
    assert ["LayersTable", "2"] in [[name, content.get("choose")] for name, content in shown.evaluate("window.sent")]
    canvas = shown.locator("[data-widget=MasksCanvas] canvas")
    assert canvas.evaluate("(c) => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size") > 10
    assert shown.locator("[data-widget=CommandLine] button").count() == 1, "no Insert where there is no notebook"
    assert shown.locator("[data-widget=HistoryTree] [data-state=s1]").count() == 1
