"""The smallest model that loses no more than so many points, verified."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prunelab.errors import OptionError, SearchError, unknown_name
from prunelab.evaluate import evaluate
from prunelab.evaluate.evaluate import MetricName
from prunelab.render.numbers import number
from prunelab.search.objectives import COSTS, Objective
from prunelab.search.trial import Trial
from prunelab.surgery import mask


@dataclass(frozen=True)
class Limit:
    """A metric's value may be at most this far on its bad side."""

    objective: Objective
    bound: float

    def allows(self, value: float) -> bool:
        """Whether a value is within."""
        return value >= self.bound - 1e-9 if self.objective.higher_is_better else value <= self.bound + 1e-9


def smallest_within(trials: Sequence[Trial], objectives: Sequence[Objective], dense: Mapping[str, float],
                    points: Mapping[str, float], judge: tuple[Any, Any, Any],
                    measure: Callable[[Trial], Mapping[str, float]] | None = None,
                    on_all: Mapping[str, float] | None = None) -> Trial:
    """The first of the trials, from the smallest, that is within so many points of the dense model, on all of the data.

    Args:
        judge: the model, the data and the loss that it is verified with. ``measure``: of trials that are more than a
            plan (trained, in eight bits, built anew) what they are at on all of the data, where they saw a part of it.
            ``on_all``: the dense model's values there.

    Raises:
        SearchError: none is; the nearest is named.
    """
    limits = read_limits(points, objectives, dense)
    verified = limits if on_all is None else read_limits(points, objectives, on_all)
    small = next((o.name for o in objectives if o.is_cost), "params")
    for trial in sorted(trials, key=lambda t: t.values.get(small, float(t.plan.cost.params))):
        if all(limit.allows(trial.values[limit.objective.name]) for limit in limits) and _verified(
                trial, verified, *judge, measure):
            return trial
    name, by = next(iter(points.items()))
    objective = limits[0].objective
    best = (max if objective.higher_is_better else min)(trials, key=lambda t: t.values[name])
    off = 100 * (best.values[name] - dense[name])
    raise SearchError(f"no trial is within {name}={by:g} points of the dense model; the nearest is trial {best.number} "
                      f"at {number(off)} points: allow that, or search on with more trials or smaller ratios")


def read_limits(points: Mapping[str, float], objectives: Sequence[Objective],
                dense: Mapping[str, float]) -> list[Limit]:
    """The limits of points by metric.

    Raises:
        OptionError: none.
        UnknownNameError: a metric that is no objective.
    """
    if not points:
        raise OptionError("within wants a metric and points: study.within(accuracy=-1.0)")
    measured = {o.name: o for o in objectives if o.name not in COSTS}
    for name in points:
        if name not in measured:
            raise unknown_name("metric", name, measured, place="within")
    return [Limit(measured[name], dense[name] + by / 100) for name, by in points.items()]


def _verified(trial: Trial, limits: Sequence[Limit], model: Any, data: Any, loss: Any,
              measure: Callable[[Trial], Mapping[str, float]] | None) -> bool:
    settings = trial.settings
    found: Mapping[str, float]
    if settings["repair"] or settings["epochs"] or settings["quantization"] != "none":
        found = trial.values if measure is None else measure(trial)  # without it they are of all of the data already
    else:
        metrics: list[MetricName] = [limit.objective.metric for limit in limits if limit.objective.metric is not None]
        with mask(model, trial.plan):
            found = evaluate(model, data, metrics, loss)
    return all(limit.allows(found[limit.objective.name]) for limit in limits)
