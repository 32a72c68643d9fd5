"""`Trial`: one try of a study, plain data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from prunelab.errors import SearchError
from prunelab.graph import Cost
from prunelab.plan import Plan, PlanGroup
from prunelab.render.numbers import number
from prunelab.search.objectives import text_of

# How a trial ended
COMPLETE, CUT_SHORT, REFUSED, FAILED, LOST = "complete", "cut short", "refused", "failed", "lost"
SCREENED = "screened"
_NUMBERS = re.compile(r"\d[\d.,e]*")


def grouped(told: Iterable[str]) -> str:
    """How often what was told, the most frequent first; of texts that differ in numbers alone the first stands for
    all."""
    alike: dict[str, list[str]] = {}
    for text in told:
        alike.setdefault(_NUMBERS.sub("0", text), []).append(text)
    most = sorted(alike.values(), key=len, reverse=True)
    return "; ".join(f"{'once' if len(texts) == 1 else f'{len(texts)} times'}: {texts[0]}"
                     f"{', and the like' if len(set(texts)) > 1 else ''}" for texts in most)


@dataclass(frozen=True, repr=False)
class Trial:
    """One try: what was chosen, and what came of it.

    ``state``: "complete"; "cut short", where a part of the samples was enough to see that another trial is better in
    everything; "refused", whose cost was outside the constraints before it ran; "screened", of which a surrogate
    expected less than of another; "lost", whose worker died; "failed", with the ``reason``.
    ``chosen``: what the sampler chose, by variable. ``settings``: all of it, ``ratios`` the fraction removed by group.
    ``values``: all that is known, by name: objectives, constraints. ``missed``: by how much each constraint is missed
    (above 0) or met. ``seen``: the part of the samples that was looked at. ``same_as``: the number of a trial of the
    same plan, whose values these are.
    """

    number: int
    state: str
    chosen: Mapping[str, Any]
    settings: Mapping[str, Any]
    values: Mapping[str, float]
    missed: Mapping[str, float] = field(default_factory=dict)
    seen: float = 0.0
    seconds: float = 0.0
    reason: str = ""
    same_as: int | None = None
    made: Plan | None = None

    @property
    def plan(self) -> Plan:
        """What is removed.

        Raises:
            SearchError: a trial that failed before it had a plan.
        """
        if self.made is None:
            raise SearchError(f"trial {self.number} has no plan: it is {self.state} ({self.reason}); choose one that "
                              "is complete")
        return self.made

    @property
    def arguments(self) -> dict[str, Any]:
        """What its network was built with, where trials build theirs."""
        return dict(self.settings.get("arguments", {}))

    @property
    def ratios(self) -> dict[str, float]:
        """By group, the fraction removed: what was asked for, or what came of an amount for all."""
        asked = dict(self.settings["ratios"])
        return asked or {g.name: g.ratio for g in self.plan.groups if g.n_removed}

    @property
    def counts(self) -> bool:
        """Whether it is one of those that were asked for: refused, screened and lost ones are not."""
        return self.state not in (REFUSED, SCREENED, LOST)

    @property
    def is_whole(self) -> bool:
        """Whether it has all its values, over all samples."""
        return self.state == COMPLETE

    @property
    def is_inside(self) -> bool:
        """Whether it keeps to all constraints."""
        return all(by <= 0 for by in self.missed.values())

    def __str__(self) -> str:
        told = ", ".join(f"{name} {text_of(name, value)}" for name, value in self.values.items())
        why = f" ({self.reason})" if self.reason else ""
        return f"Trial {self.number}, {self.state}{why}: {told}"

    def __repr__(self) -> str:
        chosen = ", ".join(f"{name} {number(value) if isinstance(value, float) else value}"
                           for name, value in self.chosen.items())
        return f"{self}\n  chosen: {chosen}" if chosen else str(self)

    # files

    def to_json(self) -> dict[str, Any]:
        """The trial as JSON data; of its plan what is removed."""
        data = {key: value for key, value in vars(self).items() if key != "made"}
        for key in ("chosen", "settings", "values", "missed"):
            data[key] = dict(data[key])
        if self.made is not None and self.arguments:  # of a structure of its own
            data["plan"] = {"whole": self.made.to_json()}
        elif self.made is not None:
            plain = {g.name: list(g.removed) for g in self.made.groups if isinstance(g, PlanGroup) and g.n_removed}
            other = [g.to_json() for g in self.made.groups if not isinstance(g, PlanGroup) or g.granularity in (
                "spatial", "vocabulary", "expert")]
            data["plan"] = {"removed": plain, "groups": other, "cost": self.made.cost.to_json(),
                            "made": dict(self.made.made)}
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any], base: Plan) -> Trial:
        """The trial that ``to_json`` gave, of a study whose plans are for the structure of ``base``."""
        told = dict(data)
        plan = told.pop("plan", None)
        # what came with a later version is as it is by itself
        told["settings"] = {"sentences": None, "arguments": {}, **told["settings"]}
        return cls(**told, made=None if plan is None else _plan(plan, base))


def _plan(data: Mapping[str, Any], base: Plan) -> Plan:
    if "whole" in data:
        return Plan.from_json(data["whole"])
    removed, groups = data["removed"], base.groups
    if data["groups"]:
        more = Plan.from_json({**base.to_json(), "groups": data["groups"]}).groups
        names = {g.name for g in more}
        groups = (*(g for g in groups if g.name not in names), *more)
    cut = tuple(g.with_removed(removed[g.name]) if isinstance(g, PlanGroup) and g.name in removed else g
                for g in groups)
    return replace(base, groups=cut, cost=Cost.from_json(data["cost"]), made=dict(data["made"]))
