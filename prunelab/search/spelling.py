"""A space as the line of code that makes it again: what a history records of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prunelab.errors import PrunelabError
from prunelab.graph import Graph
from prunelab.plan import Plan
from prunelab.search.building import name_of
from prunelab.search.constraints import Constraint
from prunelab.search.fields import VARYING, WHOLE
from prunelab.search.space import Space
from prunelab.search.variables import Among, Between, Plain, Variable, read_variable


def spelled(space: Space, graph: Graph | None = None, base: Plan | None = None) -> str:
    """``pl.space(ratios=(0.0, 0.9), epochs=2)``: Python that gives an equal space.

    Where all groups have the same range, they are named as one, if ``graph`` and ``base`` (what is gone already) say
    that it is so. A criterion or constructor of the user's own is a variable of its name.
    """
    if any(groups != (name,) for name, groups in space.groups.items()):
        return f"pl.Space.from_json({space.to_json()!r}{_own(space)})"  # no pattern says which groups share a ratio
    plain = Space()
    given: dict[str, str] = {}
    if space.ratios:
        given["ratios"] = _ratios(space, graph, base)
    given.update({name: repr(getattr(space, name)) for name in ("per",) if getattr(space, name) != plain.per})
    given.update({name: _criteria(space) if name == "criterion" else _value(getattr(space, name), name in WHOLE)
                  for name in VARYING if getattr(space, name) != getattr(plain, name)})
    if space.ignore:
        given["ignore"] = repr(list(space.ignore))
    if space.constraints:
        given["constraints"] = repr([_constraint(c) for c in space.constraints])
    if space.build is not None:
        name = name_of(space.build)
        given["build"] = repr(name) if ":" in name else name
        given["arguments"] = _dict(space.arguments)
    return f"pl.space({', '.join(f'{name}={code}' for name, code in given.items())})"


def _ratios(space: Space, graph: Graph | None, base: Plan | None) -> str:
    values = list(space.ratios.values())
    if graph is not None and len(values) > 1 and all(v == values[0] for v in values):
        try:
            if replace(space, ratios={"*": values[0]}, groups={}).over(graph, base) == space:
                return _value(values[0])
        except PrunelabError:  # groups of another model
            pass
    if list(space.ratios) == ["*"]:
        return _value(values[0])
    return _dict(space.ratios)


def _dict(values: Mapping[str, Variable | Plain]) -> str:
    return f"{{{', '.join(f'{name!r}: {_value(value)}' for name, value in values.items())}}}"


def _value(value: Variable | Plain, whole: bool = False) -> str:
    """As `read_variable` reads it: a pair, a list, a value; or a dict, where a pair does not say it all."""
    if isinstance(value, Among):
        return repr(list(value.choices))
    if isinstance(value, Between):
        ends = (int(value.low), int(value.high)) if value.whole else (value.low, value.high)
        return repr(ends if read_variable(ends, "", whole=whole) == value else value.to_json())
    return repr(value)


def _criteria(space: Space) -> str:
    """Names, and variables for those of the user's own."""
    def told(name: Any) -> str:
        return str(name) if name in space.own else repr(name)

    chosen = space.criterion
    return f"[{', '.join(map(told, chosen.choices))}]" if isinstance(chosen, Among) else told(chosen)


def _own(space: Space) -> str:
    own = f"{{{', '.join(f'{name!r}: {name}' for name in space.own)}}}" if space.own else ""
    return (f", own={own}" if own else "") + (f", build={name_of(space.build)}" if space.build else "")


def _constraint(constraint: Constraint) -> str:
    unit = {"": "", "%": " %", "points": " points"}[constraint.unit]
    return f"{constraint.name} {constraint.op} {constraint.bound!r}{unit}"
