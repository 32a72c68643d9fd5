"""The kind of value that is a constraint: ``"params <= 5e6"``, in quotes, or a variable that holds one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from prunelab.jupyter.magics.session import Session


@dataclass(frozen=True)
class Bound:
    """A cost or metric and its bound."""

    metavar: str = "BOUND"

    def read(self, text: str, session: Session, place: str) -> Any:
        """The text, or the variable; an OptionError says how one is written."""
        from prunelab.search import Constraint

        named = session.lookup(text)
        Constraint.parse(text if named is None else named.value)
        return text if named is None else named

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """Nothing: a bound has spaces, and stands in quotes."""
        return []

    def example(self, session: Session) -> str:
        """Half of the parameters."""
        return "'params <= 50 %'"
