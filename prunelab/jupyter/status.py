"""`status`: where a Lab is: its state beside the dense model, and what one may do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunelab.lab.state import metric_text
from prunelab.render.numbers import change, count, counted, signed, size
from prunelab.render.table import html_table, text_table

if TYPE_CHECKING:
    from prunelab.lab import Lab
    from prunelab.lab.state import State

_HEADERS = ("", "dense", "now", "change")


@dataclass(frozen=True)
class Status:
    """``state`` of ``model`` beside the ``dense`` one; ``next_lines`` are lines that make sense from here."""

    model: str
    state: State
    dense: State
    n_states: int
    next_lines: tuple[str, ...]

    @property
    def title(self) -> str:
        """Which model, and where in its history."""
        return f"{self.model} at {self.state.id} ({self.state.label}), {counted(self.n_states, 'state')} in all"

    def rows(self) -> list[list[str]]:
        """Metrics, then cost."""
        now, dense = self.state, self.dense
        rows = [_metric_row(name, dense.metrics.get(name), value) for name, value in now.metrics.items()]
        for name, told in (("params", count), ("macs", count), ("bytes", size)):
            old, new = getattr(dense.cost, name), getattr(now.cost, name)
            rows.append([{"macs": "MACs", "bytes": "size"}.get(name, name), told(old), told(new), change(new, old)])
        return rows

    def __repr__(self) -> str:
        return text_table(_HEADERS, self.rows(), title=self.title, notes=self._notes())

    def _repr_html_(self) -> str:
        return html_table(_HEADERS, self.rows(), caption=self.title, notes=self._notes())

    def _notes(self) -> list[str]:
        made = [f"made by {self.state.action}"] if self.state.parent is not None else []
        return [*made, "next: " + "  |  ".join(self.next_lines)]


def _metric_row(name: str, old: float | None, new: float) -> list[str]:
    if old is None:
        return [name, "–", metric_text(name, new), ""]
    # an accuracy moves by points: from 10 % to 20 % is +10.0 and not +100 %
    points = signed(f"{100 * (new - old):+.1f} points") if round(1000 * (new - old)) else "±0 points"
    return [name, metric_text(name, old), metric_text(name, new), points if name == "accuracy" else change(new, old, 1)]


def status(lab: Lab) -> Status:
    """Where ``lab`` is."""
    states = lab.states
    return Status(type(lab.model).__name__, lab.state, states[0], len(states), tuple(_next(lab)))


def _next(lab: Lab) -> list[str]:
    """Cut the layer that most MACs hang on; or all of them; or go back; or take the smaller model away."""
    from prunelab.plan import layers

    whole = [row for row in layers(lab.graph, lab.plan) if not row.frozen and row.kept == row.units]
    lines = []
    if whole:
        widest = max(whole, key=lambda row: row.macs or 0)
        lines.append(f"%prune step {widest.name} --ratio 0.3")
    gone = 1 - lab.state.cost.macs / max(lab.states[0].cost.macs, 1)
    further = next((to for to in (0.5, 0.7, 0.8, 0.9, 0.95) if to > gone + 0.05), None)
    if further is not None:
        lines.append(f"%prune run --to {further:g} --by macs")
    if lab.state.parent is not None:
        lines += ["%prune back", "%prune export out"]
    return lines
