"""`Recipe`: a run as data, read from TOML and checked, each mistake with its line and column."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prunelab.errors import OptionError, RecipeError, shown, unknown_name
from prunelab.evaluate.files import write_text
from prunelab.recipe.keys import REPEATED, SECTIONS, TOP, Key, schema
from prunelab.recipe.kinds import Variables
from prunelab.recipe.positions import positions
from prunelab.recipe.text import Text, syntax_error
from prunelab.render.toml import to_toml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Keys = tuple["str | int", ...]


@dataclass(frozen=True)
class Recipe:
    """A run as data.

    ``data`` is what the TOML says: plain values by key, sections as dicts, ``steps`` a list of dicts; `values` what is
    meant by it. Two recipes are equal where their data is.

    Raises:
        RecipeError: a key that nobody knows, with the nearest; a value that cannot be; with line and column where the
            recipe was read from a text.
    """

    data: Mapping[str, Any]
    text: Text = field(default=Text(), repr=False, compare=False)
    variables: Variables = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_values", self._check())

    @classmethod
    def load(cls, path: str | os.PathLike[str], variables: Variables | None = None) -> Recipe:
        """The recipe in a file.

        Raises:
            RecipeError: a file that cannot be read, or holds no recipe.
        """
        name = os.fspath(path)
        try:
            text = Path(name).expanduser().read_text(encoding="utf-8-sig")  # some editors begin with a mark
        except (OSError, UnicodeError) as error:
            raise RecipeError(f"the recipe {name} cannot be read: {getattr(error, 'strerror', None) or error}; give a "
                              "file of TOML") from error
        return cls.loads(text, variables, place=name if name.endswith(".toml") else f"the recipe {name}")

    @classmethod
    def loads(cls, text: str, variables: Variables | None = None, *, place: str = "the recipe",
              first_line: int = 1) -> Recipe:
        """The recipe that a text of TOML is.

        Args:
            variables: what names in it may mean, such as a notebook's variables.
            place, first_line: what errors call the text, and the number of its first line.
        """
        if not isinstance(text, str):
            raise RecipeError(f"the recipe is {shown(text)}; give a text of TOML")
        where = Text(text, place, first_line)
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise syntax_error(error, where) from error
        return cls(data, where, variables or {})

    def dumps(self) -> str:
        """The recipe as TOML: as it was read, or written anew.

        Raises:
            OptionError: a value that cannot be written down, such as a model that was given as an object.
        """
        try:
            return self.text.text or to_toml(self.data)
        except ValueError as error:
            raise OptionError(str(error)) from error

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as TOML, whole or not at all.

        Raises:
            RecipeError: a place that cannot be written.
            OptionError: as `dumps`.
        """
        try:
            return write_text(path, self.dumps())
        except OSError as error:
            raise RecipeError(f"{os.fspath(path)} cannot be written: {error.strerror or error}; choose another "
                              "place") from error

    @staticmethod
    def schema() -> dict[str, Any]:
        """The JSON Schema of recipes, as in ``prunelab/recipe/recipe.schema.json``."""
        return schema()

    @property
    def values(self) -> Mapping[str, Any]:
        """What is meant: every value checked, variables in the place of their names."""
        return self._values  # type: ignore[attr-defined]

    def section(self, name: str) -> Mapping[str, Any]:
        """The values of a section; none where it is left out."""
        return self.values.get(name, {})

    def with_(self, **overrides: Any) -> Recipe:
        """The same with other values: ``seed=1``, ``schedule={"to": 0.5}`` (other keys of the section stay), or
        ``schedule=None``, which takes the section away, as a key of None takes a key."""
        data: dict[str, Any] = dict(self.data)
        for name, value in overrides.items():
            old = data.get(name)
            if isinstance(old, Mapping) and isinstance(value, Mapping):
                value = {key: new for key, new in {**old, **value}.items() if new is not None}
            data[name] = value
        return Recipe({key: value for key, value in data.items() if value is not None},
                      Text(place="the recipe with what was given beside it"), self.variables)

    def error(self, message: str, *path: str | int) -> RecipeError:
        """An error at a key of the recipe, or at the nearest one around it that stands in the text."""
        found = positions(self.text.text) if self.text.text else {}
        at = next((found[path[:n]] for n in range(len(path), 0, -1) if path[:n] in found), None)
        return self.text.error(message, at)

    def script(self) -> str:
        """The Python that does the same."""
        from prunelab.recipe.script import script

        return script(self)

    def __repr__(self) -> str:
        try:
            return self.dumps().rstrip()
        except OptionError as error:
            return f"Recipe that cannot be written down: {error}"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"

    # checking

    def _check(self) -> dict[str, Any]:
        for name in self.data:
            if name not in TOP and name not in SECTIONS:
                raise self.error(str(unknown_name("key", name, [*TOP, *SECTIONS])), name)
        values: dict[str, Any] = self._section((), TOP, {k: v for k, v in self.data.items() if k in TOP})
        if "model" not in self.data and "preset" not in self.data:
            raise self.error("the section [model] is missing; it says where the model comes from, such as "
                             "source = 'net.py:make'")
        for name, keys in SECTIONS.items():
            if name in self.data:
                values[name] = self._sections(name, keys, self.data[name])
        return values

    def _sections(self, name: str, keys: Mapping[str, Key], given: Any) -> Any:
        if name not in REPEATED:
            if not isinstance(given, Mapping):
                raise self.error(f"{name} is {shown(given)}, and is a section: [{name}]", name)
            return self._section((name,), keys, given)
        if not isinstance(given, (list, tuple)) or not all(isinstance(each, Mapping) for each in given):
            raise self.error(f"{name} is a list of sections, each of which begins with [[{name}]]", name)
        return [self._step(each, k) for k, each in enumerate(given)]

    def _step(self, given: Mapping[str, Any], k: int) -> dict[str, Any]:
        whole = [key for key in ("layer", "ratios", "train", "plan", "units") if key in given]
        if len(whole) > 1:
            raise self.error(f"a step has {whole[0]} and {whole[1]}, and is only one of them; make two steps of it",
                             "steps", k, whole[1])
        own = next((key for key in ("lr", "optimizer", "sentences") if key in given), None)
        if own is not None and not {"plan", "units"} & set(given):
            raise self.error(f"{own} is of a step that takes a plan or units; other steps train as [finetune] says",
                             "steps", k, own)
        return self._section(("steps", k), SECTIONS["steps"], given)

    def _section(self, path: Keys, keys: Mapping[str, Key], given: Mapping[str, Any]) -> dict[str, Any]:
        """The values of one table, each checked."""
        name = f"[{path[0]}]" if path else "the recipe"
        values = {}
        for key, value in given.items():
            if key not in keys:
                raise self.error(str(unknown_name("key", key, keys, place=name)), *path, key)
            try:
                values[key] = keys[key].kind.read(value, key, self.variables)
            except OptionError as error:
                raise self.error(str(error), *path, key) from error
        missing = _missing(keys, given)
        if missing:
            raise self.error(f"{name} lacks its {missing}: {keys[missing].help}", *path)
        return values


def _missing(keys: Mapping[str, Key], given: Iterable[str]) -> str:
    there = set(given)
    return next((name for name, key in keys.items() if key.required and name not in there), "")
