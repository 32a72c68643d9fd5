"""`space`: what a search chooses from, as a person writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from prunelab.criteria import Criterion, criterion_of
from prunelab.errors import OptionError, shown, unknown_name
from prunelab.graph import Graph
from prunelab.plan import Plan
from prunelab.search.building import check_arguments, read_build
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
    build: Any = None,
    arguments: Mapping[str, Any] | None = None,
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
        build, arguments: networks that trials build and train, and the numbers of their layers: a class, a function or
            a name such as "paddle.vision.models:resnet18", and what it is called with: ``{"width": (8, 32), "kernel":
            [3, 5], "norm": ["batch", "group"]}``. Costs and constraints are those of the network that is built; what is
            searched beside is the model's metrics to be compared with. With ``epochs``.
        fields_: ``sparsity``, ``macs`` or ``params`` with ``scope`` instead of ratios; ``granularity``, ``round_to``,
            ``clusters``, ``spatial``, ``vocabulary``, ``sentences``, ``repair``, ``epochs``, ``lr``, ``optimizer``,
            ``quantization``: see `Space`.

    Raises:
        OptionError: values that cannot be, or constraints that contradict each other.
        UnknownNameError: a name nobody knows.
        SearchError: nothing differs from trial to trial, where a model is given.
    """
    known = {f.name for f in fields(Space)} - {"own", "groups", "build", "arguments"}
    for name in fields_:
        if name not in known:
            raise unknown_name("variable", name, known, place="space")
    values = {name: read_variable(value, name, whole=name in WHOLE) for name, value in fields_.items()}
    chosen, own = _criteria(criterion)
    named = {} if ratios is None else {"*": read_variable(ratios, "ratios")} if not _by_pattern(ratios) else {
        str(name): read_variable(value, f"the ratio of '{name}'") for name, value in ratios.items()}
    constructor, built = read_build(build), _arguments(build, arguments)
    listed = (ignore,) if isinstance(ignore, str) else tuple(map(str, ignore))
    if constructor is not None:
        check_arguments(constructor, list(built))
    made = Space(ratios=named, per=per, criterion=chosen, own=own, ignore=listed,
                 constraints=read_constraints(constraints), build=constructor, arguments=built,
                 **values)  # type: ignore[arg-type]
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


def _arguments(build: Any, arguments: Any) -> dict[str, Variable | Plain]:
    """What a constructor is called with; of two whole numbers, whole ones between them.

    Raises:
        OptionError: no dict; arguments without a constructor, or the other way round.
    """
    if arguments is not None and not isinstance(arguments, Mapping):
        raise OptionError(f"arguments is {shown(arguments)}; give them by name: arguments={{'width': [8, 16, 32]}}")
    if bool(arguments) != (build is not None):
        raise OptionError(f"{'arguments' if arguments else 'build'} is given alone; give both: what makes the network, "
                          "and what it is called with: build=Net, arguments={'width': [8, 16, 32]}")
    return {str(name): read_variable(value, f"the argument '{name}'", whole=_is_whole(value))
            for name, value in (arguments or {}).items()}


def _is_whole(value: Any) -> bool:
    """Whether a range is written in whole numbers: ``(8, 32)``, ``"8:32:8"``."""
    if isinstance(value, str):
        return all(part.strip().isdigit() for part in value.split(":"))
    return isinstance(value, tuple) and all(isinstance(v, int) for v in value)


def _by_pattern(ratios: Any) -> bool:
    return isinstance(ratios, Mapping) and not {"low", "choices"} & set(ratios)


def _criteria(given: Any) -> tuple[Variable | Plain, dict[str, Criterion]]:
    """Criteria by name, and those that are none of prunelab's."""
    listed = list(given) if isinstance(given, (list, tuple)) else [given]
    own = {criterion_of(c).name: criterion_of(c) for c in listed if not isinstance(c, (str, Among))}
    names = tuple(c if isinstance(c, str) else criterion_of(c).name for c in listed if not isinstance(c, Among))
    if isinstance(given, Among):
        return given, own
    if not names:
        raise OptionError("criterion is an empty list; give at least one, such as ['l1_weight', 'taylor']")
    return (Among(names) if isinstance(given, (list, tuple)) else names[0]), own
