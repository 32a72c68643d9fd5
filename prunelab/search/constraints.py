"""What a trial must keep to, by name: ``params <= 5e6``, ``latency_ms <= 8``, ``accuracy within 1 point``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prunelab.errors import OptionError, shown
from prunelab.render.numbers import number

_FORM = re.compile(r"\s*(?P<name>\w+)\s*(?P<op><=|>=|<|>|within)\s*(?P<bound>[-+−]?[\d.,_]+(?:[eE][-+]?\d+)?)\s*"
                   r"(?P<unit>%|points?|)\s*")
_EXAMPLES = "'params <= 5e6', 'macs <= 50 %' (of the dense model), 'latency_ms <= 8' or 'accuracy within 1 point'"


@dataclass(frozen=True)
class Constraint:
    """``name`` is at most (``op`` is "<=") or at least (">=") ``bound``.

    ``unit`` is "" for a bound as it is, "%" for one of the dense model's value, "points" for hundredths above the dense
    model's (below it, where negative).
    """

    name: str
    op: str
    bound: float
    unit: str = ""

    @classmethod
    def parse(cls, text: Any) -> Constraint:
        """The constraint that a text means; "accuracy within 1 point" is one point below dense at most.

        Raises:
            OptionError: a text of another form.
        """
        if isinstance(text, Constraint):
            return text
        found = _FORM.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise OptionError(f"the constraint {shown(text)} cannot be read; write it as {_EXAMPLES}")
        try:
            bound = float(found["bound"].replace("−", "-").replace(",", ""))
        except ValueError:
            raise OptionError(f"the constraint {shown(text)} has no number; write it as {_EXAMPLES}") from None
        unit = "points" if found["unit"].startswith("point") else found["unit"]
        if found["op"] != "within":
            return cls(found["name"], "<=" if "<" in found["op"] else ">=", bound, unit)
        if unit == "%":
            raise OptionError(f"the constraint {shown(text)} is in points, hundredths of the metric: write "
                              f"'{found['name']} within {number(bound)} points'")
        return cls(found["name"], "within", abs(bound), "points")

    def limit(self, dense: float) -> float:
        """The bound as a number, beside what the dense model has."""
        if self.unit == "%":
            return self.bound / 100 * dense
        return dense + self.bound / 100 if self.unit == "points" else self.bound

    def directed(self, higher_is_better: bool) -> Constraint:
        """"within" as a bound on the bad side: below an accuracy, above a loss."""
        if self.op != "within":
            return self
        return Constraint(self.name, ">=", -self.bound, "points") if higher_is_better else Constraint(
            self.name, "<=", self.bound, "points")

    def missed(self, value: float, dense: float) -> float:
        """By how much of itself a value misses the bound: above 0 where it does."""
        limit = self.limit(dense)
        over = value - limit if self.op == "<=" else limit - value
        return over / max(abs(limit), 1e-12)

    def __str__(self) -> str:
        unit = {"%": " %", "points": " point" if self.bound == 1 else " points"}.get(self.unit, "")
        whole = self.bound == int(self.bound) and abs(self.bound) < 1e15
        bound = f"{self.bound:,.0f}" if whole else number(self.bound, 6)
        return f"{self.name} {self.op} {bound}{unit}"


def read_constraints(given: Any) -> tuple[Constraint, ...]:
    """Constraints from texts, one or several; a dict from names to bounds means at most so much.

    Raises:
        OptionError: one that cannot be read, or two that no trial can meet together.
    """
    if isinstance(given, (str, Constraint)):
        given = [given]
    elif isinstance(given, Mapping):
        given = [Constraint(str(name), "<=", float(bound)) for name, bound in given.items()]
    elif not isinstance(given, Iterable):
        raise OptionError(f"constraints is {shown(given)}; write them as {_EXAMPLES}")
    found = tuple(dict.fromkeys(map(Constraint.parse, given)))
    check_together(found, {})
    return found


def check_together(constraints: Iterable[Constraint], dense: Mapping[str, float]) -> None:
    """Refuse two that contradict each other. Bounds in other units compare where the dense model's value is known.

    Raises:
        OptionError: two that no number meets; both are named.
    """
    listed = [c for c in constraints if c.op != "within"]
    for most in (c for c in listed if c.op == "<="):
        for least in (c for c in listed if c.op == ">=" and c.name == most.name):
            if most.unit != least.unit and most.name not in dense:
                continue
            about = dense.get(most.name, 1.0)
            if most.limit(about) < least.limit(about):
                raise OptionError(f"the constraints '{most}' and '{least}' contradict each other: no {most.name} is "
                                  "both; leave out one of them")
