"""`%prune search`: the best plans, found by trials."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import CONSTRAINT, OBJECTIVES, SAMPLER, SAMPLES, SEED, SPACE, TRIALS
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """From what, how chosen, judged by what, within which bounds, how many."""
    parser.option("--space", kind=SPACE, help="what is chosen from: pl.space(...) (a ratio for each group)")
    parser.option("--sampler", kind=SAMPLER, help="how the next trial is chosen (annealing)")
    parser.option("--objectives", kind=OBJECTIVES, help="what trials are judged by (the Lab's first metric, params)")
    parser.option("--constraint", kind=CONSTRAINT, action="append", help="such as 'macs <= 50 %%'; may be repeated")
    parser.option("--trials", kind=TRIALS, help="how many, those before an interrupt among them (50)")
    parser.option("--samples", kind=SAMPLES, help="look at the first so many of the validation data (all)")
    parser.option("--seed", kind=SEED, help="the same one gives the same study (one that follows from the state)")


def call(given: Given, session: Session) -> Call:
    """``lab.search(space, sampler=..., objectives=..., trials=..., constraints=...)``."""
    return session.call("search", given.space, sampler=given.sampler, objectives=given.objectives,
                        trials=given.trials, constraints=given.constraint, samples=given.samples, seed=given.seed)


SEARCH = Command(name="search", summary="try plans, and see the best trade-offs; lab.adopt(study.best) takes one",
                 example="%prune search --sampler pso --trials 8 --objectives accuracy,params", options=options,
                 call=call)
