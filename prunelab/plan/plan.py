"""`Plan`: which units of which group go, for one model structure. Plain data, and a versioned JSON file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelab.errors import PlanError, reason_of, shown, unknown_name
from prunelab.graph.cost import Cost
from prunelab.graph.groups import Group, Member
from prunelab.graph.program import TensorSpec
from prunelab.plan.sparse import SparseGroup
from prunelab.render.numbers import change, percent
from prunelab.render.table import html_table, text_table
from prunelab.render.units import UnitsPicture

if TYPE_CHECKING:
    from prunelab.graph import Graph

FORMAT, VERSION = "prunelab-plan", 1


@dataclass(frozen=True)
class PlanGroup:
    """One group of the structure and its ``removed`` units, sorted; ``labels`` name the units that have names."""

    name: str
    units: int
    granularity: str
    members: tuple[Member, ...]
    removed: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, group: Group) -> PlanGroup:
        """A group of a graph with nothing removed."""
        return cls(group.name, group.units, group.granularity, group.members, labels=group.labels)

    @property
    def n_removed(self) -> int:
        """How many units are removed."""
        return len(self.removed)

    def with_removed(self, removed: Iterable[int]) -> PlanGroup:
        """The same group with other units removed.

        Raises:
            PlanError: a unit that it does not have, or none left.
        """
        return _with(self, removed)

    def to_json(self) -> dict[str, Any]:
        """The group as JSON data."""
        return {"name": self.name, "units": self.units, "granularity": self.granularity, "removed": list(self.removed),
                "members": [{"parameter": m.parameter, "axis": m.axis, "role": m.role} for m in self.members],
                **({"labels": list(self.labels)} if self.labels else {})}

    @property
    def ratio(self) -> float:
        """The fraction removed."""
        return len(self.removed) / self.units

    @property
    def kept(self) -> tuple[int, ...]:
        """The units that stay, in order."""
        gone = set(self.removed)
        return tuple(u for u in range(self.units) if u not in gone)

    @property
    def renumbered(self) -> np.ndarray[Any, Any]:
        """(units,) int64: each unit's number among those that stay, -1 for one that goes.

        Of a vocabulary it makes the ids that the smaller model takes: ``small(group.renumbered[ids])``.
        """
        out = np.full(self.units, -1, np.int64)
        out[list(self.kept)] = np.arange(self.units - self.n_removed)
        return out

    def picture(self) -> UnitsPicture:
        """The units in rows, those that go empty."""
        return UnitsPicture(self.name, self.granularity, self.renumbered >= 0, self.labels)


@dataclass(frozen=True)
class Plan:
    """Which units go. Made by `prunelab.propose`; loading one runs no code.

    ``fingerprint`` identifies the structure, ``inputs`` is what it was traced with, ``made`` says how the plan came to
    be, ``cost`` and ``dense_cost`` what the network costs with and without it, ``metrics`` what was measured at the
    time.
    """

    fingerprint: str
    model: str
    inputs: tuple[TensorSpec, ...]
    groups: tuple[PlanGroup | SparseGroup, ...]
    cost: Cost
    dense_cost: Cost
    made: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)

    # making

    @classmethod
    def empty(cls, graph: Graph) -> Plan:
        """The plan that removes nothing."""
        dense = graph.cost()
        groups = tuple(map(PlanGroup.of, graph.prunable))
        return cls(graph.fingerprint, graph.program.model, graph.input_specs, groups, dense, dense)

    def with_removed(self, graph: Graph, removed: Mapping[str, Iterable[int]], **made: Any) -> Plan:
        """This plan with other units of the named groups removed; the cost follows.

        ``removed`` has integers for each name, in any order: a tuple, a range, an array of NumPy.

        Raises:
            PlanError: a unit that the group does not have, or none left.
        """
        groups = tuple(g.with_removed(removed[g.name]) if g.name in removed else g for g in self.groups)
        unknown = [name for name in removed if name not in {g.name for g in self.groups}]
        if unknown:
            raise unknown_name("group", unknown[0], [g.name for g in self.groups], place="the plan")
        plan = replace(self, groups=groups, made={**self.made, **made}, metrics={})
        return replace(plan, cost=graph.cost(plan))

    def with_metrics(self, metrics: Mapping[str, float]) -> Plan:
        """The same plan with what was measured."""
        return replace(self, metrics=dict(metrics))

    # reading

    def group(self, name: str) -> PlanGroup | SparseGroup:
        """The group of that name."""
        for g in self.groups:
            if g.name == name:
                return g
        raise unknown_name("group", name, [g.name for g in self.groups], place="the plan")

    def removed(self, name: str) -> tuple[int, ...]:
        """The removed units of a group."""
        return self.group(name).removed

    def ratio(self, name: str) -> float:
        """The fraction of a group's units that is removed."""
        return self.group(name).ratio

    def with_units(self, graph: Graph) -> Plan:
        """The same plan with every group of units in it, whole where nothing of it goes: a plan of masks has none."""
        known = {g.name for g in self.groups if isinstance(g, PlanGroup)}
        more = tuple(g for g in Plan.empty(graph).groups if g.name not in known)
        return replace(self, groups=(*more, *self.groups)) if more else self

    @property
    def sparsity(self) -> float:
        """The fraction of all units that is removed."""
        units = sum(g.units for g in self.groups)
        return sum(g.n_removed for g in self.groups) / units if units else 0.0

    def __bool__(self) -> bool:
        """Whether anything is removed."""
        return any(g.n_removed for g in self.groups)

    def apply(self, model: Any) -> Any:
        """The smaller model of a fresh ``model`` of this structure.

        It is ready for ``set_state_dict`` of the pruned weights.
        """
        from prunelab.surgery import compact

        return compact(model, self)

    # in other libraries' words; see `prunelab.plan.exchange`

    @classmethod
    def from_masks(cls, graph: Graph, masks: Mapping[str, Any]) -> Plan:
        """The plan whose units are those that ``masks`` (arrays by parameter, zero where a weight goes) silence.

        Raises:
            UnknownNameError: a parameter that the model does not have.
            PlanError: a mask of another shape, or one that takes weights which make no whole unit.
        """
        from prunelab.plan.exchange import from_masks

        return from_masks(graph, masks)

    def to_paddleslim(self, model: Any) -> dict[str, list[dict[str, Any]]]:
        """The masks that ``paddleslim.dygraph.PruningPlan`` holds, by Paddle's name of each parameter of the dense
        ``model``, as plain data.

        Raises:
            PlanError: a plan for another structure, or one that PaddleSlim cannot say.
        """
        from prunelab.plan.exchange import to_paddleslim

        return to_paddleslim(self, model)

    def to_torch_pruning(self, model: Any) -> list[tuple[str, bool, list[int]]]:
        """The history that ``DependencyGraph.load_pruning_history`` of Torch-Pruning takes: (layer, whether its outputs
        are pruned, the positions that go).

        Raises:
            PlanError: a plan for another structure, or one that Torch-Pruning cannot say.
        """
        from prunelab.plan.exchange import to_torch_pruning

        return to_torch_pruning(self, model)

    # telling

    def _rows(self) -> list[list[str]]:
        return [[_told(g), g.granularity, f"{g.units - g.n_removed:,}/{g.units:,}", percent(g.ratio, 0)]
                for g in self.groups]

    def summary(self) -> str:
        """A table of the groups, then the cost beside the dense model's."""
        return text_table(["group", "unit", "kept", "removed"], self._rows()) + "\n" + self._totals()

    def _totals(self) -> str:
        c, d = self.cost, self.dense_cost
        masked = f", {c.nonzero:,} of them not zero" if c.nonzero != c.params else ""
        return (f"params {d.params:,} → {c.params:,} ({change(c.params, d.params)}){masked}, "
                f"MACs {d.macs:,} → {c.macs:,} ({change(c.macs, d.macs)})")

    def __repr__(self) -> str:
        cut = sum(1 for g in self.groups if g.n_removed)
        return f"Plan for {self.model}: {cut} of {len(self.groups)} groups cut; {self._totals()}"

    def _repr_html_(self) -> str:
        return html_table(["group", "unit", "kept", "removed"], self._rows(), caption=self._totals())

    def diff(self, other: Plan) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
        """By group: units removed only here, and only in ``other``. Groups that agree are left out.

        Raises:
            PlanError: plans for different structures.
        """
        if as_plan(other, "other").fingerprint != self.fingerprint:
            raise PlanError(f"the plans are for different structures, {self.model} and {other.model}; "
                            "compare plans of one model")
        out = {}
        here, there = ({g.name: g.removed for g in plan.groups} for plan in (self, other))
        for name in dict.fromkeys([*here, *there]):  # a plan of masks has other groups than one of units
            a, b = set(here.get(name, ())), set(there.get(name, ()))
            if a != b:
                out[name] = (tuple(sorted(a - b)), tuple(sorted(b - a)))
        return out

    # files

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON data; ``prunelab/plan/plan.schema.json`` describes it."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "model": self.model,
            "fingerprint": self.fingerprint,
            "inputs": [spec.to_json() for spec in self.inputs],
            "groups": [g.to_json() for g in self.groups],
            "cost": self.cost.to_json(),
            "dense_cost": self.dense_cost.to_json(),
            "made": dict(self.made),
            "metrics": dict(self.metrics),
        }

    @classmethod
    def from_json(cls, data: Any, *, place: str = "the plan") -> Plan:
        """The plan that ``to_json`` wrote.

        Raises:
            PlanError: data of another format or a newer version, or that lacks something; ``place`` is named.
        """
        kind = data.get("format") if isinstance(data, Mapping) else None
        if kind != FORMAT:
            raise PlanError(f"{place} is no prunelab plan (its format is {kind!r}, not '{FORMAT}'); "
                            "plans are written by Plan.save")
        if data.get("version") != VERSION:
            raise PlanError(f"{place} has the version {data.get('version')!r}; this prunelab reads version {VERSION}: "
                            "update prunelab, or write the plan again")
        form = "the form is in prunelab/plan/plan.schema.json; write the plan again with Plan.save"
        values: dict[str, Any] = {}
        for key, read in _READERS.items():
            if key not in data:
                raise PlanError(f"{place} lacks '{key}'; {form}")
            try:
                values[key] = read(data[key])
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                said = reason_of(error)
                raise PlanError(f"{place} is damaged: its '{key}' cannot be read ({said}); {form}") from error
        return cls(**values)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the plan as JSON; the file appears whole or not at all.

        Raises:
            PlanError: a place that cannot be written.
        """
        _check_path(path)
        target = Path(path)
        try:
            handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(self.to_json(), file, indent=1)
                file.write("\n")
            os.chmod(temporary, 0o644)  # a temporary file is its owner's alone; a plan is to be read by others
            os.replace(temporary, target)
        except OSError as error:
            raise PlanError(f"the plan cannot be written to {target}: {error.strerror}; "
                            "choose a folder that exists and can be written") from error
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Plan:
        """Read a plan; no code runs.

        Raises:
            PlanError: a file that is not there or is no plan.
        """
        _check_path(path)
        try:
            with open(path, encoding="utf-8") as file:
                data = json.load(file)
        except OSError as error:
            raise PlanError(f"the plan {os.fspath(path)} cannot be read: {error.strerror}; check the path") from error
        except ValueError as error:
            raise PlanError(f"{os.fspath(path)} is no JSON: {error}; plans are written by Plan.save") from error
        return cls.from_json(data, place=os.fspath(path))


def _check_path(path: object) -> None:
    if not isinstance(path, (str, os.PathLike)):
        raise PlanError(f"the path of a plan is {shown(path)}; give a file's name, such as 'plan.json'")


def _plan_group(group: Group) -> PlanGroup:
    return PlanGroup(group.name, group.units, group.granularity, group.members)


def _told(group: PlanGroup | SparseGroup) -> str:
    """A group's name, and the names of the units that go where units have names."""
    labels = group.labels if isinstance(group, PlanGroup) else ()
    gone = ", ".join(labels[u] for u in group.removed) if labels else ""
    return f"{group.name} without {gone}" if gone else group.name


def _read_group(data: Mapping[str, Any]) -> PlanGroup | SparseGroup:
    if isinstance(data.get("removed"), Mapping):
        return SparseGroup.from_json(data)
    whole = PlanGroup(str(data["name"]), int(data["units"]), str(data["granularity"]), tuple(
        Member(str(m["parameter"]), int(m["axis"]), str(m["role"])) for m in data["members"]),
        labels=tuple(map(str, data.get("labels", ()))))
    return _with(whole, data["removed"])


def _with(group: PlanGroup, removed: Iterable[int]) -> PlanGroup:
    units = tuple(sorted({int(u) for u in removed}))
    if units and (units[0] < 0 or units[-1] >= group.units):
        bad = units[0] if units[0] < 0 else units[-1]
        raise PlanError(f"{group.name} has no unit {bad}; its units are 0 to {group.units - 1}")
    if len(units) == group.units:
        raise PlanError(f"all {group.units} units of {group.name} would go, and nothing would pass; keep at least one")
    return replace(group, removed=units)


# key of the JSON form -> how its value is read
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "fingerprint": str,
    "model": str,
    "inputs": lambda specs: tuple(map(TensorSpec.from_json, specs)),
    "groups": lambda groups: tuple(map(_read_group, groups)),
    "cost": Cost.from_json,
    "dense_cost": Cost.from_json,
    "made": dict,
    "metrics": dict,
}


def as_plan(value: Any, place: str = "the plan") -> Plan:
    """``value``, which is a plan.

    Raises:
        PlanError: something else; of a path it says how to read it.
    """
    if isinstance(value, Plan):
        return value
    if isinstance(value, (str, os.PathLike)):
        raise PlanError(f"{place} is the path {shown(os.fspath(value))}; read it first: "
                        f"pl.Plan.load({os.fspath(value)!r})")
    raise PlanError(f"{place} is {shown(value)}; give a Plan, as pl.propose and pl.Plan.load do")
