"""The graph of what is trained, read when the first batch is there."""

from __future__ import annotations

from typing import Any

from prunelab.evaluate.samples import first_sample
from prunelab.graph import Graph, trace
from prunelab.graph.nests import Inputs


class Traced:
    """A layer whose graph is read with the first batch's first sample, once."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self._graph: Graph | None = None

    def graph(self, inputs: Inputs) -> Graph:
        """The graph.

        Raises:
            TraceError: a forward that cannot be read.
        """
        if self._graph is None:
            self._graph = trace(self.layer, first_sample(inputs))
        return self._graph
