"""A page on its own: one HTML file with its style and its script inside, and nothing from a network.

It reads in light and in dark, on paper, and without the script, which adds what is under the pointer, sorting and
filters. Pictures take JupyterLab's colours; the page defines them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import NamedTuple

# nothing may be loaded, whatever a name or a label holds; only what stands in the page runs
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True)
class Section:
    """A part of a page: its ``anchor``, its heading, and its HTML."""

    anchor: str
    heading: str
    html: str


class Cell(NamedTuple):
    """A cell of a table: what it shows, and the number that it sorts by, where it is one."""

    text: str
    value: float | None = None


def page(title: str, head: str, sections: Sequence[Section], foot: str) -> str:
    """The whole page; ``head`` stands under the title, ``foot`` (plain text) at its end."""
    room = files("prunelab.render")
    style, script = (room.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    links = "".join(f'<a href="#{s.anchor}">{escape(s.heading)}</a>' for s in sections)
    parts = "".join(f'<section id="{s.anchor}"><h2>{escape(s.heading)}</h2>{s.html}</section>' for s in sections)
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            f"<style>{style}</style></head><body><header><h1>{escape(title)}</h1>{head}<nav>{links}</nav></header>"
            f"<main>{parts}</main><footer>{escape(foot)}</footer><script>{script}</script></body></html>\n")


def chips(told: Iterable[tuple[str, str, str, str]]) -> str:
    """Name, value, change, note: in boxes side by side."""
    return '<div class="chips">' + "".join(
        f'<div class="chip"><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(change) or "&nbsp;"}<br>'
        f"{escape(note)}</span></div>" for name, value, change, note in told) + "</div>"


def table(headers: Sequence[str], rows: Sequence[Sequence[Cell | str]], *, states: Sequence[str] = (), here: str = "",
          sorts: bool = False) -> str:
    """A table; cells with numbers stand to the right. ``states``: the state of each row, ``here`` the marked one."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    right = [any(row[k].value is not None for row in cells) for k in range(len(headers))]
    head = "".join(f'<th{_side(right[k])} scope="col">{escape(name)}</th>' for k, name in enumerate(headers))
    body = "".join(_row(row, right, states[k] if states else "", here) for k, row in enumerate(cells))
    kind = ' class="sorts"' if sorts else ""
    return f'<div class="wide"><table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(row: Sequence[Cell], right: Sequence[bool], state: str, here: str) -> str:
    told = "".join(f"<td{_side(to_right)}{_value(cell.value)}>{escape(cell.text)}</td>"
                   for cell, to_right in zip(row, right, strict=True))
    marked = ' class="here"' if state and state == here else ""
    named = f' data-state="{escape(state)}"' if state else ""
    return f"<tr{named}{marked}>{told}</tr>"


def _side(to_right: bool) -> str:
    return ' class="n"' if to_right else ""


def _value(value: float | None) -> str:
    return "" if value is None else f' data-value="{value:.9g}"'


def facts(told: Iterable[tuple[str, str]]) -> str:
    """Names and what they are, in two columns."""
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in told) + "</dl>"


def code(text: str) -> str:
    """Text as it is, with a button that copies it."""
    return f'<div class="copied"><pre tabindex="0">{escape(text)}</pre></div>'


def figure(caption: str, svg: str, *, wide: bool = False) -> str:
    """A picture under its caption; a ``wide`` one scrolls by itself."""
    inside = f'<div class="wide">{svg}</div>' if wide else svg
    return f"<figure><figcaption>{escape(caption)}</figcaption>{inside}</figure>"
