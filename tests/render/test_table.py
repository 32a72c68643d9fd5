"""Tables and numbers, by golden strings."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from prunelab.render.numbers import change, count, milliseconds, number, percent, seconds, size
from prunelab.render.table import html_table, text_table

ROWS = [["conv1", 64, "−30 %"], ["0", 1024, "–"]]


def test_a_text_table_stands_in_columns_numbers_to_the_right() -> None:
    assert text_table(["layer", "units", "change"], ROWS, title="net", notes=["a note"]) == (
        "net\n"
        "layer  units  change\n"
        "─────  ─────  ──────\n"
        "conv1     64   −30 %\n"
        "0       1024       –\n"
        "a note"
    )


def test_a_table_of_no_rows_is_its_head() -> None:
    assert text_table(["layer", "units"], []) == "layer  units\n─────  ─────"


def test_a_short_row_is_filled_and_a_long_one_refused() -> None:
    assert text_table(["a", "b"], [["x"], [None, "two\nlines"]]).splitlines()[2:] == ["x", "   two lines"]
    with pytest.raises(ValueError, match="3 cells under 2 headers"):
        text_table(["a", "b"], [[1, 2, 3]])


class _Reader(HTMLParser):
    """Texts by tag, and whether every tag that opens closes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1], data))


def test_an_html_table_says_the_same_escaped() -> None:
    reader = _Reader()
    html = html_table(["layer", "units"], [["<b>&", 3]], caption='"net"', notes=["1 < 2"])
    reader.feed(html)
    assert reader.open == []
    assert reader.texts == [
        ("caption", '"net"'), ("th", "layer"), ("th", "units"), ("td", "<b>&"), ("td", "3"), ("td", "1 < 2"),
    ]  # fmt: skip
    assert "var(--jp-ui-font-color1,inherit)" in html
    assert "<b>" not in html


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (count(25_557_032), "25.6 M"),
        (count(4_089_184_256), "4.09 G"),
        (count(640), "640"),
        (count(999_499), "999 k"),
        (count(999_600), "1 M"),
        (count(0), "0"),
        (count(-1500), "−1.5 k"),
        (size(44_600_000), "44.6 MB"),
        (size(12), "12 B"),
        (milliseconds(12.345), "12.3 ms"),
        (milliseconds(0.01234), "0.0123 ms"),
        (milliseconds(1234.5), "1234 ms"),
        (seconds(0.84), "0.8 s"),
        (seconds(200), "3 min 20 s"),
        (seconds(7500), "2 h 5 min"),
        (percent(0.4312), "43.1 %"),
        (percent(-0.02, 0), "−2 %"),
        (change(57, 100), "−43 %"),
        (change(112, 100), "+12 %"),
        (change(1001, 1000), "±0 %"),
        (change(1, 0), ""),
        (number(2.4e-7), "2.4e−7"),
        (number(0.5), "0.5"),
        (number(-12.345), "−12.3"),
        (number(float("-inf")), "−∞"),
        (number(float("nan")), "not a number"),
        (number(9.999), "10"),
    ],
)
def test_numbers_read_well(text: str, expected: str) -> None:
    assert text == expected
