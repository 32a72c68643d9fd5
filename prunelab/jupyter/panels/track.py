"""`Track`: one curve over the states of a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bqplot
import numpy as np

from prunelab.jupyter.panels.axes import Telling, Within, fit, put

Array = np.ndarray[Any, Any]

_MOST_DOTS = 300  # more states than pixels for their dots: then there is only the line


@dataclass(frozen=True)
class Tree:
    """The states in the order in which they were made: ``way`` are the places of those on the way to the current one,
    ``edges`` from parent to child of all others; ``view``: the first and the last place in sight."""

    n: int
    way: Sequence[int]
    edges: Sequence[tuple[int, int]]
    view: tuple[float, float]

    @property
    def seen(self) -> Array:
        """The places in sight."""
        places = np.arange(self.n)
        return places[(places >= self.view[0]) & (places <= self.view[1])]


class Track:
    """One curve on its own scale: the way to the current state as a line, everything else faint."""

    def __init__(self, x: Any, colour: str, side: str, style: str) -> None:
        self.scale = bqplot.LinearScale()
        scales = {"x": x, "y": self.scale}
        self.axis = bqplot.Axis(scale=self.scale, side=side,
                                grid_lines="solid" if side == "left" else "none")  # one grid is enough
        common: dict[str, Any] = {"x": [0.0], "y": [0.0], "scales": scales}
        self.aside = bqplot.Lines(colors=[colour], opacities=[0.35], stroke_width=1.5, line_style=style, **common)
        self.way = bqplot.Lines(colors=[colour], stroke_width=2, line_style=style, **common)
        self.dots = bqplot.Scatter(colors=[colour], default_size=36, **common)
        self.here = bqplot.Scatter(colors=[colour], default_size=120, **common)
        self.marks = [self.aside, self.way, self.here, self.dots]
        self.places = np.zeros(0, int)  # of the dots

    def show(self, values: Sequence[float], told: Telling, tree: Tree, within: Within | None = None) -> None:
        """``values`` of all states, not a number where one has none; ``within`` says which values are in sight."""
        y = np.asarray(values, float)
        fit(self.scale, self.axis, y[tree.seen], told, within=within)
        self.places = np.asarray([place for place in tree.seen if np.isfinite(y[place])], int)
        if len(self.places) > _MOST_DOTS:
            self.places = self.places[:0]
        way = np.asarray([place for place in tree.way if np.isfinite(y[place])], int)
        here = way[-1:] if len(way) and way[-1] == tree.way[-1] else way[:0]
        edges = np.asarray([edge for edge in tree.edges if np.isfinite(y[list(edge)]).all()], int).reshape(-1, 2)
        for mark, at in ((self.way, way), (self.here, here), (self.dots, self.places)):
            mark.visible = bool(len(at))
            if len(at):
                put(mark, at.astype(float), y[at])
        self.aside.visible = bool(len(edges))
        if len(edges):
            put(self.aside, *apart(edges, y[edges]))


def apart(x: Array, y: Array) -> tuple[Array, Array]:
    """Pieces, ``(n, 2)``, as one line with gaps between them: a line each would be thousands of elements."""
    gaps = np.full((len(x), 1), np.nan)
    return (np.hstack([x, x[:, 1:]]).reshape(-1)[:-1].astype(float), np.hstack([y, gaps]).reshape(-1)[:-1])
