"""Where each key of a TOML text stands: `tomllib` gives values without their places.

The text is known to be TOML by then, so this only walks it: over keys, strings, brackets and comments. A law holds it
to `tomllib`: the paths found are those of the parsed data.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Path = tuple["str | int", ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+')
# the longest first: a multi-line string may end in up to two quotes of its own
_STRING = re.compile(r'"""(?:[^\\]|\\[\s\S])*?"{3,5}|\'\'\'[\s\S]*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_PLAIN = re.compile(r"[^,\]}#\r\n]*")


@dataclass(frozen=True)
class Position:
    """A place in a text, counted from 1."""

    line: int
    column: int


def positions(text: str) -> dict[Path, Position]:
    """By path, such as ``("steps", 0, "ratio")``: where the key stands that gives it, or the item of an array."""
    walk = _Walk(text)
    walk.document()
    return {path: _position(text, at) for path, at in walk.found.items()}


def _position(text: str, at: int) -> Position:
    before = text[:at]
    return Position(before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1)


class _Walk:
    """One walk over a text: ``at`` is where it is, ``found`` the offsets of what it met first."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.found: dict[Path, int] = {}
        self._n_tables: dict[Path, int] = {}  # of arrays of tables, by path

    def document(self) -> None:
        prefix: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                prefix = self._header()
            else:
                self._pair(prefix)
            self._skip(_BLANK)

    def _header(self) -> Path:
        several = self.text.startswith("[[", self.at)
        self.at += 2 if several else 1
        keys = self._keys()
        path: Path = ()
        for place, (name, at) in enumerate(keys):
            path = (*path, name)
            self.found.setdefault(path, at)
            last = place == len(keys) - 1
            if last and several:
                self._n_tables[path] = self._n_tables.get(path, 0) + 1
            if path in self._n_tables:  # a name inside an array of tables means its newest one
                path = (*path, self._n_tables[path] - 1)
                self.found.setdefault(path, at)
        self.at += 2 if several else 1
        return path

    def _pair(self, prefix: Path) -> None:
        path = prefix
        for name, at in self._keys():
            path = (*path, name)
            self.found.setdefault(path, at)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _keys(self) -> list[tuple[str, int]]:
        """A dotted key, up to what ends it: its parts and where they stand."""
        keys: list[tuple[str, int]] = []
        while True:
            self._skip(_SPACE)
            keys.append((_name(self._take(_KEY, keys)), self._began))
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def _value(self, path: Path) -> None:
        opening = self.text[self.at]
        if opening in "\"'":
            self._take(_STRING, path)
        elif opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline(path)
        else:
            self._skip(_PLAIN)

    def _array(self, path: Path) -> None:
        self.at += 1
        self._skip(_BLANK)
        place = 0
        while self.text[self.at] != "]":
            self.found.setdefault((*path, place), self.at)
            self._value((*path, place))
            place += 1
            self._next()
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self.text[self.at] != "}":
            self._pair(path)
            self._next()
        self.at += 1

    def _next(self) -> None:
        """Over a comma, if there is one, to the next item or the closing bracket."""
        self._skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _take(self, pattern: re.Pattern[str], what: object) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise ValueError(f"no TOML at {self.at} ({what})")
        self._began, self.at = self.at, found.end()
        return found.group()


def _name(key: str) -> str:
    """What a key is called, without its quotes and escapes."""
    return str(tomllib.loads(f"name = {key}")["name"]) if key[0] in "\"'" else key
