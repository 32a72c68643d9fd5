"""`%%prune`: a recipe in the cell."""

from __future__ import annotations

from typing import Any

from prunelab.errors import OptionError
from prunelab.jupyter.magics.call import Text
from prunelab.jupyter.magics.session import Session

HELP = """usage: %%prune [--check | --explain]

A recipe in TOML in the cell: the model, the data, and what is done with them. It is carried out, and gives the Lab,
which the other lines then speak of. Variables of the notebook work wherever a value is expected.

  --check    look for mistakes, and do nothing
  --explain  print the Python that does the same, and do nothing

example:
  %%prune
  workspace = "runs/digits"
  model = {source = "net"}
  data = {train = "train_set", val = "val_set"}
  schedule = {name = "cubic", to = 0.5, by = "macs", steps = 3}

A run that was interrupted goes on where it was when the cell is run again. `prunelab run recipe.toml` and
pl.run_recipe("recipe.toml") do the same."""
_SWITCHES = ("--check", "--explain", "-h", "--help")


def run_cell(words: list[str], cell: str, session: Session) -> Any:
    """What the cell gives: the Lab, or what was asked for instead.

    Raises:
        RecipeError: a mistake in it, with its line in the cell.
    """
    for word in words:
        if word not in _SWITCHES:
            raise OptionError(f"%%prune does not know what to do with '{word}'; a recipe stands below it, and beside "
                              "it --check or --explain; for a sub-command write one % only")
    if "-h" in words or "--help" in words:
        return Text(HELP)
    from prunelab.recipe import Recipe, carry_out, open_lab

    # the magic's own line is the cell's first
    recipe = Recipe.loads(cell, session.variables, place="the cell", first_line=2)
    if "--explain" in words:
        return Text(recipe.script().rstrip())
    if "--check" in words:
        return Text("the recipe is fine")
    lab = open_lab(recipe)
    session.use(lab)  # also where the rest is interrupted: it is in its last recorded state
    return carry_out(recipe, lab)
