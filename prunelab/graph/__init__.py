"""model -> Graph: read once from Paddle's program into plain data, with groups, cost, and a form that runs."""

from __future__ import annotations

from prunelab.graph.arrays import as_array
from prunelab.graph.cost import Cost
from prunelab.graph.graph import Graph
from prunelab.graph.groups import Group, Member
from prunelab.graph.program import TensorSpec
from prunelab.graph.tracing import as_layer, graph_for, trace

__all__ = ["Cost", "Graph", "Group", "Member", "TensorSpec", "as_array", "as_layer", "graph_for", "trace"]
