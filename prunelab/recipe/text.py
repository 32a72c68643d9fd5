"""`Text`: where a recipe was read, and errors that point there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from prunelab.errors import RecipeError
from prunelab.recipe.positions import Position

# what `tomllib` says of the place of a mistake
_PLACE = re.compile(r"\s*\(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


@dataclass(frozen=True)
class Text:
    """Where a recipe was read: its text, what errors call the place, and what line the text begins at there."""

    text: str = ""
    place: str = "the recipe"
    first_line: int = 1

    def error(self, message: str, at: Position | None) -> RecipeError:
        """An error at a position; without one, of the recipe as a whole."""
        if at is None:
            return RecipeError(f"{self.place}: {message}")
        line = at.line + self.first_line - 1
        where = (f"{self.place}:{line}:{at.column}" if self.place.endswith(".toml")
                 else f"line {line}, column {at.column} of {self.place}")
        return RecipeError(f"{where}: {message}", line, at.column)


def syntax_error(error: Exception, where: Text) -> RecipeError:
    """What `tomllib` says, at the place it says."""
    found = _PLACE.search(str(error))
    message = f"this is no TOML: {_PLACE.sub('', str(error))}"
    if found is None:
        return where.error(message, None)
    if found["line"]:
        return where.error(message, Position(int(found["line"]), int(found["column"])))
    lines = where.text.rstrip("\n").split("\n")
    return where.error(f"{message} (the text ends there)", Position(len(lines), len(lines[-1]) + 1))
