"""Plain data as TOML: values first, then tables, then arrays of tables, as a person reads it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(data: Mapping[str, Any]) -> str:
    """The text that `tomllib` reads as ``data``; keys that are None are left out.

    Raises:
        ValueError: a value that TOML has no word for, such as a model; the message begins with its place.
    """
    return "\n".join(_table(data, ())).strip("\n") + "\n"


def _table(data: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    there = {key: value for key, value in data.items() if value is not None}
    tables = {key: value for key, value in there.items() if not path and isinstance(value, Mapping)}
    several = {key: value for key, value in there.items() if not path and _are_tables(value)}
    for key, value in there.items():
        if key not in tables and key not in several:
            yield f"{_key(key)} = {_value(value, '.'.join((*path, key)))}"
    for key, value in tables.items():
        yield from ("", f"[{_key(key)}]", *_table(value, (key,)))
    for key, values in several.items():
        for value in values:
            yield from ("", f"[[{_key(key)}]]", *_table(value, (key,)))


def _are_tables(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(value: str) -> str:
    # JSON's escapes are TOML's but for DEL, which JSON leaves as it is, and for surrogates, which are no text
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any, place: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(k)} = {_value(v, f'{place}.{k}')}" for k, v in value.items() if v is not None)
        return f"{{{inner}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(_value(item, place) for item in value)}]"
    raise ValueError(f"{place} is a {type(value).__name__}, which cannot be written down; say where it comes from, "
                     "such as 'net.py:make'")
