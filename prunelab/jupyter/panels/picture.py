"""The panel as it stands, as HTML and SVG without scripts: for saved notebooks, and where there are no widgets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from prunelab.plan.layers import layers

if TYPE_CHECKING:
    from prunelab.lab import Lab

_ROWS = 48  # units whose weights are drawn: the picture is stored with the notebook, at some 5 kB a unit
_STYLE = "display:flex;flex-direction:column;gap:16px;overflow-x:auto"


def picture(lab: Lab, layer: str) -> str:
    """Header, layers, the masks of ``layer``, the curves and the history."""
    shown = [lab._repr_html_(), layers(lab.graph, lab.plan)._repr_html_()]
    if layer and lab.graph.group(layer).prunable:
        masks = lab.masks(layer)
        shown.append(replace(masks, kept=masks.kept[:_ROWS], weights=masks.weights[:_ROWS])._repr_html_())
    if len(lab.states) > 1:
        shown += [lab.curves()._repr_html_(), lab.tree()._repr_html_()]
    return f'<div class="prunelab-picture" style="{_STYLE}">{"".join(shown)}</div>'
