"""`space`: what a search chooses from, as a person writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from prunelab.criteria import Criterion, criterion_of
from prunelab.errors import OptionError, shown, unknown_name
from prunelab.graph import Graph
from prunelab.plan import Plan
from prunelab.search.constraints import read_constraints
from prunelab.search.fields import WHOLE
from prunelab.search.space import Space
from prunelab.search.variables import Among, Plain, Variable, read_variable


def space(
    of: Any = None,
    *,
    ratios: Any = None,
    per: str = "group",
    criterion: Any = "l1_weight",
    ignore: str | Iterable[str] = (),
    constraints: Any = (),
    **fields_: Any,
) -> Space:
    """What a search chooses from. Without arguments: of each group that can be cut, from 0 to 90 %.

    A pair ``(low, high)`` is a range, a list is some values, ``"0.1:0.9:0.1"`` a range in steps, anything else a value
    that does not vary.

    Args:
        of: a `Graph` or a Lab, whose groups are named then; without it, they are when the search begins.
        ratios: the fraction removed of every group, or by pattern: ``{"layer4.*": (0.2, 0.9), "conv1": 0.0}``; groups
            that no pattern matches stay whole.
        per: whether each "group" that a pattern matches has a ratio of its own, those of one "kind" of layer share one,
            or all of a "pattern".
        criterion: names, or criteria of one's own, of which several may be in a list.
        ignore: groups, layers or patterns that stay whole.
        constraints: such as ``"params <= 5e6"``, ``"macs <= 50 %"``, ``"latency_ms <= 8"``, ``"accuracy within 1
            point"``; one, or several.
        fields_: ``sparsity``, ``macs`` or ``params`` with ``scope`` instead of ratios; ``granularity``, ``round_to``,
            ``clusters``, ``spatial``, ``vocabulary``, ``sentences``, ``repair``, ``epochs``, ``lr``, ``optimizer``,
            ``quantization``: see `Space`.

    Raises:
        OptionError: values that cannot be, or constraints that contradict each other.
        UnknownNameError: a name nobody knows.
        SearchError: nothing differs from trial to trial, where a model is given.
    """
    known = {f.name for f in fields(Space)} - {"own", "groups"}
    for name in fields_:
        if name not in known:
            raise unknown_name("variable", name, known, place="space")
    values = {name: read_variable(value, name, whole=name in WHOLE) for name, value in fields_.items()}
    chosen, own = _criteria(criterion)
    named = {} if ratios is None else {"*": read_variable(ratios, "ratios")} if not _by_pattern(ratios) else {
        str(name): read_variable(value, f"the ratio of '{name}'") for name, value in ratios.items()}
    listed = (ignore,) if isinstance(ignore, str) else tuple(map(str, ignore))
    made = Space(ratios=named, per=per, criterion=chosen, own=own, ignore=listed,
                 constraints=read_constraints(constraints), **values)  # type: ignore[arg-type]
    graph, base = graph_of(of)
    return made if graph is None else made.over(graph, base)


def graph_of(of: Any) -> tuple[Graph | None, Plan | None]:
    """The graph and the plan of a Lab, or the graph itself.

    Raises:
        OptionError: neither.
    """
    if of is None or isinstance(of, Graph):
        return of, None
    graph = getattr(of, "graph", None)
    if not isinstance(graph, Graph):
        raise OptionError(f"a space is made of {shown(of)}; give a Lab or a graph: pl.space(pl.trace(model, shapes))")
    return graph, getattr(of, "plan", None)


def _by_pattern(ratios: Any) -> bool:
    return isinstance(ratios, Mapping) and not {"low", "choices"} & set(ratios)


def _criteria(given: Any) -> tuple[Variable | Plain, dict[str, Criterion]]:
    """Criteria by name, and those that are none of prunelab's."""
    listed = list(given) if isinstance(given, (list, tuple)) else [given]
    own = {criterion_of(c).name: criterion_of(c) for c in listed if not isinstance(c, (str, Among))}
    names = tuple(c if isinstance(c, str) else criterion_of(c).name for c in listed if not isinstance(c, Among))
    if isinstance(given, Among):
        return given, own
    return (Among(names) if isinstance(given, (list, tuple)) else names[0]), own
