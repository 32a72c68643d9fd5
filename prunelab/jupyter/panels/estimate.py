"""What a cut would cost in the metric, as far as the sensitivity that was measured tells: before it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prunelab.evaluate import Sensitivity
from prunelab.evaluate.measured import Point
from prunelab.jupyter.words import STEP as WORDS
from prunelab.lab import Lab, Previews
from prunelab.lab.cuts import gone
from prunelab.lab.state import State, metric_text


@dataclass(frozen=True)
class Sensed:
    """A measurement, and the state in which it was made."""

    state: State
    found: Sensitivity

    @property
    def worst(self) -> float:
        """The worst metric that was measured."""
        values = [self.found.dense, *(point.value for row in self.found.points.values() for point in row.values())]
        return min(values) if self.found.higher_is_better else max(values)

    def change(self, layer: str, now: float, then: float) -> tuple[float, float, float] | None:
        """By how much the metric changes as a layer goes on from the ratio ``now`` to ``then``: read off a line between
        measured ratios, and between which two numbers it is; None beyond what was measured."""
        row = self.found.points.get(layer, {})
        before = len(gone(self.state.plan, layer)) / self.state.plan.group(layer).units
        known = {before: Point(self.found.dense), **{ratio: point for ratio, point in row.items() if ratio > before}}
        at_now, at_then = _on_line(known, now), _on_line(known, then)
        if at_now is None or at_then is None:
            return None
        value, low, high = (at - at_now[0] for at in at_then)
        return value, low, high


def _on_line(known: Mapping[float, Point], ratio: float) -> tuple[float, float, float] | None:
    below, above = [r for r in known if r <= ratio + 1e-9], [r for r in known if r >= ratio - 1e-9]
    if not below or not above:
        return None
    a, b = max(below), min(above)
    part = (ratio - a) / (b - a) if b > a else 0.0
    ends = [known[a], known[b]] if 0 < part < 1 else [known[a] if part <= 0 else known[b]]
    value = (1 - part) * known[a].value + part * known[b].value if b > a else ends[0].value
    return value, min(p.value - p.error for p in ends), max(p.value + p.error for p in ends)


def sensed(lab: Lab, criterion: str | None) -> Sensed | None:
    """What was measured of the Lab's first metric, in the nearest state on the way here."""
    for state in reversed(lab.path()):
        found = lab.sensed(None, criterion, state)
        if found is not None:
            return Sensed(state, found)
    return None


def estimate_text(known: Sensed, lab: Lab, previews: Previews) -> str:
    """``accuracy about 98.4 % (98.1 to 98.6)``: the metric with these cuts, if what they cost adds up; empty where that
    was not measured. A sum that is worse than anything that was measured is told as beyond it."""
    metric, now = known.found.metric, lab.state.metrics.get(known.found.metric)
    going = [one for one in previews.layers if one.new]
    changes = [known.change(one.layer, len(gone(lab.plan, one.layer)) / one.units, len(one.removed) / one.units)
               for one in going]
    if now is None or not changes or None in changes:
        return ""
    value, low, high = (now + sum(change[k] for change in changes if change) for k in range(3))
    worst, falls = known.worst, known.found.higher_is_better
    if value < worst if falls else value > worst:
        beyond = WORDS["below" if falls else "above"].format(metric=metric, value=metric_text(metric, worst))
        return _where(known, lab, beyond)
    low, high = (max(low, worst), high) if falls else (low, min(high, worst))
    told = [metric_text(metric, number) for number in (value, low, high)]
    estimate = WORDS["estimate"].format(metric=metric, value=told[0])
    if told[1] != told[2]:
        a, b = (number.removesuffix(" %") for number in told[1:])
        estimate = WORDS["between"].format(estimate=estimate, low=a, high=b)
    return _where(known, lab, estimate)


def _where(known: Sensed, lab: Lab, estimate: str) -> str:
    """The estimate, with the state that it is of, where that is another one."""
    if known.state.id == lab.state.id:
        return estimate
    return WORDS["elsewhere"].format(estimate=estimate, state=known.state.id)
