"""Kinds of a recipe's values: what each may be, and how a JSON Schema says so. `plain` has those of numbers and texts.

A text that names a variable may stand for any value; the variables are those of the notebook, or what `run_recipe` was
given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from prunelab.errors import OptionError, shown, unknown_name

Variables = Mapping[str, Any]
Schema = dict[str, Any]


class Kind(Protocol):
    """What a value may be."""

    def read(self, value: Any, place: str, variables: Variables) -> Any:
        """The value that is meant, checked; OptionError or UnknownNameError where it cannot be."""

    def schema(self) -> Schema:
        """The same as JSON Schema."""


def lookup(text: Any, variables: Variables) -> Any:
    """The variable of that name, or an attribute of one (``data.train``); None if there is no such thing."""
    if not isinstance(text, str):
        return None
    first, *rest = text.split(".")
    value = variables.get(first)
    for part in rest:
        value = getattr(value, part, None)
    return value


@dataclass(frozen=True)
class Plain:
    """A value that ``check`` takes, or a variable that holds one."""

    check: Callable[[Any, str], Any]
    form: Mapping[str, Any]

    def read(self, value: Any, place: str, variables: Variables) -> Any:
        """The checked value."""
        found = lookup(value, variables)
        return self.check(value if found is None else found, place)

    def schema(self) -> Schema:
        """Its form, or a variable's name where it is no text."""
        return dict(self.form)


@dataclass(frozen=True)
class Name:
    """One of the names in a table, which is read when it is needed; or a variable that holds something of the kind."""

    kind: str
    known: Callable[[], Iterable[str]]
    own: Callable[[Any], bool] = callable

    def read(self, value: Any, place: str, variables: Variables) -> Any:
        """The name, or the variable's value."""
        known = list(self.known())
        if isinstance(value, str) and value in known:
            return value
        found = value if self.own(value) else lookup(value, variables)
        if found is not None and (self.own(found) or (isinstance(found, str) and found in known)):
            return found
        raise unknown_name(self.kind, value, [*known, *(n for n, v in variables.items() if self.own(v))], place=place)

    def schema(self) -> Schema:
        """Any text: criteria and the like are registered from outside, too."""
        return {"type": "string", "examples": list(self.known())}


@dataclass(frozen=True)
class Many:
    """A list of values of one kind; one value stands for a list of one."""

    item: Kind

    def read(self, value: Any, place: str, variables: Variables) -> Any:
        """A tuple."""
        found = lookup(value, variables)
        value = found if isinstance(found, (list, tuple)) else value
        many = value if isinstance(value, (list, tuple)) else [value]
        if not many:
            raise OptionError(f"{place} is empty; give at least one, or leave it out")
        return tuple(self.item.read(item, place, variables) for item in many)

    def schema(self) -> Schema:
        """A list, or one."""
        item = self.item.schema()
        return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


@dataclass(frozen=True)
class Source:
    """Where a value comes from: ``module:callable``, ``file.py:callable``, a file with one of ``endings``, a variable;
    or a table with that as its ``source``, and ``arguments``."""

    what: str
    endings: tuple[str, ...] = ()

    def read(self, value: Any, place: str, variables: Variables) -> Any:
        """A text with a colon, a table of such, or the value of a variable."""
        if isinstance(value, Mapping):
            return self._table(value, place, variables)
        if not isinstance(value, str):
            if isinstance(value, (bool, int, float)) or value is None:
                raise OptionError(f"{place} is {shown(value)}; give {self._wanted()}")
            return value
        found = lookup(value, variables)
        if found is not None:
            return found
        if ":" not in value and not value.endswith(self.endings or ("\0",)):
            raise unknown_name("variable", value, variables, place=f"{place}, which is {self._wanted()}")
        return value

    def _table(self, value: Mapping[str, Any], place: str, variables: Variables) -> Any:
        known = ("source", "arguments")
        for key in value:
            if key not in known:
                raise unknown_name("key", key, known, place=place)
        if not isinstance(value.get("arguments", {}), Mapping) or "source" not in value:
            raise OptionError(f"{place} is a table, and a source and its arguments are a table such as "
                              "{source = 'net.py:make', arguments = {width = 8}}")
        return {**value, "source": self.read(value["source"], f"{place}.source", variables)}

    def _wanted(self) -> str:
        return f"{self.what}: 'module:callable', 'file.py:callable', or the name of a variable"

    def schema(self) -> Schema:
        """A text, or a table."""
        return {"anyOf": [{"type": "string"}, {
            "type": "object", "required": ["source"], "additionalProperties": False,
            "properties": {"source": {"type": "string"}, "arguments": {"type": "object"}}}]}


@dataclass(frozen=True)
class FlagOr:
    """True or false, or a value of another kind."""

    other: Kind

    def read(self, value: Any, place: str, variables: Variables) -> Any:
        """The value."""
        return value if isinstance(value, bool) else self.other.read(value, place, variables)

    def schema(self) -> Schema:
        """Either."""
        return {"anyOf": [{"type": "boolean"}, self.other.schema()]}
