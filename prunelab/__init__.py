"""Prune PaddlePaddle models in a notebook: look, step, go back, branch, and take a smaller model away.

The public names are imported when they are first used: ``import prunelab`` loads neither Paddle nor a widget library.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> the room that defines it; "" for a room that is public itself
_PUBLIC = {
    "trace": "graph", "Graph": "graph", "Group": "graph", "Cost": "graph", "GraphLayer": "surgery",
    "propose": "plan", "Plan": "plan", "schedules": "plan",
    "mask": "surgery", "compact": "surgery",
    "calibrate": "evaluate", "evaluate": "evaluate", "latency": "evaluate",
    "confusion": "evaluate", "Confusion": "evaluate",
    "eight_bit_costs": "evaluate", "EightBitCosts": "evaluate",
    "sensitivity": "evaluate", "Sensitivity": "evaluate",
    "NetworkLatency": "evaluate", "peak_memory": "evaluate",
    "finetune": "train", "repair": "train",
    "space": "search", "search": "search", "Space": "search", "Study": "search",
    "load_model": "data", "datasets": "data", "presets": "data",
    "auto": "", "text": "",
    "export": "export", "Export": "export", "verify_export": "export", "benchmark": "export",
    "Lab": "lab", "doctor": "lab", "salvage": "lab",
    "Recipe": "recipe", "run_recipe": "recipe",
    "AutoCompression": "auto",
    "errors": "", "testing": "", "train": "", "PrunelabError": "errors",
}

__all__ = ["__version__", "load_ipython_extension", *_PUBLIC]

if TYPE_CHECKING:
    from prunelab import auto as auto
    from prunelab import errors as errors
    from prunelab import testing as testing
    from prunelab import text as text
    from prunelab import train as train
    from prunelab.auto import AutoCompression as AutoCompression
    from prunelab.data import datasets as datasets
    from prunelab.data import load_model as load_model
    from prunelab.data import presets as presets
    from prunelab.errors import PrunelabError as PrunelabError
    from prunelab.evaluate import Confusion as Confusion
    from prunelab.evaluate import EightBitCosts as EightBitCosts
    from prunelab.evaluate import NetworkLatency as NetworkLatency
    from prunelab.evaluate import Sensitivity as Sensitivity
    from prunelab.evaluate import calibrate as calibrate
    from prunelab.evaluate import confusion as confusion
    from prunelab.evaluate import eight_bit_costs as eight_bit_costs
    from prunelab.evaluate import evaluate as evaluate
    from prunelab.evaluate import latency as latency
    from prunelab.evaluate import peak_memory as peak_memory
    from prunelab.evaluate import sensitivity as sensitivity
    from prunelab.export import Export as Export
    from prunelab.export import benchmark as benchmark
    from prunelab.export import export as export
    from prunelab.export import verify_export as verify_export
    from prunelab.graph import Cost as Cost
    from prunelab.graph import Graph as Graph
    from prunelab.graph import Group as Group
    from prunelab.graph import trace as trace
    from prunelab.lab import Lab as Lab
    from prunelab.lab import doctor as doctor
    from prunelab.lab import salvage as salvage
    from prunelab.plan import Plan as Plan
    from prunelab.plan import propose as propose
    from prunelab.plan import schedules as schedules
    from prunelab.recipe import Recipe as Recipe
    from prunelab.recipe import run_recipe as run_recipe
    from prunelab.search import Space as Space
    from prunelab.search import Study as Study
    from prunelab.search import search as search
    from prunelab.search import space as space
    from prunelab.surgery import GraphLayer as GraphLayer
    from prunelab.surgery import compact as compact
    from prunelab.surgery import mask as mask
    from prunelab.train import finetune as finetune
    from prunelab.train import repair as repair


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'prunelab' has no attribute '{name}'")
    room = _PUBLIC[name]
    module = importlib.import_module(f"prunelab.{room or name}")
    value = module if not room else getattr(module, name)
    globals()[name] = value
    return value


class _Package(ModuleType):
    """Keeps ``prunelab.evaluate`` and ``prunelab.export`` the functions: importing the rooms of the same names would
    make them modules, since the import system sets a submodule as an attribute of its package."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and _PUBLIC.get(name) == name):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(ipython: Any) -> None:
    """Register ``%prune``: what ``%load_ext prunelab`` calls."""
    from prunelab.jupyter import load

    load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Take the magics away again: what ``%unload_ext prunelab`` calls."""
    from prunelab.jupyter import unload

    unload(ipython)
