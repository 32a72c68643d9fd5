"""A run as data: a `Recipe` in TOML, and `run_recipe`, which carries it out.

``recipe.schema.json`` beside this file is the JSON Schema, for editors that complete and check TOML.
"""

from __future__ import annotations

from prunelab.recipe.recipe import Recipe
from prunelab.recipe.run import carry_out, open_lab, run_recipe

__all__ = ["Recipe", "carry_out", "open_lab", "run_recipe"]
