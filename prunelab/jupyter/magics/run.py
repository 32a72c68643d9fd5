"""`%prune run`: many steps, on a schedule."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import CRITERION, EPOCHS, GRANULARITY, RATIO, SCHEDULE, SCOPE, STEPS, TARGET, UNITS
from prunelab.jupyter.magics.session import Session
from prunelab.jupyter.magics.step import repair_of


def options(parser: Parser) -> None:
    """How far, counted in what, in how many steps."""
    parser.option("--to", kind=RATIO, help="the fraction that is gone in the end, in [0, 1) (0.7)")
    parser.option("--by", kind=TARGET, help="of what: units (sparsity), macs or params (sparsity)")
    parser.option("--steps", kind=STEPS, help="how many (10)")
    parser.option("--schedule", kind=SCHEDULE, help="how much at each step (cubic); in_order, by_cost, by_sensitivity: "
                  "layer after layer")
    parser.option("--rounds", kind=STEPS, help="layer after layer: how often each is taken (1)")
    parser.option("--scope", kind=SCOPE, help="local cuts each group alike, global by one ranking over all (local)")
    parser.option("--criterion", kind=CRITERION, help="what makes a unit worth keeping (the Lab's)")
    parser.option("--granularity", kind=GRANULARITY, help="what a unit is (auto); element, kernel, block: masked in "
                  "place")
    parser.option("--round-to", kind=UNITS, help="kept units come in multiples of it (1)")
    parser.option("--repair", help="re-solve kept weights towards the dense model first, without labels")
    parser.option("--repair-steps", kind=STEPS, help="repair, and take so many steps on each block after that")
    parser.option("--no-repair", help="do not, where the Lab would")
    parser.option("--finetune", kind=EPOCHS, help="epochs of training after each step (the Lab's)")


def call(given: Given, session: Session) -> Call:
    """``lab.run(schedule=..., to=..., ...)``."""
    return session.call("run", schedule=given.schedule, to=given.to, steps=given.steps, rounds=given.rounds,
                        by=given.by, scope=given.scope,
                        criterion=given.criterion, granularity=given.granularity, round_to=given.round_to,
                        finetune=given.finetune, repair=repair_of(given))


RUN = Command(name="run", summary="prune all of the network in several steps, each fine-tuned, evaluated and recorded",
              example="%prune run --to 0.5 --by macs --steps 2 --schedule cubic", options=options, call=call)
