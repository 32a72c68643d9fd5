"""Which values of a program share their memory in eager mode, and which are not what they were when they were made.

A reshape, a transpose, a slice is a look at its operand's memory: what is written over one is seen in the others. A
program of values cannot say so, and a forward that reads one after another was written over is refused; parts that do
not overlap do not matter to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from prunelab.errors import TraceError
from prunelab.graph.program import Op

# They give a part of their operand; a list's parts are told apart by its axis, which is not looked at here.
_CUTS = frozenset({"slice", "strided_slice"})
# Their results share the memory of their first operand in eager mode.
_LOOKS = frozenset("reshape flatten squeeze unsqueeze transpose slice strided_slice unbind diagonal real imag as_real "
                   "as_complex share_data_".split())


_Box = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Part:
    """A part of a value's memory: between which bounds it lies along each axis of that value; then, where that part was
    looked at in another shape, of this look; and so on. ``axes`` are its own among those of the last."""

    levels: tuple[tuple[int, _Box], ...]
    axes: tuple[int, ...]

    @property
    def root(self) -> int:
        return self.levels[0][0]

    def overlaps(self, other: _Part) -> bool:
        for (look, box), (their_look, theirs) in zip(self.levels, other.levels, strict=False):
            if look != their_look:
                break
            if any(max(a, c) >= min(b, d) for (a, b), (c, d) in zip(box, theirs, strict=True)):
                return False
        return True


@dataclass
class Memory:
    """What the operators that were followed so far have read and written.

    Args:
        shapes: of all values.
        model: its name, for the error.
    """

    shapes: Sequence[tuple[int, ...] | None]
    model: str
    _parts: dict[int, _Part] = field(default_factory=dict)
    _same: dict[int, int] = field(default_factory=dict)  # what was written -> the tensor that it was written over
    _members: dict[int, set[int]] = field(default_factory=dict)  # all that share one memory
    _written: dict[int, list[tuple[Op, _Part]]] = field(default_factory=dict)  # by another name, since it was made
    _lists: dict[int, list[int]] = field(default_factory=dict)

    def root(self, value: int) -> int:
        """The value whose memory it shares; itself where it has its own."""
        return self._parts[value].root if value in self._parts else value

    def follow(self, op: Op) -> None:
        """Reads what an operator reads, and notes what shares memory behind it.

        Raises:
            TraceError: it reads what was written over by another name.
        """
        if op.name == "full_int_array":
            self._lists[op.outputs[0]] = list(op.attributes["value"])
        source = op.inputs[0] if op.inputs else None
        looks = source is not None and (op.name in _LOOKS or (op.name == "builtin.split" and source in self._parts))
        for value in op.inputs[1:] if looks else op.inputs:
            self.read(value, op.line)
        if looks and source is not None:
            seen = self._part(source)
            if op.name in _CUTS:
                seen = self._narrowed(op, seen)
            for writer, part in self._written.get(source, ()):
                if seen.overlaps(part):
                    self._refuse(writer, op.line)
            for value in op.outputs:
                self._share(seen if op.name in _CUTS else self._seen_anew(seen, value), value)

    def read(self, value: int | None, line: str = "") -> None:
        """Raises a `TraceError` where a value was written over by another name."""
        for writer, _ in () if value is None else self._written.get(value, ()):
            self._refuse(writer, line)

    def write(self, op: Op, target: int) -> None:
        """An operator writes over a value: what shares that part of its memory is something else now, but for the
        tensor itself; of another shape, it is too, since Python goes on with its old one."""
        part, result = self._part(target), op.outputs[0]
        tensor = self._same.get(target, target)
        self._same[result] = tensor
        if self.shapes[result] != self.shapes[target]:
            self._written.setdefault(target, []).append((op, part))
            part = self._seen_anew(part, result)
        elif op.name[:-1] not in _LOOKS:
            written = self._narrowed(op, part)
            for value in self._members.get(part.root, ()):
                if self._same.get(value, value) != tensor and self._part(value).overlaps(written):
                    self._written.setdefault(value, []).append((op, written))
        self._share(part, result)

    def _refuse(self, writer: Op, line: str) -> None:
        raise TraceError(
            f"{self.model} cannot be read as a graph: its forward reads a tensor{line} that was written over"
            f"{writer.line} by another name (a slice, a reshape of it), which a graph does not follow; write over a "
            "copy (x.clone()), or read what was written by the name that it was written by")

    def _part(self, value: int) -> _Part:
        return self._parts.get(value) or self._seen_anew(_Part((), ()), value)

    def _seen_anew(self, part: _Part, value: int) -> _Part:
        shape = self.shapes[value] or ()
        return _Part((*part.levels, (value, tuple((0, n) for n in shape))), tuple(range(len(shape))))

    def _share(self, part: _Part, value: int) -> None:
        self._parts[value] = part
        self._members.setdefault(part.root, {part.root}).add(value)

    def _narrowed(self, op: Op, part: _Part) -> _Part:
        """What a slice sees of a part, or an assignment writes: between its bounds, where these are numbers."""
        starts, ends = (self._lists.get(op.operand(k) or -1) for k in ("starts", "ends"))
        axes, (look, bounds) = op.attributes.get("axes"), part.levels[-1]
        gone = op.attributes.get("decrease_axis") or ()
        box = list(bounds)
        for axis, start, end in zip(axes or (), starts or (), ends or (), strict=False):
            low, high = box[part.axes[axis]]
            first, last = (max(0, n + high - low) if n < 0 else min(n, high - low) for n in (start, end))
            if first < last:  # else it goes backwards, and may see all of it
                box[part.axes[axis]] = (low + first, low + last)
        levels = (*part.levels[:-1], (look, tuple(box)))
        return _Part(levels, tuple(a for k, a in enumerate(part.axes) if k not in gone))
