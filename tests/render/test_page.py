"""What a page is made of: images, tables, strips; as markup that parses, with everything escaped."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from prunelab.render.page import Cell, Section, chips, page, table
from prunelab.render.png import image, png
from prunelab.render.strip import Strip
from prunelab.render.tradeoff import Dot, Tradeoff


@given(arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.floats(-1, 2)))
def test_an_image_has_a_pixel_a_cell_as_strong_as_it(strength: np.ndarray) -> None:
    seen = np.asarray(Image.open(io.BytesIO(png(strength))))
    assert seen.shape == (*strength.shape, 4)
    np.testing.assert_array_equal(seen[..., 3], np.round(255 * np.clip(strength, 0, 1)))
    assert 'alt="&lt;a&gt;"' in image(strength, "<a>")


def test_a_table_says_what_it_sorts_by_and_escapes() -> None:
    text = table(["layer", "kept"], [[Cell("<b>"), Cell("1.2 k", 1200)], ["x", Cell("–", -1.0)]], states=["s0", "s1"],
                 here="s1", sorts=True)
    root = ET.fromstring(text)
    cells = [[cell.text for cell in row] for row in root.iter("tr")]
    assert cells == [["layer", "kept"], ["<b>", "1.2 k"], ["x", "–"]]
    assert [cell.get("data-value") for cell in root.iter("td")] == [None, "1200", None, "-1"]
    assert [row.get("class") for row in root.iter("tr")] == [None, None, "here"]


def test_a_page_is_one_document_with_links_to_its_sections() -> None:
    text = page("A & B", chips([("a<", "1", "", "n")]), [Section("one", "One <1>", "<p>x</p>")], "the </end>")
    assert text.count("<html") == text.count("</html>") == 1
    assert '<a href="#one">One &lt;1&gt;</a>' in text
    assert "<title>A &amp; B</title>" in text
    assert "the &lt;/end&gt;" in text
    assert not re.search(r"(src|href)=\"http", text)


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=3000))
def test_a_strip_draws_every_cell_once_in_the_state_it_went(gone: list[int]) -> None:
    strip = Strip("conv<1>", "channel", np.array(gone), ("s0", "s1", "s2", "s3"))
    cells, each = strip.cells()
    assert len(cells) == -(-len(gone) // each) <= 1024
    root = ET.fromstring(strip.to_svg())
    drawn = {}
    for path in root:
        state = path.get("data-state")
        drawn[-1 if state is None else int(state[1:])] = len(re.findall("z", path.get("d", "")))
    values, counts = np.unique(cells, return_counts=True)
    assert drawn == dict(zip(values.tolist(), counts.tolist(), strict=True))


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 0.5], [0.9, float("nan"), 0.2]])
def test_a_tradeoff_draws_what_is_a_number(values: list[float]) -> None:
    dots = tuple(Dot(f"s{k}", "<x>", 10.0 * k, v, k != 1) for k, v in enumerate(values))
    root = ET.fromstring(Tradeoff("accuracy", "MACs", dots, "s0").to_svg())
    circles = [e for e in root.iter() if e.tag.endswith("circle")]
    assert len(circles) == sum(v == v for v in values)
    assert all(np.isfinite(float(c.get(at, "nan"))) for c in circles for at in ("cx", "cy"))
