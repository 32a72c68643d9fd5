"""Looking at a Lab: previews, scores, masks, curves, and metrics on other data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prunelab.criteria import Criterion, score
from prunelab.errors import OptionError, check_ratio
from prunelab.evaluate import evaluate
from prunelab.evaluate.batches import Batches
from prunelab.graph import Group
from prunelab.lab.choosing import Choosing
from prunelab.lab.cuts import Cut, check_mixed, find_group, units_at
from prunelab.lab.previews import Going, Preview, Previews
from prunelab.lab.state import State
from prunelab.lab.views import masks_of
from prunelab.render.masks import MaskPicture

_NOT_GATHERED = "which takes longer than a preview may: take the step and look"
_MOST_SCORES = 500  # a slider's groups and criteria over some states; each is an array of a number a unit


class Looking(Choosing):
    """What a Lab shows of its current state; nothing here changes it."""

    _scores: dict[tuple[str, str, Any, int], Any]

    def evaluate(self, data: Any = None, metrics: str | Iterable[Any] | None = None) -> dict[str, float]:
        """The metrics of the current model on ``data`` (the validation data)."""
        data = self._task.val if data is None else data
        if data is None:
            raise OptionError("data is missing, and the Lab has no validation data; "
                              "give data, or open the Lab with val=")
        with self._work.begin("evaluate", data.size if isinstance(data, Batches) else None) as meter:
            chosen = self._task.metrics if metrics is None else metrics
            return evaluate(self.model, data, chosen, self._task.loss, on_batch=meter.tick)

    def preview(self, layer: str, ratio: float = 0.3, criterion: str | Criterion | None = None, *,
                round_to: int = 1) -> Preview:
        """What ``step(layer, ratio)`` would take away, without doing it.

        Quick enough for a slider, also while work runs. A ratio below what is gone gives what is gone.
        """
        return self.previews([layer], ratio, criterion, round_to=round_to).of(find_group(self.graph, layer).name)

    def previews(self, layers: Iterable[str], ratio: float = 0.3, criterion: str | Criterion | None = None, *,
                 round_to: int = 1) -> Previews:
        """What ``step(layer, ratio)`` of each of several layers would take away in all, without doing it."""
        groups = list(dict.fromkeys(find_group(self.graph, layer) for layer in layers))
        ratio = check_ratio(ratio, place="ratio")
        state = self.state
        check_mixed(state.plan)
        now = state.plan.with_units(self.graph)
        cut = self._seeded(self._cut(criterion, round_to).check(_NOT_GATHERED))

        def going(group: Group) -> Going:
            removed = units_at(now, group, ratio, cut, lambda g: self._recorded_scores(g, cut))
            new = tuple(sorted(set(removed) - set(now.removed(group.name))))
            return Going(group.name, group.units, removed, new)

        each = tuple(map(going, groups))
        plan = now.with_removed(self.graph, {one.layer: one.removed for one in each})
        return Previews(each, plan.cost, state.cost)

    def scores(self, layer: str, criterion: str | Criterion | None = None) -> Any:
        """The scores of a layer's units in the current state: ``(units,)``, float, higher is kept."""
        cut = self._seeded(self._cut(criterion, 1).check(_NOT_GATHERED))
        return self._recorded_scores(find_group(self.graph, layer), cut)

    def _recorded_scores(self, group: Any, cut: Cut) -> Any:
        own = cut.criterion if isinstance(cut.criterion, str) else id(cut.criterion)
        key = (self.state.id, group.name, own, cut.seed)
        if key not in self._scores:
            if len(self._scores) > _MOST_SCORES:
                self._scores.clear()
            scores = score(self._bench.recorded(group.name), group, cut.criterion, seed=cut.seed)
            # with the criterion: as long as it lives, no other one has its id
            self._scores[key] = (scores, cut.criterion)
        return self._scores[key][0]

    def masks(self, layer: str, state: str | State | None = None) -> MaskPicture:
        """Kept and cut units of a layer with their weights, those of cut units as they were in the dense model; in
        the current state, or in another one."""
        where = None if state is None else self._nodes.find(state)
        return masks_of(self._bench, find_group(self.graph, layer), where)
