"""The network as a diagram of its layers: what feeds what, through all that has no units of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prunelab.graph.groups import Group, layer_of
from prunelab.graph.program import Op, Program
from prunelab.render.diagram import Box, Diagram

# what a meeting of values is called; others by the operator's name
_SIGNS = {"add": "+", "add_": "+", "subtract": "−", "multiply": "×", "matmul": "@", "concat": "⧺", "divide": "÷",
          "add_n": "+"}
_SHAPES = ("shape", "shape64", "numel")  # what they give is a size and no data


def diagram_of(program: Program, groups: Sequence[Group], shares: Mapping[str, float]) -> Diagram:
    """Boxes for the inputs, the layers that make units, the operators where values of several layers meet, and the
    outputs; ``shares``: of each group the fraction that is cut."""
    drawing = _Drawing(program, groups, shares)
    for op in program.ops:
        drawing.read(op)
    drawing.end()
    boxes, arrows = _reaching(drawing.boxes, drawing.arrows)
    return Diagram(boxes, arrows, f"{program.model.rpartition('.')[2]}: what feeds what", dict(shares), "cut")


class _Drawing:
    """Boxes and arrows as the operators are read, each value known by the box that it comes from."""

    def __init__(self, program: Program, groups: Sequence[Group], shares: Mapping[str, float]) -> None:
        self.program, self.shares = program, shares
        self.boxes: list[Box] = []
        self.arrows: list[tuple[int, int]] = []
        self._group: dict[str, Group] = {}
        for group in groups:
            for member in group.makers:
                self._group.setdefault(layer_of(member.parameter), group)
        self._layer = {p.value: p.layer for p in program.parameters if p.layer in self._group}
        self._calls: dict[str, int] = {}
        self._source: dict[int, int] = {}
        self._of_box: dict[int, set[int]] = {}  # the parameters that a layer's box has read
        for value, spec in zip(program.inputs, program.specs, strict=True):
            shape = "×".join("n" if axis == spec.batch_axis else str(size) for axis, size in enumerate(spec.shape))
            self._source[value] = self._add(Box(spec.name, "input", told=f"{spec.name}: {shape}"), [])

    def read(self, op: Op) -> None:
        """One operator."""
        sources = self._sources([value for value in op.inputs if value is not None])
        own = [value for value in op.inputs if value in self._layer]
        name = self._name(op)
        if name in _SHAPES:
            return
        if not sources:  # of parameters only: what reads it reads them
            if own:
                self._layer.update(dict.fromkeys(op.outputs, self._layer[own[0]]))
            return
        at = sources[0]
        if own and not (len(sources) == 1 and self._goes_on(at, own)):
            at = self._layer_box(self._layer[own[0]], sources)
            self._of_box[at] = set(own)
        elif len(sources) > 1:
            at = self._add(Box(_SIGNS.get(name, name), "join", told=f"{name} {op.line}".rstrip()), sources)
        self._source.update(dict.fromkeys(op.outputs, at))

    def _name(self, op: Op) -> str:
        """What it is called; a list of values by what reads it."""
        readers = self.program.consumers.get(op.outputs[0], ()) if op.outputs and op.name == "builtin.combine" else ()
        return (readers[0] if readers else op).name.rpartition(".")[2]

    def end(self) -> None:
        """The outputs."""
        self._add(Box("output", "output"), self._sources(self.program.output_values))

    def _sources(self, values: Sequence[int]) -> list[int]:
        return list(dict.fromkeys(self._source[value] for value in values if value in self._source))

    def _goes_on(self, box: int, own: list[int]) -> bool:
        """Whether a layer's box has more to come, such as its bias: the same weight again is another call."""
        before = self._of_box.get(box, set())
        if {self._layer[value] for value in before} != {self._layer[own[0]]} or before & set(own):
            return False
        before.update(own)
        return True

    def _layer_box(self, layer: str, sources: list[int]) -> int:
        group = self._group[layer]
        self._calls[layer] = n = self._calls.get(layer, 0) + 1
        gone = round(self.shares.get(group.name, 0.0) * group.units)
        state = f"frozen: {group.reason}" if group.reason else f"{group.units - gone} of {group.units} units kept"
        tied = "" if group.name == layer else f", of the group {group.name}"
        label = layer if n == 1 else f"{layer} ({n})"
        return self._add(Box(label, "layer", group.name, f"{layer}: {state}{tied}"), sources)

    def _add(self, box: Box, sources: Sequence[int]) -> int:
        self.boxes.append(box)
        self.arrows += [(source, len(self.boxes) - 1) for source in sources]
        return len(self.boxes) - 1


def _reaching(boxes: Sequence[Box], arrows: Sequence[tuple[int, int]]) -> tuple[tuple[Box, ...],
                                                                              tuple[tuple[int, int], ...]]:
    """Without what the output does not depend on, such as the arithmetic of sizes."""
    needed = {len(boxes) - 1}
    for a, b in sorted(arrows, key=lambda arrow: -arrow[1]):
        if b in needed:
            needed.add(a)
    place = {old: new for new, old in enumerate(sorted(needed))}
    return (tuple(boxes[old] for old in place),
            tuple((place[a], place[b]) for a, b in arrows if a in place and b in place))
