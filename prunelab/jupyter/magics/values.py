"""Kinds of values that are numbers and words: how a word of a line is read, and what completes it."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from prunelab.errors import OptionError, check_whole, unknown_name
from prunelab.jupyter.magics.session import Session


class Kind(Protocol):
    """What a value may be."""

    @property
    def metavar(self) -> str:
        """Its placeholder in the help."""

    def read(self, text: str, session: Session, place: str) -> Any:
        """The value that ``text`` means, a `Named` where it is a variable's; ``place`` is named in errors."""

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """Words it may be; those that do not begin with ``text`` are left out by the caller."""

    def example(self, session: Session) -> str:
        """A word that it may be."""


@dataclass(frozen=True)
class Number:
    """A number: in range where ``check`` says so, or a variable that holds one."""

    metavar: str
    sample: str
    check: Callable[[Any, str], Any]
    whole: bool = False

    def read(self, text: str, session: Session, place: str) -> Any:
        """The number; `check` raises an OptionError where it is out of range."""
        named = session.lookup(text)
        if named is not None:
            self.check(named.value, place)
            return named
        try:
            # whole where it is written so: an error then names what was typed, 2 and not 2.0
            value = int(text) if self.whole or text.lstrip("+-").isdigit() else float(text)
        except ValueError:
            what = "a whole number" if self.whole else "a number"
            raise OptionError(f"{place} is '{text}', which is neither {what} nor a variable; give one, such as "
                              f"{self.sample}") from None
        return self.check(value, place)

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """The variables that hold a number in range."""
        return session.data_names(self._fits)

    def _fits(self, value: Any) -> bool:
        try:
            self.check(value, "")
        except OptionError:
            return False
        return not self.whole or isinstance(value, numbers.Integral)

    def example(self, session: Session) -> str:
        """A number in range."""
        return self.sample


def at_least(least: int) -> Callable[[Any, str], int]:
    """The check for whole numbers from ``least`` on."""
    def check(value: Any, place: str) -> int:
        return check_whole(value, place, least)
    return check


@dataclass(frozen=True)
class Word:
    """One of the names in a table, or a variable that holds something of the kind (a criterion of one's own)."""

    kind: str
    known: Callable[[Session], Iterable[str]]
    fits: Callable[[Any], bool] = lambda value: False

    @property
    def metavar(self) -> str:
        """The kind, in capitals."""
        return self.kind.upper()

    def read(self, text: str, session: Session, place: str) -> Any:
        """The name, or the variable."""
        known = list(self.known(session))
        place = place if place.startswith("-") else ""
        named = None if text in known else session.lookup(text)
        if named is not None and isinstance(named.value, str):
            if named.value not in known:
                raise unknown_name(self.kind, named.value, known, place=f"the variable {text}")
            return named
        if text not in known and (named is None or not self.fits(named.value)):
            raise unknown_name(self.kind, text, known, place=place)
        return named or text

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """The names."""
        return self.known(session)

    def example(self, session: Session) -> str:
        """The first name."""
        return next(iter(self.known(session)))


@dataclass(frozen=True)
class Listed:
    """Several values of one kind, with commas between them."""

    item: Kind

    @property
    def metavar(self) -> str:
        """``METRIC[,...]``."""
        return f"{self.item.metavar}[,...]"

    def read(self, text: str, session: Session, place: str) -> Any:
        """A tuple of values; a variable that holds a list or tuple is taken whole."""
        named = session.lookup(text)
        if named is not None and isinstance(named.value, (list, tuple)):
            return named
        words = [word for word in text.split(",") if word]
        if not words:
            raise OptionError(f"{place} is empty; give at least one, such as {self.example(session)}")
        return tuple(self.item.read(word, session, place) for word in words)

    def complete(self, text: str, session: Session) -> Iterable[str]:
        """What may stand after the last comma, but what stands there already."""
        *before, last = text.split(",")
        return [word for word in self.item.complete(last, session) if word not in before]

    def example(self, session: Session) -> str:
        """One value."""
        return self.item.example(session)
