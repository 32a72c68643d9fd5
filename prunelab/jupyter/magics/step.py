"""`%prune step`: one layer, or the next share of all."""

from __future__ import annotations

from prunelab.errors import OptionError
from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import (
    CRITERION,
    EPOCHS,
    GRANULARITY,
    LAYER,
    LAYER_RATIOS,
    RATIO,
    SCOPE,
    STEPS,
    TARGET,
    UNITS,
)
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """Which layer, how much of it, by what, and how it heals."""
    parser.option("layer", nargs="?", kind=LAYER, help="a layer or group (the next that is not yet at the ratio)")
    parser.option("--ratio", kind=RATIO, help="the fraction of dense units that is gone afterwards, in [0, 1) (0.3)")
    parser.option("--layers", kind=LAYER_RATIOS, help="instead of a layer: several, each with its ratio")
    parser.option("--by", kind=TARGET, help="without a layer: cut all until the ratio of this is gone")
    parser.option("--scope", kind=SCOPE, help="without a layer: cut all, each alike (local) or by one ranking (global)")
    parser.option("--criterion", kind=CRITERION, help="what makes a unit worth keeping (the Lab's)")
    parser.option("--granularity", kind=GRANULARITY, help="what a unit is (auto); element, kernel, block, 2:4: masked "
                  "in place")
    parser.option("--round-to", kind=UNITS, help="kept units come in multiples of it (1)")
    parser.option("--repair", help="re-solve kept weights towards the dense model first, without labels")
    parser.option("--repair-steps", kind=STEPS, help="repair, and take so many steps on each block after that")
    parser.option("--no-repair", help="do not, where the Lab would")
    parser.option("--finetune", kind=EPOCHS, help="epochs of training afterwards (the Lab's)")


def repair_of(given: Given) -> bool | int | None:
    """Whether to repair, or by how many steps on each block; None for the Lab's own."""
    return False if given.no_repair else given.repair_steps or given.repair or None


def call(given: Given, session: Session) -> Call:
    """``lab.step(layer, ratio=..., criterion=..., finetune=...)``."""
    if given.layer is not None and given.layers is not None:
        raise OptionError("--layers names layers too; leave out the layer before it")
    layers = given.layer if given.layers is None else given.layers
    return session.call("step", layers, ratio=given.ratio, by=given.by, scope=given.scope,
                        criterion=given.criterion, granularity=given.granularity, round_to=given.round_to,
                        finetune=given.finetune, repair=repair_of(given))


STEP = Command(name="step", summary="prune one layer, repair, fine-tune, evaluate, and record the state",
               example="%prune step {layer} --ratio 0.3", options=options, call=call)
