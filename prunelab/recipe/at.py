"""`At`: what goes wrong on the way is told at the key of the recipe that asked for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from prunelab.errors import DataError, InputError, OptionError, PlanError
from prunelab.recipe.actions import Keys
from prunelab.recipe.recipe import Recipe

# what a person mends in the recipe; a training that fails, or a full disk, is not its fault
_MISTAKES = (OptionError, InputError, DataError, PlanError)


class At:
    """A mistake that shows inside is told with the place in the recipe that asked for it; what it was is its cause."""

    def __init__(self, recipe: Recipe, *path: str | int) -> None:
        self._recipe, self._path = recipe, path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, _MISTAKES):
            raise self._recipe.error(str(error), *self._narrowed(str(error))) from error

    def _narrowed(self, message: str) -> Keys:
        """The key of the section that the message speaks of, by its name or else by its value."""
        inside: Any = self._recipe.data
        for part in self._path:
            inside = inside[part] if not isinstance(inside, Mapping) or part in inside else {}
        if not isinstance(inside, Mapping) or not inside:
            return self._path
        if self._path == ("model",) and "source" in inside and "weights" not in message:
            return (*self._path, "source")
        words = set(re.findall(r"[\w.]+\w|\w", message))
        named = [key for key in inside if key in words and len(key) > 2]  # "to" and "by" are words of any message
        named += [key for key, value in inside.items() if isinstance(value, (str, int, float)) and str(value) in words]
        return (*self._path, named[0]) if named else self._path
