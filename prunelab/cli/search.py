"""`prunelab search`: the best plans from a run's last state, found by trials."""

from __future__ import annotations

import argparse
from typing import Any

from prunelab.cli.command import FINE, INTERRUPTED, Command, json_option, tell
from prunelab.cli.target import opened, recipe_at, target_option


def options(parser: argparse.ArgumentParser) -> None:
    """From which run, how, and what to do with it."""
    target_option(parser)
    parser.add_argument("--trials", metavar="N", type=int, help="how many, those before an interrupt among them (50)")
    parser.add_argument("--sampler", metavar="SAMPLER", help="how the next trial is chosen (annealing)")
    parser.add_argument("--objectives", metavar="OBJECTIVE[,...]", help="what trials are judged by (the run's first "
                        "metric, params)")
    parser.add_argument("--constraint", metavar="BOUND", action="append", help="such as 'macs <= 50 %%'; several")
    parser.add_argument("--adopt", action="store_true", help="cut what the best trial cuts, as a new state of the run")
    parser.add_argument("-o", "--output", metavar="FILE", help="keep the study as JSON, for pl.Study.load")
    json_option(parser)


def run(given: argparse.Namespace) -> int:
    """Search, and print the best trials; what the recipe's [search] says holds where the line says nothing.

    An interrupt keeps the trials: the same command goes on.
    """
    asked = _asked(given)
    lab = opened(given.target)
    study = lab.search(**asked)
    if given.output:
        study.save(given.output)
    if study.interrupted:
        tell(given, study, study.to_json())
        return INTERRUPTED
    if given.adopt:
        lab.adopt(study.best)
    tell(given, f"{study}\n{lab}" if given.adopt else study, study.to_json())
    return FINE


def _asked(given: argparse.Namespace) -> dict[str, Any]:
    from prunelab.recipe.actions import Search, actions

    written = next((dict(a.kwargs) for a in actions(recipe_at(given.target).values) if isinstance(a, Search)), {})
    if "space" in written:
        from prunelab.search import space

        written["space"] = space(**written["space"])
    objectives = None if given.objectives is None else tuple(name for name in given.objectives.split(",") if name)
    line = {"trials": given.trials, "sampler": given.sampler, "objectives": objectives,
            "constraints": given.constraint}
    return {**written, **{name: value for name, value in line.items() if value is not None}}


SEARCH = Command(name="search", summary="try plans from a run's last state, and see the best trade-offs",
                 options=options, run=run)
