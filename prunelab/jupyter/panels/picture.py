"""The panel as it stands, as HTML and SVG without scripts: for saved notebooks, and where there are no widgets."""

from __future__ import annotations

from collections.abc import Iterable

from prunelab.jupyter.panels.part import Part

_STYLE = "display:flex;flex-direction:column;gap:16px;overflow-x:auto"


def picture(parts: Iterable[Part]) -> str:
    """What each part shows of itself, one below the other."""
    return f'<div class="prunelab-picture" style="{_STYLE}">{"".join(part.picture() for part in parts)}</div>'
