"""The network of a trial, made again: to be taken away, or to be judged on all of the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prunelab.graph import Graph
from prunelab.search.planning import Planner
from prunelab.search.rehearsal import Rehearsal
from prunelab.search.trial import Trial


@dataclass
class Remaking:
    """What a study makes networks with.

    Attributes:
        begun: the graph that the search began with, as it was then. ``tools``: what plans and measures on a graph, on
            all of the data where that is asked for. ``is_part``: whether trials saw a part of it.
        data, loss: what trials are judged on.
    """

    begun: Callable[[], Graph]
    tools: Callable[[Graph, bool], tuple[Planner, Rehearsal]]
    is_part: bool
    data: Any
    loss: Any

    @cached_property
    def graph(self) -> Graph:
        """The graph of the model that the search began with."""
        return self.begun()

    def model(self, trial: Trial) -> Any:
        """The smaller model that a trial was measured as."""
        planner, rehearsal = self.tools(self.graph, False)
        return rehearsal.model(planner.candidate(trial.chosen))

    @cached_property
    def dense(self) -> Mapping[str, float]:
        """What the model that the search began with is measured at on all of the data."""
        planner, rehearsal = self.tools(self.graph, True)
        return rehearsal.run(planner.dense).values

    def values(self, trial: Trial) -> Mapping[str, float]:
        """What a trial is measured at on all of the data."""
        if not self.is_part:
            return trial.values
        planner, rehearsal = self.tools(self.graph, True)
        return rehearsal.run(planner.candidate(trial.chosen)).values
