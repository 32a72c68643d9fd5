"""What a trial is judged by: metrics over data, and what the smaller model costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.study import StudyDirection

from prunelab.errors import OptionError, shown, unknown_name
from prunelab.evaluate import METRICS
from prunelab.evaluate.evaluate import MetricName, named_metrics
from prunelab.render.numbers import count, milliseconds, number, percent, size
from prunelab.search.constraints import Constraint

# What is known of a plan before it is tried, lower is better: how it is told
COSTS: Mapping[str, Callable[..., str]] = {
    "params": count,
    "macs": count,
    "size_bytes": size,
    "latency_ms": milliseconds,
}
# What is known only when a trial has run
ENERGY = "energy"


@dataclass(frozen=True)
class Objective:
    """One number of a trial: a metric, a cost, or joules for a sample ("energy")."""

    name: str
    higher_is_better: bool
    metric: MetricName | None = None

    @property
    def is_cost(self) -> bool:
        """Whether it is known before the trial runs."""
        return self.name in COSTS

    @property
    def plain(self) -> Objective:
        """The same without the function that measures it: plain data."""
        return Objective(self.name, self.higher_is_better)

    @property
    def direction(self) -> StudyDirection:
        """In Optuna's words."""
        return StudyDirection.MAXIMIZE if self.higher_is_better else StudyDirection.MINIMIZE

    def text(self, value: float) -> str:
        """A value as a person reads it."""
        return text_of(self.name, value)


def text_of(name: str, value: float) -> str:
    """A trial's value as a person reads it, by its name."""
    if name in COSTS:
        return COSTS[name](value)
    if name == "accuracy":
        return percent(value)
    return f"{number(value)} J" if name == ENERGY else number(value)


def read_objectives(given: Any, loss: Any) -> tuple[Objective, ...]:
    """The objectives of these names or metric functions, in their order.

    Raises:
        UnknownNameError: one that nobody computes; the nearest is named.
        OptionError: none, or one twice.
    """
    listed: list[Any] = [given] if isinstance(given, str) or callable(given) else list(given) if isinstance(
        given, Iterable) else []
    if not listed:
        raise OptionError(f"objectives is {shown(given)}; give at least one of {', '.join(known_names())}")
    found = tuple(objective_of(name, loss) for name in listed)
    names = [o.name for o in found]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise OptionError(f"the objective {twice} is given twice; give each once")
    return found


def objective_of(given: Any, loss: Any, kind: str = "objective") -> Objective:
    """The objective of a name, or of a metric function.

    Raises:
        UnknownNameError: nobody computes it.
    """
    if isinstance(given, str) and (given in COSTS or given == ENERGY):
        return Objective(given, False)
    if isinstance(given, str) and given not in METRICS:
        raise unknown_name(kind, given, known_names())
    (name, metric), = named_metrics([given], loss).items()
    return Objective(name, metric.higher_is_better, given)


def known_names() -> list[str]:
    """All that can be an objective, metrics first."""
    return [*METRICS, *COSTS, ENERGY]


@dataclass(frozen=True)
class Aims:
    """The objectives of a search, its constraints, and all that is measured for both, by name."""

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    measured: Mapping[str, Objective]

    @classmethod
    def of(cls, objectives: tuple[Objective, ...], constraints: Iterable[Constraint], loss: Any) -> Aims:
        """With what constraints need beside the objectives."""
        measured = {o.name: o for o in objectives}
        for c in constraints:
            measured.setdefault(c.name, objective_of(c.name, loss, "constraint"))
        directed = tuple(c.directed(measured[c.name].higher_is_better) for c in constraints)
        return cls(objectives, directed, measured)

    @property
    def metrics(self) -> list[MetricName]:
        """What is measured over data."""
        return [o.metric for o in self.measured.values() if o.metric is not None]

    def bounds(self, dense: Mapping[str, float], rows: Mapping[str, Any]) -> tuple[tuple[Objective, Any, float], ...]:
        """The constraints on metrics that are means over samples: each with the dense model's rows, and by how much it
        may be worse."""
        found = []
        for c in self.constraints:
            objective = self.measured[c.name]
            if c.name in rows and (c.op == ">=") == objective.higher_is_better:
                found.append((objective.plain, rows[c.name], abs(dense[c.name] - c.limit(dense[c.name]))))
        return tuple(found)

    def missed(self, values: Mapping[str, float], dense: Mapping[str, float]) -> dict[str, float]:
        """By how much each constraint is missed (above 0) or met, where its value is known."""
        return {str(c): c.missed(values[c.name], dense[c.name]) for c in self.constraints if c.name in values}
