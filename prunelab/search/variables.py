"""What may differ from trial to trial: a number between two others, or one of some values."""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from prunelab.errors import OptionError, shown
from prunelab.render.numbers import number

Plain = str | int | float | bool | None

_WANTED = "give a pair (low, high) for a range, a list of values, or one value"


@dataclass(frozen=True)
class Between:
    """A number from ``low`` to ``high``, both included: any, or in steps from ``low``; by its logarithm with ``log``,
    a whole one with ``whole``."""

    low: float
    high: float
    step: float | None = None
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise OptionError(f"a range from {self.low:g} to {self.high:g} holds nothing; give the lower end first")
        if self.step is not None and not self.step > 0:
            raise OptionError(f"the step of a range is {shown(self.step)}; it is a number above 0")
        if self.whole and any(v != int(v) for v in (self.low, self.high, self.step or 1)):
            raise OptionError(f"a range from {self.low:g} to {self.high:g} is of whole numbers; give whole ends and a "
                              "whole step")
        if self.log and (self.low <= 0 or self.step is not None):
            raise OptionError(f"a range from {self.low:g} by its logarithm begins above 0, and has no step")

    @property
    def distribution(self) -> BaseDistribution:
        """The same in Optuna's words."""
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    @property
    def size(self) -> int | None:
        """How many values it has; None where there is no end of them."""
        step = self.step or (1.0 if self.whole and not self.log else None)
        if self.whole and self.log:
            return int(self.high) - int(self.low) + 1
        return 1 if self.low == self.high else None if step is None else int((self.high - self.low) / step + 1e-9) + 1

    def __str__(self) -> str:
        stepped = f" in steps of {number(self.step)}" if self.step else ", by its logarithm" if self.log else ""
        return f"{number(self.low)} to {number(self.high)}{stepped}"

    def to_json(self) -> dict[str, Any]:
        """The range as JSON data."""
        return {key: value for key, value in vars(self).items() if value is not None and value is not False}


@dataclass(frozen=True)
class Among:
    """One of some values: names, numbers, True and False, or None."""

    choices: tuple[Plain, ...]

    def __post_init__(self) -> None:
        if not self.choices:
            raise OptionError("a list of values is empty; give at least one")
        for choice in self.choices:
            if not (choice is None or isinstance(choice, (str, bool, int, float))):
                raise OptionError(f"{shown(choice)} cannot be one of some values; names, numbers, True, False and None "
                                  "can")

    @property
    def distribution(self) -> BaseDistribution:
        """The same in Optuna's words: numbers at equal distances as a range in steps, so that samplers know which are
        near each other."""
        stepped = self._stepped()
        return CategoricalDistribution(self.choices) if stepped is None else stepped.distribution

    def _stepped(self) -> Between | None:
        values = [v for v in self.choices if isinstance(v, (int, float)) and not isinstance(v, bool)]
        if len(values) != len(self.choices) or len(values) < 2:
            return None
        step = round(values[1] - values[0], 10)  # 0.6 - 0.3 is not quite 0.3
        even = step > 0 and all(abs(b - a - step) < 1e-9 for a, b in itertools.pairwise(values))
        whole = all(isinstance(v, int) for v in values)
        return Between(values[0], values[-1], step, whole=whole) if even else None

    @property
    def size(self) -> int:
        """How many values it has."""
        return len(self.choices)

    def __str__(self) -> str:
        return ", ".join(number(c) if isinstance(c, float) else str(c) for c in self.choices)

    def to_json(self) -> dict[str, Any]:
        """The values as JSON data."""
        return {"choices": list(self.choices)}


Variable = Between | Among


def read_variable(value: Any, place: str, *, whole: bool = False) -> Variable | Plain:
    """A variable, or the one value that is meant.

    Args:
        value: a pair ``(low, high)`` is a range, a list is some values, ``"0.1:0.9:0.1"`` a range in steps; a dict is
            what ``to_json`` gives; anything else is a value that does not vary.
        whole: whether a range is of whole numbers.

    Raises:
        OptionError: none of these; ``place`` is named.
    """
    if isinstance(value, (Between, Among)) or value is None:
        return value
    if isinstance(value, numbers.Number) and hasattr(value, "item"):
        value = value.item()  # NumPy's
    if isinstance(value, str) and value.count(":") == 2:
        return _from_text(value, place, whole)
    if isinstance(value, (str, bool, int, float)):
        return value
    try:
        if isinstance(value, Mapping):
            return Among(tuple(value["choices"])) if "choices" in value else Between(**value)
        if isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value)):
            low, high = value
            return Between(float(low), float(high), whole=whole or (isinstance(low, int) and isinstance(high, int)
                                                                   and high - low > 1))
        if isinstance(value, Iterable):
            return Among(tuple(v.item() if hasattr(v, "item") else v for v in value))
    except OptionError as error:
        raise OptionError(f"{place}: {error}") from error
    except (TypeError, KeyError) as error:
        raise OptionError(f"{place}: {error}; {_WANTED}") from error
    raise OptionError(f"{place} is {shown(value)}; {_WANTED}")


def _from_text(text: str, place: str, whole: bool) -> Between:
    try:
        low, high, step = map(float, text.split(":"))
    except ValueError:
        raise OptionError(f"{place} is {text!r}; a range in steps is from:to:step, such as '0.1:0.9:0.1'") from None
    return Between(low, high, step, whole=whole)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def is_variable(value: Any) -> bool:
    """Whether it differs from trial to trial."""
    return isinstance(value, (Between, Among)) and value.size != 1


def only_value(value: Variable | Plain) -> Plain:
    """What a variable with a single value, or a value, is."""
    if isinstance(value, Between):
        return int(value.low) if value.whole else value.low
    return value.choices[0] if isinstance(value, Among) else value


def values_of(distribution: BaseDistribution) -> list[Any]:
    """All values of a distribution that has an end of them."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, (IntDistribution, FloatDistribution))
    assert distribution.step
    n = int((distribution.high - distribution.low) / distribution.step + 1e-9) + 1
    values = [distribution.low + k * distribution.step for k in range(n)]
    return values if isinstance(distribution, IntDistribution) else [round(v, 10) for v in values]
