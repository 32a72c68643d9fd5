"""One call of a public function, as a value: it can be made, and it can be printed as the Python that does the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Named:
    """A value and the Python that gives it, such as a notebook's variable."""

    source: str
    value: Any


@dataclass(frozen=True)
class Call:
    """``function(*args, **kwargs)``, which reads ``source(...)``, or ``source`` alone where it ``is_property``.

    An argument may be a `Named`, which is printed by its source, or a call itself. ``imports`` is the line it needs
    before it.
    """

    function: Callable[..., Any]
    source: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    imports: str = ""
    is_property: bool = False

    def make(self) -> Any:
        """Make the call, and give what it gives."""
        kwargs = {name: value_of(value) for name, value in self.kwargs.items()}
        return self.function(*map(value_of, self.args), **kwargs)

    def __str__(self) -> str:
        given = [*map(source_of, self.args), *(f"{name}={source_of(value)}" for name, value in self.kwargs.items())]
        line = self.source if self.is_property else f"{self.source}({', '.join(given)})"
        return f"{self.imports}\n{line}" if self.imports else line


def value_of(given: Any) -> Any:
    """The value itself, also inside a tuple."""
    if isinstance(given, tuple):
        return tuple(map(value_of, given))
    if isinstance(given, Call):
        return given.make()
    return given.value if isinstance(given, Named) else given


def source_of(given: Any) -> str:
    """The Python that gives the value."""
    if isinstance(given, tuple):
        inner = ", ".join(map(source_of, given))
        return f"({inner},)" if len(given) == 1 else f"({inner})"
    if isinstance(given, Mapping):
        return f"{{{', '.join(f'{source_of(name)}: {source_of(value)}' for name, value in given.items())}}}"
    if isinstance(given, str):
        # as json writes it: double quotes, as the project's own code has them
        return json.dumps(given, ensure_ascii=False)
    if isinstance(given, Call):
        return str(given)
    return given.source if isinstance(given, Named) else repr(given)


class Text(str):
    """Text that shows itself as it is, without quotes: help, and Python for `--explain`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
