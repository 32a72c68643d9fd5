"""Rows as a table: `text_table` for a terminal, `html_table` for a notebook, in light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import zip_longest

# A cell that starts with a digit, or with a sign before one, is a number and stands to the right.
_NUMBER = re.compile(r"[+−±-]?[\d∞]")
# What stands for an absent value may stand in a column of numbers.
_ABSENT = frozenset({"", "–", "-"})

# JupyterLab's variables, and what its light theme gives them, for GitHub, nbconvert and other viewers; `color: inherit`
# and a half-transparent rule read on any background.
_TABLE = ("border-collapse:collapse;font-family:var(--jp-ui-font-family,system-ui,sans-serif);"
          "font-size:var(--jp-ui-font-size1,13px);color:var(--jp-ui-font-color1,inherit);font-variant-numeric:tabular-nums")
_RULE = "1px solid var(--jp-border-color2,rgba(128,128,128,.35))"
_CELL = "padding:3px 10px;white-space:nowrap"
_QUIET = "color:var(--jp-ui-font-color2,inherit)"


def text_table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "",
               notes: Sequence[str] = ()) -> str:
    """The rows under ``headers``, columns two spaces apart, numbers to the right; no trailing spaces.

    ``title`` stands above, ``notes`` below, each on its own line.
    """
    head, body = _cells(headers, rows)
    right = _right(head, body)
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    rule = ["─" * width for width in widths]
    lines = ["  ".join(map(_pad, row, widths, right)).rstrip() for row in (head, rule, *body)]
    return "\n".join([*filter(None, [title]), *lines, *notes])


def html_table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "",
               notes: Sequence[str] = ()) -> str:
    """The same rows as one ``<table>`` with inline styles, everything escaped; ``caption`` above, ``notes`` below."""
    head, body = _cells(headers, rows)
    align = ["right" if to_right else "left" for to_right in _right(head, body)]

    def row(tag: str, cells: Sequence[str], style: str) -> str:
        inner = (f'<{tag} style="{_CELL};text-align:{side};{style}">{escape(cell)}</{tag}>'
                 for cell, side in zip(cells, align, strict=True))
        return f'<tr style="background:none">{"".join(inner)}</tr>'

    quiet = f"text-align:left;padding:3px 10px;{_QUIET}"
    heading = f'<caption style="caption-side:top;{quiet}">{escape(caption)}</caption>' if caption else ""
    told = "".join(f'<tr style="background:none"><td colspan="{len(head)}" style="{quiet}">{escape(note)}</td></tr>'
                   for note in notes)
    foot = f"<tfoot>{told}</tfoot>" if notes else ""
    top = row("th", head, f"border-bottom:{_RULE};font-weight:600")
    inside = "".join(row("td", cells, f"border-bottom:{_RULE}") for cells in body)
    return f'<table style="{_TABLE}">{heading}<thead>{top}</thead><tbody>{inside}</tbody>{foot}</table>'


def _cells(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> tuple[list[str], list[list[str]]]:
    """Everything as text, every row as long as the headers; line breaks become spaces."""
    width = len(headers)
    body = [[" ".join(str("" if cell is None else cell).split()) for cell in row] for row in rows]
    too_long = next((row for row in body if len(row) > width), None)
    if too_long is not None:
        raise ValueError(f"a row has {len(too_long)} cells under {width} headers: {too_long}")
    return list(headers), [[cell or "" for cell, _ in zip_longest(row, headers)] for row in body]


def _right(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[bool]:
    """Which columns hold numbers, and nothing else but absent values. The first never does: it names the row (a layer
    may be called "0")."""
    columns = [[row[k] for row in body if row[k] not in _ABSENT] for k in range(1, len(head))]
    return [False, *(bool(column) and all(map(_NUMBER.match, column)) for column in columns)]


def _pad(cell: str, width: int, to_right: bool) -> str:
    return cell.rjust(width) if to_right else cell.ljust(width)
