"""What each layer of a Lab's current state bears."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from prunelab.criteria import Criterion, criterion_of
from prunelab.evaluate import Sensitivity, sensitivity
from prunelab.evaluate.evaluate import named_metrics
from prunelab.evaluate.progress import Progress
from prunelab.evaluate.sensitivity import RATIOS
from prunelab.lab.choosing import Choosing
from prunelab.lab.state import State

_PARTS = 1000  # what the work is told in, since it counts no batches but multiply-accumulates


class Sensing(Choosing):
    """Measuring what a cut of each layer alone would cost; nothing here changes the Lab."""

    _sensed: dict[tuple[str, str, str], Sensitivity]

    def sensed(self, metric: str | None = None, criterion: str | Criterion | None = None,
               state: str | State | None = None) -> Sensitivity | None:
        """What `sensitivity` has measured of a state (the current one) in this process, all calls together; it grows
        while a measurement runs, and is None before there is a point.

        ``metric`` and ``criterion`` are the Lab's first metric and the Lab's criterion, if left out.
        """
        where = self.state if state is None else self._nodes.find(state)
        named = metric or next(iter(self._own_metrics()))
        return self._sensed.get((where.id, named, self._cut(criterion, 1).criterion_name))

    def _own_metrics(self) -> dict[str, Any]:
        """The Lab's metrics by name; the loss where it has none."""
        own = list(self._task.metrics) or ["loss"]
        return dict(zip(named_metrics(own, self._task.loss), own, strict=True))

    def sensitivity(
        self,
        *layers: str,
        ratios: float | Iterable[float] = RATIOS,
        metric: Any = None,
        criterion: str | Criterion | None = None,
        confidence: float | None = None,
        data: Any = None,
        **options: Any,
    ) -> Sensitivity:
        """The metric with each layer alone cut further, at each ratio of its dense units: curves, a heat map, and
        ``.suggest(max_loss=1.0)`` -> ratios.

        What was measured in this state is kept in the workspace, and not measured again; after `stop` it goes on where
        it was.

        Args:
            layers: only these: layers, groups or patterns such as ``"layer4.*"``.
            metric: a name, also of a metric of the Lab's own, or a function (the Lab's first metric).
            data: the validation data, if left out.
            criterion: the Lab's, if left out.
            ratios, confidence, options: as for `prunelab.sensitivity`.

        Raises:
            As `prunelab.sensitivity`; OptionError without data.
        """
        data = self._data(data)
        own = self._own_metrics()
        chosen = next(iter(own.values())) if metric is None else own.get(metric, metric) if isinstance(
            metric, str) else metric
        cut = self._seeded(self._cut(criterion, 1))
        state, folder = self.state, self._bench.store.folder
        with self._work.begin("sensitivity", _PARTS) as meter:
            def told(progress: Progress) -> None:
                meter.done = max(round(_PARTS * progress.fraction) - 1, 0)
                meter.name(f"sensitivity of {progress.label}")
                meter.tick()

            return sensitivity(
                self.graph, data, ratios=ratios, metric=chosen, loss=self._task.loss,
                criterion=criterion_of(cut.criterion), groups=layers or None, plan=self.plan, confidence=confidence,
                cache=None if folder is None else folder / "sensitivity",
                on_progress=told, on_points=lambda points: self._keep(state, points), seed=cut.seed, **options)

    def _keep(self, state: State, found: Sensitivity) -> None:
        """Add what was found to what is known of the state, in network order."""
        key = (state.id, found.metric, str(found.made["criterion"]))
        before = self._sensed.get(key)
        rows = {} if before is None else before.points
        names = [g.name for g in self.graph.prunable if g.name in rows or g.name in found.points]
        points = {name: dict(sorted({**rows.get(name, {}), **found.points.get(name, {})}.items())) for name in names}
        if any(points.values()):
            self._sensed[key] = replace(found, points=points)
