"""A heading with chips: a name, a value, and its difference to something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_STYLE = ("display:flex;flex-wrap:wrap;gap:4px 24px;align-items:baseline;padding:8px 0;"
          "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:var(--jp-ui-font-size1,13px);"
          "color:var(--jp-ui-font-color1,inherit);font-variant-numeric:tabular-nums")
_QUIET = "color:var(--jp-ui-font-color2,#757575)"


@dataclass(frozen=True)
class Chip:
    """``name`` ``value`` ``change``: accuracy 98.5 % −0.4."""

    name: str
    value: str
    change: str = ""


@dataclass(frozen=True)
class Header:
    """``title`` and ``subtitle``, then the chips."""

    title: str
    subtitle: str
    chips: tuple[Chip, ...]

    def __str__(self) -> str:
        told = [f"{c.name} {c.value}{f' ({c.change})' if c.change else ''}" for c in self.chips]
        return "\n".join([f"{self.title}: {self.subtitle}", *([f"  {', '.join(told)}"] if told else [])])

    __repr__ = __str__

    def to_html(self) -> str:
        """The heading in JupyterLab's colours."""
        head = _cell(f"<b>{escape(self.title)}</b>", f'<span style="{_QUIET}">{escape(self.subtitle)}</span>')
        return f'<div style="{_STYLE}">{head}{"".join(map(_chip, self.chips))}</div>'


def _chip(chip: Chip) -> str:
    change = f' <span style="{_QUIET}">{escape(chip.change)}</span>' if chip.change else ""
    return _cell(f'<span style="{_QUIET}">{escape(chip.name)}</span>', f"<b>{escape(chip.value)}</b>{change}")


def _cell(above: str, below: str) -> str:
    return f"<div><div>{above}</div><div>{below}</div></div>"


def header(title: str, subtitle: str, chips: Sequence[Chip]) -> Header:
    """A heading with chips."""
    return Header(title, subtitle, tuple(chips))
