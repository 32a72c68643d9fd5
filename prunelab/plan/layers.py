"""`layers`: all groups of a network in its order, with what a plan leaves of each, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunelab.graph.groups import layer_of
from prunelab.graph.removals import is_sparse
from prunelab.plan.plan import Plan, as_plan
from prunelab.render.numbers import count, percent
from prunelab.render.table import html_table, text_table

if TYPE_CHECKING:
    from prunelab.graph import Cost, Graph, Group

_HEADERS = ("layer", "unit", "kept", "cut", "params", "MACs", "tied to, or why frozen")
_NOTE = "params and MACs: what depends on the group's units now, in all layers that make or read them"
_N_TIED = 3  # names of tied layers that are shown; the others are counted


@dataclass(frozen=True)
class LayerRow:
    """One group: ``kept`` of ``units``; ``params`` and ``macs`` hang on its units, None where ``frozen`` (why)."""

    name: str
    granularity: str
    units: int
    kept: int
    params: int | None
    macs: int | None
    tied: tuple[str, ...]
    frozen: str

    @property
    def ratio(self) -> float:
        """The fraction removed."""
        return 1 - self.kept / self.units

    def cells(self) -> list[str]:
        """The row of the table."""
        others = [layer for layer in self.tied if layer != self.name]
        tied = ", ".join(others[:_N_TIED]) + (f" and {len(others) - _N_TIED} more" if len(others) > _N_TIED else "")
        if self.frozen:
            return [self.name, self.granularity, f"{self.units}/{self.units}", "–", "–", "–", f"frozen: {self.frozen}"]
        return [self.name, self.granularity, f"{self.kept}/{self.units}", percent(self.ratio, 0),
                count(self.params or 0), count(self.macs or 0), tied]


@dataclass(frozen=True)
class Layers:
    """The groups of ``model``, in network order. A sequence of `LayerRow`, which shows itself as a table."""

    model: str
    rows: tuple[LayerRow, ...]

    def __iter__(self) -> Iterator[LayerRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> LayerRow:
        return self.rows[index]

    @property
    def title(self) -> str:
        """What it is a table of."""
        frozen = sum(bool(row.frozen) for row in self.rows)
        return f"{self.model}: {len(self.rows) - frozen} groups that can be cut, {frozen} frozen"

    def __repr__(self) -> str:
        return text_table(_HEADERS, [row.cells() for row in self.rows], title=self.title, notes=[_NOTE])

    def _repr_html_(self) -> str:
        return html_table(_HEADERS, [row.cells() for row in self.rows], caption=self.title, notes=[_NOTE])


def layers(graph: Graph, plan: Plan | None = None) -> Layers:
    """The groups of ``graph`` as ``plan`` leaves them (all units without one).

    Raises:
        PlanError: a plan for another structure.
    """
    if plan is not None:
        graph.check(as_plan(plan))
        graph = graph.opened_for(plan)
    removed = {group.name: group.removed for group in plan.groups if not is_sparse(group)} if plan is not None else {}
    now = graph.cost(plan)
    return Layers(type(graph.model).__name__, tuple(_row(graph, group, removed, now) for group in graph.groups))


def _row(graph: Graph, group: Group, removed: dict[str, tuple[int, ...]], now: Cost) -> LayerRow:
    kept = group.units - len(removed.get(group.name, ()))
    tied = tuple(dict.fromkeys(layer_of(member.parameter) for member in group.members))
    if not group.prunable:
        return LayerRow(group.name, group.granularity, group.units, group.units, None, None, tied, group.reason)
    if group.granularity == "spatial":  # no network is left without any band: all that is computed hangs on them
        return LayerRow(group.name, group.granularity, group.units, kept, 0, now.macs, tied, "")
    structure = graph.structure
    without = structure.cost(structure.kept({**removed, group.name: range(group.units)}))
    spent = now - without
    return LayerRow(group.name, group.granularity, group.units, kept, spent.params, spent.macs, tied, "")
