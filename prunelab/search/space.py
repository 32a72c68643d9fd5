"""`Space`: all that may differ from trial to trial. Plain data, and a versioned JSON file."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution

from prunelab.criteria import Criterion, criterion_of
from prunelab.errors import (
    OptionError,
    SearchError,
    check_ratio,
    reason_of,
    shown,
    unknown_name,
)
from prunelab.graph import Graph, Group
from prunelab.graph.removals import is_sparse
from prunelab.plan import Plan, match
from prunelab.plan.isomorphic import kind_of
from prunelab.render.numbers import counted, number
from prunelab.render.table import html_table, text_table
from prunelab.search.building import Build, name_of, read_build
from prunelab.search.constraints import Constraint
from prunelab.search.fields import CHECKS, TARGETS, VARYING, ends
from prunelab.search.files import check_format, load, save
from prunelab.search.samplers.coordinates import Coordinate
from prunelab.search.variables import Among, Between, Plain, Variable, is_variable, only_value, read_variable

FORMAT, VERSION = "prunelab-space", 1
RATIOS = Between(0.0, 0.9)
PER = ("group", "kind", "pattern")


@dataclass(frozen=True, kw_only=True)
class Space:
    """What a search chooses from; `pl.space` makes one.

    Every field is one value, or a variable (`Between`, `Among`). ``ratios``: the fraction removed, by pattern; ``per``:
    whether every group that a pattern matches has a ratio of its own, those of a kind share one, or all of a pattern.
    ``sparsity``, ``macs`` or ``params`` instead: one amount for all, spread by ``scope``. ``criterion``,
    ``granularity``, ``round_to``, ``ignore``: as for `prunelab.propose`. ``clusters``: how many k-means makes of a
    group's units, with the criterion "cluster"; ``spatial``: the fraction of the inputs' area that goes;
    ``vocabulary``: that of the words, or how many stay, such as 500 (trials read words that are gone as zeros;
    `prunelab.text.prune_vocabulary` makes them the unknown word). ``repair``, ``epochs``, ``lr``, ``optimizer``: what
    follows a cut; ``sentences``: on how many samples trials train, those that matter most
    (`prunelab.text.rank_sentences`; None: all). ``quantization``: "none", "int8_weights", or "int8" (what layers read
    too, its ranges found on data). ``groups``: by the name of a ratio, the groups that have it, where a model is known.

    ``build``, ``arguments``: a constructor and what it is called with, by name, such as ``{"width": (8, 32), "kernel":
    [3, 5]}``. Each trial builds its own network then and trains it from its first weights, ``epochs`` long: there are
    no weights to cut. Amounts and ratios cut such a network before it is trained.
    """

    ratios: Mapping[str, Variable | Plain] = field(default_factory=dict)
    per: str = "group"
    sparsity: Variable | Plain = None
    macs: Variable | Plain = None
    params: Variable | Plain = None
    criterion: Variable | Plain = "l1_weight"
    scope: Variable | Plain = "local"
    granularity: Variable | Plain = "auto"
    round_to: Variable | Plain = 1
    ignore: tuple[str, ...] = ()
    clusters: Variable | Plain = None
    spatial: Variable | Plain = None
    vocabulary: Variable | Plain = None
    sentences: Variable | Plain = None
    repair: Variable | Plain = False
    epochs: Variable | Plain = 0
    lr: Variable | Plain = None
    optimizer: Variable | Plain = None
    quantization: Variable | Plain = "none"
    build: Build | None = None
    arguments: Mapping[str, Variable | Plain] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own: Mapping[str, Criterion] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name, check in CHECKS.items():
            for value in ends(getattr(self, name)):
                check(value, name, self.own)
        for name, ratio in self.ratios.items():
            for value in ends(ratio):
                check_ratio(value, place=f"the ratio of '{name}'")
        if self.per not in PER:
            raise unknown_name("per", self.per, PER)
        words = self.vocabulary
        if isinstance(words, Between) and words.low < 1 <= words.high:
            raise OptionError(f"vocabulary goes from {number(words.low)} to {number(words.high)}, from a fraction of "
                              "the words that go to a number that stay; give two of one kind")
        self._check_amounts()
        if self.arguments:
            self._check_built()

    def _check_amounts(self) -> None:
        asked = [name for name in TARGETS if getattr(self, name) is not None]
        if len(asked) > 1:
            raise OptionError(f"{' and '.join(asked)} are given; one of them is the amount")
        if asked and self.ratios:
            raise OptionError(f"ratios and {asked[0]} are given; ratios say how much of each group, {asked[0]} how "
                              "much in all, spread by scope: leave out one of them")
        if not asked and self.scope != "local":
            raise OptionError(f"scope is {self.scope}, and it spreads one amount over all groups: give "
                              "sparsity, macs or params too, such as sparsity=(0.3, 0.9)")

    def _check_built(self) -> None:
        if min(ends(self.epochs), default=0) < 1:
            raise OptionError("arguments are those of networks that trials build, whose weights are new: each is to be "
                              "trained; give epochs, such as epochs=3, or epochs=[1, 5]")
        if any(ends(self.repair)):
            raise OptionError("repair makes up for a cut of trained weights, and networks that trials build have none; "
                              "leave repair or arguments out")

    # reading

    @property
    def variables(self) -> dict[str, Variable]:
        """What differs from trial to trial, by name: ``ratios.conv1``, ``criterion``."""
        named = {f"ratios.{name}": ratio for name, ratio in self.ratios.items()}
        named.update({name: getattr(self, name) for name in VARYING})
        named.update({f"arguments.{name}": value for name, value in self.arguments.items()})
        return {name: v for name, v in named.items() if isinstance(v, (Between, Among)) and is_variable(v)}

    @property
    def fixed(self) -> list[str]:
        """What does not vary, and is not as it is by itself: ``epochs: 3``."""
        plain, varies = Space(), self.variables
        own = {name: getattr(self, name) for name in VARYING if getattr(self, name) != getattr(plain, name)}
        own.update({f"ratios.{name}": v for name, v in self.ratios.items()})
        own.update({f"arguments.{name}": v for name, v in self.arguments.items()})
        return [f"{name}: {_told(v)}" for name, v in own.items() if name not in varies]

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The same in Optuna's words."""
        return {name: variable.distribution for name, variable in self.variables.items()}

    @property
    def size(self) -> float:
        """How many different settings there are: infinity where a range has no steps."""
        sizes = [variable.size for variable in self.variables.values()]
        return math.inf if None in sizes else float(math.prod(s for s in sizes if s is not None))

    @property
    def trains(self) -> bool:
        """Whether some of its trials change weights: repair, epochs of training."""
        return any(ends(self.repair)) or any(ends(self.epochs))

    def settings(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """All fields as single values, under what a trial has chosen; the ratios by group."""
        out: dict[str, Any] = {name: chosen.get(name, only_value(getattr(self, name))) for name in VARYING}
        ratios: dict[str, Any] = {}
        for name, ratio in self.ratios.items():
            value = chosen.get(f"ratios.{name}", only_value(ratio))
            ratios.update(dict.fromkeys(self.groups.get(name, (name,)), value))
        built = {name: chosen.get(f"arguments.{name}", only_value(v)) for name, v in self.arguments.items()}
        return {**out, "ratios": ratios, "arguments": built}

    def ladder(self, steps: int) -> list[dict[str, Any]]:
        """So many settings that cut all groups alike, from least to much: where ratios are at the same place of their
        ranges; what else there is, a sampler draws."""
        ratios = {name: v for name, v in self.variables.items() if name.startswith("ratios.") or name in TARGETS}
        places = [k / steps for k in range(steps)]
        return [{name: Coordinate(name, v.distribution).value(place) for name, v in ratios.items()}
                for place in places] if ratios else []

    def started(self, start: Any) -> list[dict[str, Any]]:
        """Ratios by group as a trial would choose them, of one dict or several, or of trials.

        Raises:
            OptionError: something else.
            UnknownNameError: a group without a ratio in this space.
        """
        listed = [start] if isinstance(start, Mapping) or hasattr(start, "chosen") else list(start)
        variables = {n: v for n, v in self.variables.items() if n.startswith("ratios.")}
        by_group = {g: f"ratios.{name}" for name, groups in self.groups.items() for g in groups}
        out = []
        for one in listed:
            ratios = getattr(one, "ratios", one)
            if not isinstance(ratios, Mapping):
                raise OptionError(f"start has {shown(one)}; give ratios by group, such as {{'conv1': 0.3}}, or trials")
            for group, ratio in ratios.items():
                if group not in by_group:
                    raise unknown_name("group", group, by_group, place="start")
                check_ratio(ratio, place=f"the ratio of '{group}' in start")
            # groups that are not named stay as they are
            asked = dict.fromkeys(variables, 0.0) | {by_group[g]: float(r) for g, r in ratios.items()}
            out.append({name: _nearest(v, asked[name]) for name, v in variables.items()})
        return out

    def criterion_of(self, name: str) -> Criterion:
        """The criterion of a name, also one of the user's own."""
        return self.own.get(name) or criterion_of(name)

    # on a model

    def over(self, graph: Graph, base: Plan | None = None) -> Space:
        """The same space with the ratios of a model's groups by name.

        Args:
            base: what is gone already; a ratio below it stands for it.

        Raises:
            UnknownNameError: a pattern that matches nothing.
            SearchError: nothing is left that differs.
        """
        amounts = any(getattr(self, name) is not None for name in TARGETS)
        asked = self.ratios or ({} if amounts or self.arguments else {"*": RATIOS})
        if self.groups:
            asked, found = self.ratios, dict(self.groups)
            for names in self.groups.values():
                for name in names:
                    self._matched(graph, name, "ratios")
        else:
            asked, found = self._named(graph, asked)
        if base is not None:
            gone = {g.name: g.ratio for g in base.groups}
            asked = {name: _above(v, min(gone.get(n, 0.0) for n in found[name])) for name, v in asked.items()}
        space = replace(self, ratios=asked, groups=found)
        if not space.variables:
            raise SearchError(f"the space is empty: nothing differs from trial to trial{self._why_empty(graph)}; give "
                              "ranges or lists, such as ratios=(0.0, 0.9) or criterion=['l1_weight', 'taylor']")
        return space

    def _named(self, graph: Graph, asked: Mapping[str, Variable | Plain]) -> tuple[
            dict[str, Variable | Plain], dict[str, tuple[str, ...]]]:
        """The ratios by the name they get, and the groups of each; a later pattern counts where two match."""
        ignored = {g.name for pattern in self.ignore for g in self._matched(graph, pattern, "ignore")}
        of: dict[str, str] = {}
        among = {g.name: g for granularity in self._granularities for g in graph.at(granularity)}
        for pattern in asked:
            matched = self._matched(graph, pattern, "ratios") if pattern != "*" else list(among.values())
            free = [g for g in matched if g.prunable and g.name not in ignored]
            if not free and pattern != "*":
                why = f"frozen by {matched[0].reason}" if not matched[0].prunable else "ignored"
                raise OptionError(f"'{pattern}' in ratios cannot be cut: {matched[0].name} is {why}; leave it out")
            of.update({g.name: pattern for g in free})
        ratios: dict[str, Variable | Plain] = {}
        groups: dict[str, tuple[str, ...]] = {}
        by_key: dict[Any, str] = {}
        for name, pattern in of.items():
            key = {"group": name, "pattern": pattern, "kind": (pattern, self._kind(graph, among.get(name)))}[self.per]
            told = by_key.setdefault(key, pattern if self.per == "pattern" else name)
            ratios[told] = asked[pattern]
            groups[told] = (*groups.get(told, ()), name)
        return ratios, groups

    def _kind(self, graph: Graph, group: Group | None) -> Any:
        return kind_of(graph, group) if group is not None and not is_sparse(group) else None

    @property
    def _granularities(self) -> list[str]:
        return [str(g) for g in ends(self.granularity)]

    def _matched(self, graph: Graph, pattern: str, place: str) -> list[Group]:
        among = [g for granularity in self._granularities for g in graph.at(granularity)]
        return match(graph, pattern, place=place, among=among)

    def _why_empty(self, graph: Graph) -> str:
        if any(group.prunable for granularity in self._granularities for group in graph.at(granularity)):
            return ""
        if graph.prunable:
            return f", and {graph.program.model} has nothing of granularity {' or '.join(self._granularities)}"
        frozen = next(iter(graph.groups), None)
        return f", and {graph.program.model} has no group that can be cut" + (
            f" ({frozen.name} is frozen by {frozen.reason})" if frozen is not None else "")

    # telling

    def _rows(self) -> list[list[str]]:
        rows = []
        for name, ratio in self.ratios.items():
            others = len(self.groups.get(name, (name,))) - 1
            told = f"{name} and {counted(others, 'other')}" if others else name
            rows.append([f"ratio of {told}", _told(ratio)])
        plain = Space()
        rows += [[name, _told(getattr(self, name))] for name in VARYING
                 if getattr(self, name) != getattr(plain, name) or name in self.variables]
        built = name_of(self.build) or "what is built"
        rows += [[f"{name} of {built}", _told(v)] for name, v in self.arguments.items()]
        rows += [["ignore", ", ".join(self.ignore)]] if self.ignore else []
        return [*rows, *(["constraint", str(c)] for c in self.constraints)] or [
            ["ratio of each group that can be cut", _told(RATIOS)]]

    def _total(self) -> str:
        n, size = len(self.variables), self.size
        told = "" if math.isinf(size) else f", {number(size, 4) if size >= 1e6 else f'{size:,.0f}'} combinations"
        return f"Space of {counted(n, 'variable')}{told}"

    def __str__(self) -> str:
        return text_table(["what", "from"], self._rows(), title=self._total())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(["what", "from"], self._rows(), caption=self._total())

    # files

    def to_json(self) -> dict[str, Any]:
        """The space as JSON data; a criterion of one's own by its name."""
        out: dict[str, Any] = {"format": FORMAT, "version": VERSION, "per": self.per, "ignore": list(self.ignore),
                               "ratios": {name: _json(v) for name, v in self.ratios.items()},
                               "groups": {name: list(names) for name, names in self.groups.items()},
                               "constraints": [[c.name, c.op, c.bound, c.unit] for c in self.constraints]}
        if self.arguments:
            out.update(build=name_of(self.build), arguments={name: _json(v) for name, v in self.arguments.items()})
        return {**out, **{name: _json(getattr(self, name)) for name in VARYING}}

    @classmethod
    def from_json(cls, data: Any, *, place: str = "the space", own: Mapping[str, Criterion] | None = None,
                  build: Any = None) -> Space:
        """The space that ``to_json`` gave; ``own`` are criteria that are none of prunelab's, by name. A file only names
        its constructor, since reading one runs no code: ``build`` is it.

        Raises:
            SearchError: data of another kind, or damaged; ``place`` is named.
        """
        check_format(data, FORMAT, VERSION, place, "Space.save")
        try:
            # a field that came with a later version is as it is by itself
            values = {name: read_variable(data[name], name) for name in VARYING if name in data}
            return cls(per=str(data["per"]), ignore=tuple(map(str, data["ignore"])), own=own or {},
                       build=read_build(build), arguments={str(k): read_variable(v, k)
                                                           for k, v in data.get("arguments", {}).items()},
                       ratios={str(k): read_variable(v, k) for k, v in data["ratios"].items()},
                       groups={str(k): tuple(map(str, v)) for k, v in data["groups"].items()},
                       constraints=tuple(Constraint(str(n), str(op), float(b), str(u))
                                         for n, op, b, u in data["constraints"]), **values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SearchError(f"{place} is damaged: {reason_of(error)}; write it again with Space.save") from error

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as JSON; the file appears whole or not at all.

        Raises:
            SearchError: a place that cannot be written.
        """
        return save(path, self.to_json(), "the space")

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, own: Mapping[str, Criterion] | None = None,
             build: Any = None) -> Space:
        """Read one; no code runs. ``own``: criteria that are none of prunelab's, by name. ``build``: the constructor
        that its arguments are of.

        Raises:
            SearchError: a file that is not there, or is none.
        """
        return cls.from_json(load(path, "Space.save"), place=os.fspath(path), own=own, build=build)


def _above(value: Variable | Plain, least: float) -> Variable | Plain:
    """A range without what is gone already; values in a list are left, since they may be meant."""
    return replace(value, low=min(max(value.low, least), value.high)) if isinstance(
        value, Between) and value.step is None else value


def _nearest(variable: Variable, ratio: float) -> Any:
    """The value of a variable that is nearest to a ratio."""
    if isinstance(variable, Among):
        return min(variable.choices, key=lambda c: abs(float(c) - ratio))  # type: ignore[arg-type]
    coordinate = Coordinate("", variable.distribution)
    return coordinate.value(coordinate.position(min(max(ratio, variable.low), variable.high)))


def _told(value: Variable | Plain) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _json(value: Variable | Plain) -> Any:
    return value.to_json() if isinstance(value, (Between, Among)) else value
