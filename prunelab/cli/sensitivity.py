"""`prunelab sensitivity`: what each layer bears."""

from __future__ import annotations

import argparse

from prunelab.cli.command import FINE, Command, json_option, tell
from prunelab.cli.ratios import ratios_in
from prunelab.cli.target import opened, target_option
from prunelab.errors import OptionError, check_ratio


def options(parser: argparse.ArgumentParser) -> None:
    """Of which run and layers, in which metric."""
    target_option(parser)
    parser.add_argument("layers", metavar="LAYER", nargs="*", help="layers or patterns such as 'layer4.*' (all)")
    parser.add_argument("--ratios", metavar="RATIO[,...]", help="fractions removed, with commas, or from:to:step "
                        "(0.1:0.9:0.1)")
    parser.add_argument("--metric", metavar="METRIC", help="what is measured (the run's first metric)")
    parser.add_argument("--criterion", metavar="CRITERION", help="what makes a unit worth keeping (the run's)")
    parser.add_argument("-o", "--output", metavar="FILE", help="keep the numbers as JSON, for pl.Sensitivity.load")
    json_option(parser)


def run(given: argparse.Namespace) -> int:
    """Measure, and print a table; an interrupted measurement goes on in the same workspace."""
    chosen = {"ratios": _ratios(given.ratios), "metric": given.metric, "criterion": given.criterion}
    lab = opened(given.target)
    found = lab.sensitivity(*given.layers, **{name: value for name, value in chosen.items() if value is not None})
    if given.output:
        found.save(given.output)
    tell(given, found, found.to_json())
    return FINE


def _ratios(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    found = ratios_in(text)
    if not found:
        raise OptionError(f"--ratios is '{text}'; give fractions removed, such as 0.3,0.5 or 0.1:0.9:0.1")
    return tuple(check_ratio(ratio, place="--ratios") for ratio in found)


SENSITIVITY = Command(name="sensitivity", summary="what a cut of each layer alone would cost", options=options, run=run)
