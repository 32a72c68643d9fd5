"""What a repair did, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass, field

from prunelab.render.numbers import counted, number, percent, seconds
from prunelab.render.table import html_table, text_table


@dataclass(frozen=True)
class RepairedLayer:
    """One operator, or a block of them. ``before`` and ``after``: the part of the variance of its outputs in the dense
    network that is missed, on samples held out. ``ridge``: how much it leans on the cut weights, a share of the inputs'
    mean square. ``rows`` of data for ``columns`` of weights; ``outputs_undone``: how many outputs (for a block,
    tensors) stay as they were, since nothing made them better."""

    layer: str
    kind: str
    before: float
    after: float
    ridge: float
    rows: int
    columns: int
    outputs: int
    outputs_undone: int

    @property
    def undone(self) -> bool:
        """Whether its weights are as they were before."""
        return self.outputs_undone == self.outputs

    @property
    def note(self) -> str:
        """What a person should know of it."""
        if self.undone:
            return "left as it was: nothing made it better"
        return f"{self.rows:,} rows for {self.columns:,} columns" if self.rows < self.columns else ""


@dataclass(frozen=True)
class RepairReport:
    """What `prunelab.repair` did: its layers in order, ``skipped`` layers by name with the reason, and the data."""

    layers: tuple[RepairedLayer, ...]
    samples: int
    held_out: int
    duration_s: float
    skipped: tuple[tuple[str, str], ...] = field(default=())

    def __repr__(self) -> str:
        return text_table(*self._table(), title=self._title(), notes=self._notes())

    def _repr_html_(self) -> str:
        return html_table(*self._table(), caption=self._title(), notes=self._notes())

    def _table(self) -> tuple[list[str], list[list[str]]]:
        rows = [[x.layer, x.kind, percent(x.before), percent(x.after), number(x.ridge, 1) if x.ridge else "",
                 x.note] for x in self.layers]
        return ["layer", "solved", "missed before", "after", "ridge", ""], rows

    def _title(self) -> str:
        undone = sum(x.undone for x in self.layers)
        told = f", {undone} of them left as they were" if undone else ""
        return (f"Repair: {counted(len(self.layers), 'operator')}{told}, on {counted(self.samples, 'sample')} in "
                f"{seconds(self.duration_s)}")

    def _notes(self) -> list[str]:
        held = (f"missed: the part of the dense outputs' variance, on {counted(self.held_out, 'sample')} held out"
                if self.held_out else "missed: the part of the dense outputs' variance, on the same samples; with five "
                "or more, some are held out")
        short = [x for x in self.layers if x.rows < x.columns]
        notes = [held]
        if short:
            notes.append(f"{counted(len(short), 'layer')} had fewer rows of data than columns of weights, "
                         f"{short[0].layer} first: the rest leans on the cut weights; more samples would help")
        return [*notes, *(f"{name}: not solved, {reason}" for name, reason in self.skipped)]
