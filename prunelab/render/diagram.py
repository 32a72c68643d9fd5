"""A network as a diagram: boxes from the input down to the output, as text and as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

from prunelab.render.layered import Layered, layered
from prunelab.render.numbers import percent

_WIDTH, _HEIGHT, _DOT = 148, 24, 22  # of a layer's box; a dot is where values meet
_RANK, _MARGIN = 44, 12  # pixels from rank to rank, and around all
_LETTERS = 21  # of a name in its box
_CUT, _KEPT = "#c26f2d", "#2d7f83"
_LINE = "var(--jp-ui-font-color2,#757575)"
_TEXT = "var(--jp-ui-font-color1,currentColor)"
_GROUND = "var(--jp-layout-color1,#fff)"
_MOST_LINES = 400


@dataclass(frozen=True)
class Box:
    """A ``label`` on a box; ``kind`` is "layer", "join" (where values meet), "input" or "output"; ``group`` is what its
    units belong to, ``told`` all that is to say of it."""

    label: str
    kind: str
    group: str = ""
    told: str = ""


@dataclass(frozen=True)
class Diagram:
    """Boxes in the order of the computation, and arrows from one to one after it, by their places. ``shades``: for each
    group how dark its boxes are, in [0, 1]; ``shaded`` says what that means."""

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[int, int], ...]
    title: str = ""
    shades: Mapping[str, float] = field(default_factory=dict)
    shaded: str = ""

    @cached_property
    def layout(self) -> Layered:
        """Where the boxes stand."""
        return layered([_width(box) for box in self.boxes], self.arrows)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels."""
        places = zip(self.layout.places, self.boxes, strict=True)
        ends = [x + _width(box) / 2 for (x, _), box in places]
        ends += [x for route in self.layout.routes for x, _ in route]
        return max(ends, default=0.0) + 2 * _MARGIN, self.layout.n_ranks * _RANK + 2 * _MARGIN - (_RANK - _HEIGHT)

    def placed(self) -> list[dict[str, Any]]:
        """Each box with its place: label, kind, group, told, and x, y, w, h in pixels from the upper left."""
        found = []
        for box, (x, rank) in zip(self.boxes, self.layout.places, strict=True):
            w, h = _width(box), _DOT if box.kind == "join" else _HEIGHT
            told = {"label": _short(box.label), "kind": box.kind, "group": box.group, "told": box.told or box.label}
            found.append({**told, "x": round(_MARGIN + x - w / 2, 1), "y": _y(rank) - h / 2, "w": w, "h": h})
        return found

    def paths(self) -> list[str]:
        """Each arrow as the data of an SVG path."""
        return [_path(route) for route in self.layout.routes]

    def __str__(self) -> str:
        sources: dict[int, list[str]] = {}
        for a, b in self.arrows:
            sources.setdefault(b, []).append(self._named(a))
        wide = max((len(self._named(k)) for k in range(len(self.boxes))), default=0)
        lines = [self.title] if self.title else []
        for k, box in enumerate(self.boxes[:_MOST_LINES]):
            share = f"  {percent(self.shades[box.group], 0)} {self.shaded}" if self.shades.get(box.group) else ""
            fed = f"← {', '.join(sources[k])}" if k in sources else ""
            lines.append(f"{self._named(k):<{wide}}  {fed}{share}".rstrip())
        more = len(self.boxes) - _MOST_LINES
        return "\n".join([*lines, f"and {more} more"] if more > 0 else lines)

    __repr__ = __str__

    def _named(self, k: int) -> str:
        """A label; joins are numbered, to be told apart."""
        box = self.boxes[k]
        return f"{box.label}{k}" if box.kind == "join" else box.label

    def to_svg(self) -> str:
        """The diagram as inline SVG; each layer's box has its group in ``data-group``."""
        width, height = self.size
        arrows = f'<path d="{"".join(self.paths())}" fill="none" style="stroke:{_LINE}"/>'
        boxes = "".join(map(self._box, self.placed()))
        return (f'<svg role="img" aria-label="{escape(self.title or "network")}" width="{width:g}" height="{height:g}" '
                f'viewBox="0 0 {width:g} {height:g}" font-size="11">{arrows}{boxes}</svg>')

    def _box(self, box: Mapping[str, Any]) -> str:
        share = min(max(self.shades.get(box["group"], 0.0), 0.0), 1.0)
        middle, bottom = box["x"] + box["w"] / 2, box["y"] + box["h"] / 2 + 4
        round_ = _DOT / 2 if box["kind"] == "join" else 3
        shape = f'x="{box["x"]}" y="{box["y"]}" width="{box["w"]}" height="{box["h"]}" rx="{round_:g}"'
        fill = "" if not share else f'<rect {shape} fill="{_CUT}" fill-opacity="{0.75 * share:.3f}"/>'
        group = f' data-group="{escape(box["group"])}"' if box["group"] else ""
        line = _LINE if box["kind"] != "layer" else _KEPT
        return (f'<g{group}><title>{escape(box["told"])}</title>'
                f'<rect {shape} style="fill:{_GROUND};stroke:{line}"/>{fill}'
                f'<text x="{middle:g}" y="{bottom:g}" text-anchor="middle" style="fill:{_TEXT}">'
                f'{escape(box["label"])}</text></g>')

    def _repr_html_(self) -> str:
        told = f"{self.title}; darker is more {self.shaded}" if any(self.shades.values()) else self.title
        return ('<figure style="margin:0;font-family:var(--jp-ui-font-family,system-ui,sans-serif);'
                f'font-size:13px"><figcaption>{escape(told)}</figcaption>'
                f'<div style="max-height:480px;overflow:auto">{self.to_svg()}</div></figure>')


def _width(box: Box) -> float:
    if box.kind != "join":
        return _WIDTH
    return _DOT if len(box.label) == 1 else 7 * min(len(box.label), _LETTERS) + 12


def _y(rank: int) -> float:
    return _MARGIN + _HEIGHT / 2 + rank * _RANK


def _short(label: str) -> str:
    if len(label) <= _LETTERS:
        return label
    end = (_LETTERS - 1) * 3 // 5
    return f"{label[: _LETTERS - 1 - end]}…{label[-end:]}"


def _path(route: Sequence[tuple[float, int]]) -> str:
    """From the bottom of the first box to the top of the last, down and bent only between ranks."""
    points = [(_MARGIN + x, _y(rank)) for x, rank in route]
    (x, y), told = points[0], f"M{points[0][0]:g} {points[0][1] + _HEIGHT / 2:g}"
    for to_x, to_y in points[1:]:
        a, b = y + _HEIGHT / 2, to_y - _HEIGHT / 2
        middle = (a + b) / 2
        told += f"C{x:g} {middle:g} {to_x:g} {middle:g} {to_x:g} {b:g}"
        if (to_x, to_y) != points[-1]:
            told += f"V{to_y + _HEIGHT / 2:g}"
        x, y = to_x, to_y
    return told
