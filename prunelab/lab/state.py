"""`State`: a node of the history, plain data."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import paddle

from prunelab.evaluate.latency import current_threads
from prunelab.graph import Cost
from prunelab.plan import Plan
from prunelab.render.numbers import count, metric


@dataclass(frozen=True)
class State:
    """One recorded state of a Lab.

    ``parent`` is the id of the state it was made from (None for the dense model), ``action`` the Python line that makes
    it from there, ``cost`` that of the smaller model, ``sparsity`` the fraction of all units that is gone, ``seed``
    what its work was seeded with, ``branch`` the branch it was made on, ``created`` a time in UTC (ISO 8601),
    ``versions`` what it ran on, ``stored_bytes`` what its arrays added to the history, ``training`` how the loss went
    while it was fine-tuned: pairs of a batch, counted from 1, and the mean loss up to it since the last pair,
    ``trained_with`` what the Lab was opened with that this training depended on, and the line does not say (objects by
    what they are called).
    """

    id: str
    parent: str | None
    label: str
    action: str
    metrics: Mapping[str, float]
    cost: Cost
    sparsity: float
    seed: int
    duration_s: float
    created: str
    versions: Mapping[str, Any]
    branch: str
    stored_bytes: int
    _read_plan: Callable[[], Plan] = field(repr=False, compare=False)
    training: tuple[tuple[int, float], ...] = ()
    trained_with: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def plan(self) -> Plan:
        """What is removed, relative to the dense model. Read when it is first asked for."""
        return self._read_plan()

    @property
    def searched(self) -> bool:
        """Whether it records a search, which changes nothing: neither weights nor what a later step gives."""
        return self.action.startswith("lab.search(")

    @property
    def number(self) -> int:
        """The number in the id: states are counted in the order in which they were made."""
        return int(self.id[1:])

    def to_json(self) -> dict[str, Any]:
        """Everything but the plan, as JSON data."""
        data = {k: v for k, v in vars(self).items() if k not in ("_read_plan", "plan")}
        return {**data, "metrics": dict(self.metrics), "cost": asdict(self.cost), "versions": dict(self.versions)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], read_plan: Callable[[], Plan]) -> State:
        """The state that ``to_json`` wrote."""
        cost = Cost.from_json(data["cost"])
        training = tuple((int(batch), float(loss)) for batch, loss in data.get("training", ()))
        return cls(**{"branch": "main", "stored_bytes": 0, **data, "cost": cost, "training": training},
                   _read_plan=read_plan)

    def __hash__(self) -> int:
        return hash((self.id, self.created))

    def __str__(self) -> str:
        told = [f"{name} {metric_text(name, value)}" for name, value in self.metrics.items()]
        told += [f"{count(self.cost.params)} params", f"{count(self.cost.macs)} MACs"]
        return f"{self.id} {self.label}: {', '.join(told)}"

    __repr__ = __str__


def metric_text(name: str, value: float) -> str:
    """A metric as a person reads it: an accuracy in percent, others to three digits."""
    return metric(name, value)


_STRETCHES = 200  # of a training that are kept: more than a chart is wide


def stretches(losses: Sequence[float]) -> tuple[tuple[int, float], ...]:
    """The losses of batches as means over at most 200 equal stretches, each with the number of its last batch."""
    parts = np.array_split(np.asarray(losses, float), min(len(losses), _STRETCHES)) if len(losses) else []
    ends = np.cumsum([len(part) for part in parts])
    return tuple((int(end), float(f"{part.mean():.5g}")) for end, part in zip(ends, parts, strict=True))


def versions(device: str) -> dict[str, Any]:
    """What the bits of a state may depend on: the versions, the device and the number of threads."""
    from prunelab import __version__

    return {
        "prunelab": __version__,
        "paddle": paddle.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "device": device,
        "threads": current_threads(),
    }
