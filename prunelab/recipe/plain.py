"""Kinds of plain values: numbers in their ranges, flags, texts, tables, shapes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from prunelab.errors import OptionError, check_positive, check_ratio, check_seed, check_whole, shown
from prunelab.recipe.kinds import Plain


def _ratio(value: Any, place: str) -> Any:
    if isinstance(value, Mapping):
        return {layer: check_ratio(ratio, place=f"{place}.{layer}") for layer, ratio in value.items()}
    return check_ratio(value, place=place)


def _flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise OptionError(f"{place} is {shown(value)}; give true or false")
    return value


def _repair(value: Any, place: str) -> bool | int:
    if isinstance(value, bool):
        return value
    try:
        return check_whole(value, place, 2)
    except OptionError:
        raise OptionError(f"{place} is {shown(value)}; give true or false, or how many steps on each block follow "
                          "least squares, such as 100") from None


def _text(value: Any, place: str) -> str:
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise OptionError(f"{place} is {shown(value)}; give a text in quotes")
    return os.fspath(value)


def _report(value: Any, place: str) -> str:
    from prunelab.lab.report.write import form_of

    form_of(_text(value, place))
    return os.fspath(value)


def _table(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise OptionError(f"{place} is {shown(value)}; give a table, such as {{width = 8}}")
    return dict(value)


def _units(value: Any, place: str) -> dict[str, Any]:
    return {layer: [check_whole(unit, f"{place}.{layer}") for unit in units] if isinstance(units, (list, tuple))
            else _no_units(units, f"{place}.{layer}") for layer, units in _table(value, place).items()}


def _no_units(value: Any, place: str) -> Any:
    raise OptionError(f"{place} is {shown(value)}; give the units that go, such as [0, 3]")


def _shapes(value: Any, place: str) -> Any:
    """A shape, several, or what a variable holds: `prunelab.trace` knows about those."""
    if not isinstance(value, list):
        if isinstance(value, (str, int, float)):
            raise OptionError(f"{place} is {shown(value)}; give a shape with its batch, such as [1, 3, 32, 32]")
        return value
    if value and all(isinstance(shape, (list, tuple)) for shape in value):
        return [_shapes(list(shape), place) for shape in value]
    if not value:
        raise OptionError(f"{place} is empty; give a shape with its batch, such as [1, 3, 32, 32]")
    return tuple(check_whole(n, place, 1) for n in value)


def whole(least: int) -> Plain:
    """Whole numbers from ``least`` on."""
    return Plain(lambda value, place: check_whole(value, place, least), {"type": "integer", "minimum": least})


_FRACTION = {"type": "number", "minimum": 0, "exclusiveMaximum": 1}
_SHAPE = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1}

RATIO = Plain(lambda value, place: check_ratio(value, place=place), _FRACTION)
RATIOS = Plain(_ratio, {"anyOf": [_FRACTION, {"type": "object", "additionalProperties": _FRACTION}]})
POSITIVE = Plain(check_positive, {"type": "number", "exclusiveMinimum": 0})
SEED = Plain(check_seed, {"type": "integer", "minimum": 0})
FLAG = Plain(_flag, {"type": "boolean"})
REPAIR = Plain(_repair, {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 2}]})
TEXT = Plain(_text, {"type": "string", "minLength": 1})
REPORT = Plain(_report, {"type": "string", "minLength": 1})
TABLE = Plain(_table, {"type": "object"})
UNITS = Plain(_units, {"type": "object", "additionalProperties": {
    "type": "array", "items": {"type": "integer", "minimum": 0}}})
SHAPES = Plain(_shapes, {"anyOf": [_SHAPE, {"type": "array", "items": _SHAPE, "minItems": 1}]})
