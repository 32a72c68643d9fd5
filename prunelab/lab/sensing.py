"""What each layer of a Lab's current state bears."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prunelab.criteria import Criterion, criterion_of
from prunelab.errors import OptionError
from prunelab.evaluate import Sensitivity, sensitivity
from prunelab.evaluate.progress import Progress
from prunelab.evaluate.sensitivity import RATIOS
from prunelab.lab.stepping import Choosing

_PARTS = 1000  # what the work is told in, since it counts no batches but multiply-accumulates


class Sensing(Choosing):
    """Measuring what a cut of each layer alone would cost; nothing here changes the Lab."""

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
            metric: a name or a function (the Lab's first metric); data: the validation data, if left out.
            criterion: the Lab's, if left out.
            ratios, confidence, options: as for `prunelab.sensitivity`.

        Raises:
            As `prunelab.sensitivity`; OptionError without data.
        """
        data = self._task.val if data is None else data
        if data is None:
            raise OptionError("data is missing, and the Lab has no validation data; "
                              "give data, or open the Lab with val=")
        chosen = next(iter(self._task.metrics), "loss") if metric is None else metric
        cut = self._seeded(self._cut(criterion, 1))
        with self._work.begin("sensitivity", _PARTS) as meter:
            def told(progress: Progress) -> None:
                meter.done = max(round(_PARTS * progress.fraction) - 1, 0)
                meter.name(f"sensitivity of {progress.label}")
                meter.tick()

            return sensitivity(
                self.graph, data, ratios=ratios, metric=chosen, loss=self._task.loss,
                criterion=criterion_of(cut.criterion), groups=layers or None, plan=self.plan, confidence=confidence,
                cache=None if self.workspace is None else Path(self.workspace) / "sensitivity",
                on_progress=told, seed=cut.seed, **options)
