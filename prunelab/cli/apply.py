"""`prunelab apply`: a plan carried out on a model and its weights."""

from __future__ import annotations

import argparse

from prunelab.cli.command import FINE, Command, json_option, tell
from prunelab.errors import ExportError


def options(parser: argparse.ArgumentParser) -> None:
    """Plan, model, weights, and where the smaller model's go."""
    parser.add_argument("plan", metavar="PLAN", help="the plan's file, such as plan.json")
    parser.add_argument("model", metavar="MODEL", help="module:callable, or file.py:callable, that makes the model")
    parser.add_argument("weights", metavar="WEIGHTS", help="the dense model's: .safetensors or .pdparams")
    parser.add_argument("-o", "--output", metavar="FILE", default="small.safetensors",
                        help="where the smaller model's weights go (small.safetensors)")
    json_option(parser)


def run(given: argparse.Namespace) -> int:
    """Write the smaller model's weights, whole or not at all."""
    from prunelab.data import load_model
    from prunelab.evaluate.files import write_bytes
    from prunelab.export.weights import weights_bytes
    from prunelab.graph import as_layer
    from prunelab.plan import Plan

    plan = Plan.load(given.plan)
    dense = as_layer(load_model(given.model, weights=given.weights))
    data = weights_bytes(plan.apply(dense).state_dict())
    try:
        write_bytes(given.output, data)
    except OSError as error:
        raise ExportError(f"{given.output} cannot be written: {error.strerror or error}; choose another place, or free "
                          "some space there") from error
    tell(given, f"{given.output}: {plan}", {"output": given.output, "size_bytes": len(data), "model": plan.model,
                                            "params": plan.cost.params, "dense_params": plan.dense_cost.params})
    return FINE


APPLY = Command(name="apply", summary="carry a plan out on a model and its weights", options=options, run=run)
