"""TOML: where its keys stand, and what is written is read again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelab.recipe.positions import Position, positions
from prunelab.render.toml import to_toml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WORDS = st.text(st.characters(codec="utf-8"), max_size=8)
PLAIN = st.booleans() | st.integers(-10**9, 10**9) | st.floats(allow_nan=False) | WORDS
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
                      max_leaves=8)
TABLES = st.lists(st.dictionaries(WORDS, VALUES, max_size=3), min_size=1, max_size=3)
DOCUMENTS = st.dictionaries(WORDS, VALUES | TABLES, max_size=5)

HARD = '''# a comment = 1
seed = 1 # [not a header]
a.b . "c d" = "x = 1 # ] }"
literal = 'C:\\no\\escape'
many = """one " two "" three
[section] = 4 \\""" still""""
lines = [ # of an array
    1, "],",
    {x = [{y = 'a'}], z.w = 2},   # with a table
]
when = 1979-05-27 07:32:00
[plain]
[plain.deep]
key = """"""
[[steps]]
layer = 'conv1'
[steps.more]
ratio = 0.5
[[steps]]
layer = "conv2"
[[steps.inner]]
k = +1
[[steps.inner]]
k = -inf
'''


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


@given(DOCUMENTS)
def test_what_is_written_is_read_again_and_every_key_has_its_place(data: dict[str, Any]) -> None:
    text = to_toml(data)
    assert tomllib.loads(text) == data
    found = positions(text)
    assert set(found) == set(paths(data))
    lines = text.split("\n")
    for path, at in found.items():
        there = lines[at.line - 1][at.column - 1:]
        if isinstance(path[-1], str) and path[-1].isidentifier() and path[-1].isascii():
            assert there.startswith(path[-1])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_form_of_toml_is_walked(end: str) -> None:
    text = HARD.replace("\n", end)
    found = positions(text)
    assert set(found) == set(paths(tomllib.loads(text)))
    assert found["seed",] == Position(2, 1)
    assert found["a", "b", "c d"] == Position(3, 7)
    assert found["lines", 2, "z", "w"] == Position(9, 25)
    assert found["steps", 0, "more", "ratio"] == Position(18, 1)
    assert found["steps", 1, "inner", 1, "k"] == Position(24, 1)


def test_what_is_no_data_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"model\.source is a object, which cannot be written down"):
        to_toml({"model": {"source": object()}})
