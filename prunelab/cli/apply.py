"""`prunelab apply`: a plan carried out on a model and its weights."""

from __future__ import annotations

import argparse
import sys

from prunelab.cli.command import Command


def options(parser: argparse.ArgumentParser) -> None:
    """Plan, model, weights, and where the smaller model's go."""
    parser.add_argument("plan", metavar="PLAN", help="the plan's file, such as plan.json")
    parser.add_argument("model", metavar="MODEL", help="module:callable, or file.py:callable, that makes the model")
    parser.add_argument("weights", metavar="WEIGHTS", help="the dense model's, as safetensors")
    parser.add_argument("-o", "--output", metavar="FILE", default="small.safetensors",
                        help="where the smaller model's weights go (small.safetensors)")


def run(given: argparse.Namespace) -> int:
    """Write the smaller model's weights."""
    from prunelab.data import load_model
    from prunelab.export.weights import read_weights, save_weights
    from prunelab.graph import as_layer
    from prunelab.plan import Plan

    plan = Plan.load(given.plan)
    dense = as_layer(load_model(given.model))
    read_weights(dense, given.weights)
    save_weights(plan.apply(dense).state_dict(), given.output)
    sys.stdout.write(f"{given.output}: {plan}\n")
    return 0


APPLY = Command(name="apply", summary="carry a plan out on a model and its weights", options=options, run=run)
