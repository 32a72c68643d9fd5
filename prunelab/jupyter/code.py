"""`code`: what led to a Lab's state, as a script, a recipe or a notebook: to be kept, published and run again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunelab.errors import OptionError, WorkspaceError, unknown_name

if TYPE_CHECKING:
    from prunelab.lab import Lab

FORMS = ("script", "recipe", "notebook")
ENDINGS = {".py": "script", ".toml": "recipe", ".ipynb": "notebook"}


@dataclass(frozen=True)
class Code:
    """A text of code, which shows itself as it is; ``path`` is where it was written."""

    text: str
    form: str
    path: Path | None = None

    def __repr__(self) -> str:
        return self.text.rstrip() if self.path is None else f"the {self.form} is in {self.path}"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


def code(lab: Lab, path: str | os.PathLike[str] | None = None, *, form: str | None = None,
         names: Mapping[str, Any] | None = None) -> Code:
    """The way to the Lab's current state as code that repeats it, bit for bit on the same versions and threads.

    Args:
        path: a file to write, whole or not at all; its ending says the form: ``.py``, ``.toml``, ``.ipynb``.
        form: "script", "recipe" or "notebook"; what the ending says, or a script.
        names: variables, by name: what of them the Lab was opened with is called so.

    Raises:
        UnknownNameError: another form or ending.
        StateError: a way that a recipe has no words for (masks of single weights).
        WorkspaceError: a place that cannot be written.
    """
    form = _form(path, form)
    recipe = recipe_of(lab, names or {})
    head = "".join(f"{line}\n" for line in recipe.dumps().splitlines() if line.startswith("#"))
    text = {"script": lambda: head + recipe.script(), "recipe": recipe.dumps,
            "notebook": lambda: _notebook(head + recipe.script())}[form]()
    if path is None:
        return Code(text, form)
    from prunelab.evaluate.files import write_text

    try:
        return Code(text, form, write_text(path, text))
    except OSError as error:
        raise WorkspaceError(f"{os.fspath(path)} cannot be written: {error.strerror or error}; choose a folder that "
                             "exists and can be written") from error


def _form(path: Any, form: str | None) -> str:
    ending = "" if path is None else Path(path).suffix.lower()
    if path is not None and form is None and ending not in ENDINGS:
        raise unknown_name("ending", ending, ENDINGS, place=f"the file {os.fspath(path)}")
    chosen = form or ENDINGS.get(ending, "script")
    if chosen not in FORMS:
        raise unknown_name("form", chosen, FORMS)
    return chosen


def recipe_of(lab: Lab, names: Mapping[str, Any]) -> Any:
    """The recipe that repeats the way, with the names of variables where the Lab was opened with their values."""
    from prunelab.lab.repeating import recipe_data, recipe_text
    from prunelab.recipe import Recipe

    data = recipe_data(lab)
    given = {name: _named(lab._given[name], names.items()) for name in ("train", "val")}
    if "data" not in lab.origin:
        data["data"] = {**data.get("data", {}), **{name: told for name, told in given.items() if told}}
    if "model" not in lab.origin:
        data["model"] = {**data["model"], "source": _model_name(lab, names)}
    if not data.get("data"):
        data.pop("data", None)
    # names that are no variables here, since the Lab was opened with what has none, stand for something all the same
    told = [name for section in ("model", "data", "finetune") for value in data.get(section, {}).values()
            for name in (value if isinstance(value, list) else [value])]
    stand_in = {name: _stand_in for name in told if isinstance(name, str) and name.isidentifier()}
    try:
        return Recipe.loads(recipe_text(lab, data), {**stand_in, **names})
    except ValueError as error:
        raise OptionError(str(error)) from error


def _stand_in() -> None:
    """In the place of a variable that is not at hand."""


def _named(value: Any, names: Iterable[tuple[str, Any]]) -> str:
    return "" if value is None else next((name for name, known in names if known is value), "")


def _model_name(lab: Lab, names: Mapping[str, Any]) -> str:
    """The only variable that holds a model of the Lab's class; the Lab works on a copy, and so does not know it."""
    import paddle

    kind = type(lab.model).__name__
    found = [name for name, value in names.items()
             if isinstance(value, paddle.nn.Layer) and type(value).__name__ == kind]
    return found[0] if len(found) == 1 else "net"


def _notebook(script: str) -> str:
    """A notebook (format 4.5): the opening in a cell, then a cell for each step."""
    lines = script.rstrip().splitlines()
    opened = next(k for k, line in enumerate(lines) if line.startswith("lab = ")) + 1
    cells = ["%load_ext prunelab", "\n".join(lines[:opened]), *lines[opened:], "%prune status"]
    empty: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    made = [{**empty, "id": f"cell-{k}", "source": cell} for k, cell in enumerate(cells)]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    data = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(data, indent=1) + "\n"
