"""How a Lab chooses units: by which criterion, on which data, seeded by where it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prunelab.criteria import Criterion
from prunelab.errors import OptionError
from prunelab.lab.cuts import Cut
from prunelab.lab.opened import Opened
from prunelab.lab.randomness import seed_all


class Choosing(Opened):
    """How units are chosen: the Lab's criterion, where a step names none, seeded by where the Lab is."""

    _criterion: str | Criterion

    def _cut(self, criterion: str | Criterion | None, round_to: int, granularity: str = "auto") -> Cut:
        return Cut(self._criterion if criterion is None else criterion, round_to, granularity)

    def _seeded(self, cut: Cut) -> Cut:
        return replace(cut, seed=self._work.seed_here())

    def _looking(self, criterion: str | Criterion | None, round_to: int, granularity: str = "auto") -> Cut:
        """A cut that may look at the Lab's data."""
        task = self._task
        data = task.val if task.train is None else task.train
        cut = replace(self._cut(criterion, round_to, granularity), data=data, loss=task.loss)
        return cut.check("and the Lab has no data; open it with train=")

    def _data(self, given: Any) -> Any:
        """The data that is given, or the validation data.

        Raises:
            OptionError: there is neither.
        """
        data = self._task.val if given is None else given
        if data is None:
            raise OptionError("data is missing, and the Lab has no validation data; "
                              "give data, or open the Lab with val=")
        return data

    def _chosen_here(self, cut: Cut) -> Cut:
        """The cut, seeded by where the Lab is; and the generators, which say in what order data comes."""
        seeded = self._seeded(cut)
        if seeded.needs:
            seed_all(seeded.seed)
        return seeded
