"""The contract of an operator's rule: what it may cut is exact, what it may not says why."""

from __future__ import annotations

from typing import Any

from prunelab.graph import Graph, trace
from prunelab.graph.rules import RULES
from prunelab.testing import laws


def check_operator(operator: str, model: Any, inputs: Any, *, prunable: bool = True, seed: int = 0) -> Graph:
    """Try the rule of an operator on a small model that uses it; gives the model's graph.

    Args:
        operator: its name in Paddle's program, such as ``"conv2d"``.
        model: an ``nn.Layer`` that calls it between layers with weights, so that there is something to cut.
        inputs: as for `prunelab.trace`.
        prunable: whether an axis that passes the operator can be cut; if not, its group has to say why.
        seed: of the random half of every group that is cut.

    Raises:
        AssertionError: the operator is not in the model's graph, or has no rule; a law that does not hold; an axis that
            is frozen and should not be, or the other way round.
    """
    laws.stir(model, seed)
    model.eval()
    graph = trace(model, inputs)
    names = [op.name for op in graph.program.ops]
    assert operator in names, f"the model does not use {operator}; its operators are {', '.join(sorted(set(names)))}"
    assert operator in RULES, f"{operator} has no rule; register one with prunelab.graph.rules.register"
    laws.check_all(model, inputs, seed=seed)
    passing = [g for g in graph.groups
               if any(link.operator == operator for link in graph.explain(g.name).links)]
    assert passing, f"no group passes {operator}: put it between two layers with weights"
    if prunable:
        assert any(g.prunable for g in passing), f"frozen: {'; '.join(g.reason for g in passing)}"
    else:
        assert not any(g.prunable for g in passing), f"{next(g.name for g in passing if g.prunable)} is prunable"
    return graph
