"""Steps at a granularity that is asked for: weights that are masked in their place, or units of one kind alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prunelab.errors import OptionError
from prunelab.graph import Graph
from prunelab.graph.sparse import Pattern
from prunelab.lab.cuts import Cut, Target, check_mixed
from prunelab.lab.options import Healing
from prunelab.lab.proposals import Proposal, line
from prunelab.plan import Plan, propose
from prunelab.plan.propose_sparse import match_weights
from prunelab.render.numbers import counted, percent

Asked = Mapping[str, float] | Target  # layers, each with its ratio (which n of m does not ask for); or all of them


def propose_at(graph: Graph, plan: Plan, asked: Asked, cut: Cut, healing: Healing) -> Proposal:
    """The step that takes more units of ``cut.granularity``; what is gone already stays gone.

    Raises:
        OptionError: nothing of this granularity can go; tiles or runs of weights that would not stay whole.
        UnknownNameError: a granularity or a layer nobody knows.
    """
    check_mixed(plan, cut.granularity)
    fixed = fixed_ratio(cut.granularity)
    larger = propose(graph, cut.criterion, granularity=cut.granularity, round_to=cut.round_to, seed=cut.seed,
                     start=plan, data=cut.data, loss=cut.loss, **_options(graph, asked, cut.granularity, fixed))
    if isinstance(asked, Target):
        amount = [f"ratio={asked.ratio!r}", f"by={asked.by!r}"] if fixed is None else []
        arguments = [*amount, f"scope={asked.scope!r}"]
        told = f"{cut.granularity} {percent(asked.ratio, 0)}" if fixed is None else cut.granularity
    elif len(asked) == 1:
        (layer, ratio), = asked.items()
        told = f"{layer} {cut.granularity}" + ("" if fixed is not None else f" {percent(ratio, 0)}")
        arguments = [repr(layer)] + ([] if fixed is not None else [f"ratio={ratio!r}"])
    else:
        told, arguments = f"{counted(len(asked), 'layer')}, {cut.granularity}", [repr(dict(asked))]
    return Proposal(larger, told, line(arguments, cut, healing))


def fixed_ratio(granularity: str) -> float | None:
    """What n of m takes of each weight; None where a ratio says how much."""
    pattern = Pattern.parse(granularity)
    return 1 - pattern.size[0] / pattern.size[1] if pattern is not None and pattern.kind == "n:m" else None


def check_fixed(granularity: str, ratio: float | None) -> None:
    """That no other ratio is asked of n of m than it takes.

    Raises:
        OptionError: it is.
    """
    fixed = fixed_ratio(granularity)
    if ratio is not None and fixed is not None and ratio != fixed:
        raise OptionError(f"ratio={ratio:g} is asked for, and '{granularity}' takes {fixed:.3g} of each weight; leave "
                          "the ratio out")


def _options(graph: Graph, asked: Asked, granularity: str, fixed: float | None) -> dict[str, Any]:
    """As arguments of `prunelab.propose`."""
    if isinstance(asked, Target):
        return {"scope": asked.scope} if fixed is not None else {asked.by: asked.ratio, "scope": asked.scope}
    if fixed is None:
        return {"ratios": dict(asked)}
    every = graph.at(granularity)
    wanted = {g.name for layer in asked for g in match_weights(every, layer, place="layer")}
    return {"ignore": [g.name for g in every if g.name not in wanted]}
