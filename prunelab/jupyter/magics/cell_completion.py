"""What may stand at the cursor of a recipe in a `%%prune` cell: sections, keys, names, variables, layers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from prunelab.jupyter.magics.session import Session
from prunelab.recipe.keys import SECTIONS, TOP, Key
from prunelab.recipe.kinds import FlagOr, Kind, Many, Name, Source

_HEADER = re.compile(r"\s*\[\[?\s*(?P<name>[\w-]+)\s*\]?\]?\s*(#.*)?")
_INLINE = re.compile(r"^\s*(?P<name>[\w-]+)\s*=\s*\[?\s*\{")
_KEY = re.compile(r"(?:^|[{,])\s*(?P<word>[\w-]*)$")
_VALUE = re.compile(r"(?:^|[{,\s])(?P<key>[\w-]+)\s*=\s*(?:\[(?:[^\]=]*,)?\s*)?(?P<quote>[\"']?)(?P<word>[\w.:/*-]*)$")


def complete_cell(lines: list[str], session: Session) -> tuple[str, list[str]]:
    """The piece before the cursor that a completion replaces, and the completions.

    Args:
        lines: those of the cell from the magic's own on, the last one up to the cursor.
    """
    line = lines[-1]
    if len(lines) == 1:
        return _begun(line.rpartition(" ")[2], ["--check", "--explain", "--help"])
    opening = re.fullmatch(r"\s*\[\[?\s*([\w-]*)", line)
    if opening:
        return _begun(opening[1], SECTIONS)
    value = _VALUE.search(line)
    keys = _keys(lines)
    if value:
        known = list(_values(keys.get(value["key"]), value["key"], session))
        return _begun(value["word"], known if value["quote"] else [f'"{word}"' for word in known])
    key = _KEY.search(line)
    if key is None:
        return "", []
    return _begun(key["word"], [*keys, *(() if keys is not TOP else SECTIONS)])


def _keys(lines: list[str]) -> Mapping[str, Key]:
    """The keys of the section that the last line stands in."""
    inline = _INLINE.match(lines[-1])
    if inline and lines[-1].count("{") > lines[-1].count("}"):
        return SECTIONS.get(inline["name"], {})
    for line in reversed(lines[:-1]):
        header = _HEADER.fullmatch(line)
        if header:
            return SECTIONS.get(header["name"], {})
    return TOP


def _values(key: Key | None, name: str, session: Session) -> Iterable[str]:
    if key is None:
        return []
    if name == "layer":
        from prunelab.jupyter.magics.kinds import LAYER

        return LAYER.complete("", session)
    return _words(key.kind, session)


def _words(kind: Kind, session: Session) -> Iterable[str]:
    """The names that a value may be, then the variables that may stand for it."""
    from prunelab.jupyter.magics.names import is_data, is_model

    if isinstance(kind, Many):
        return _words(kind.item, session)
    if isinstance(kind, FlagOr):
        return _words(kind.other, session)
    if isinstance(kind, Name):
        return [*kind.known(), *session.data_names(kind.own)]
    if isinstance(kind, Source):
        return session.data_names(is_model if kind.what == "a model" else is_data)
    return []


def _begun(fragment: str, words: Iterable[str]) -> tuple[str, list[str]]:
    return fragment, [word for word in dict.fromkeys(words) if word.strip('"').startswith(fragment)]
