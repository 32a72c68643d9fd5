"""A search shared with workers elsewhere: this process asks, plans, refuses and records, they measure."""

from __future__ import annotations

import time
from dataclasses import dataclass

import optuna

from prunelab.errors import SearchError, reason_of
from prunelab.search.planning import Candidate
from prunelab.search.running import MOST_REFUSED, Run
from prunelab.search.trial import LOST, REFUSED, Trial
from prunelab.search.workers import Crew, Lost, Outcome, Task

# How often it looks whether somebody wants to stop
_WAIT_S = 0.2
# Trials whose workers died, one after another
_MOST_LOST = 20


@dataclass
class _Begun:
    asked: optuna.trial.Trial
    candidate: Candidate
    start: float


def share(run: Run, crew: Crew, trials: int) -> None:
    """Go on until so many trials have ended, refused and lost ones not counted.

    Raises:
        SearchError: workers that die one after another, or constraints that nearly nothing meets.
    """
    under_way: dict[int, _Begun] = {}
    refused = lost = 0
    try:
        while True:
            while crew.free and run.still(trials, len(under_way)):
                begun = _begin(run, crew)
                if isinstance(begun, Trial):
                    refused = refused + 1 if begun.state == REFUSED else 0
                    if refused >= MOST_REFUSED:
                        raise run.too_tight()
                else:
                    under_way[begun.asked.number] = begun
            if not under_way:
                return
            for outcome in crew.wait(_WAIT_S):
                trial = _ended(run, under_way.pop(outcome.number), outcome)
                lost = lost + 1 if trial.state == LOST else 0
                if lost >= _MOST_LOST:
                    raise SearchError(f"{lost} trials in a row were lost: {trial.reason}; give the workers more "
                                      "memory, or leave workers at 1")
            if run.rehearsal.on_batch is not None:
                run.rehearsal.on_batch()
    finally:
        for begun in under_way.values():
            run.give_up(begun.asked)
        crew.close()


def _begin(run: Run, crew: Crew) -> _Begun | Trial:
    """The next trial handed out; or recorded at once, where there is nothing to measure."""
    asked, start = run.ask(), time.perf_counter()
    try:
        prepared = run.prepared(asked)
    except Exception as error:
        prepared = run.failed(asked, reason_of(error))
    if isinstance(prepared, Trial):
        return run.record(asked, prepared, time.perf_counter() - start)
    crew.take(Task(asked.number, prepared, run.look(prepared)))
    return _Begun(asked, prepared, start)


def _ended(run: Run, begun: _Begun, outcome: Outcome) -> Trial:
    asked, found = begun.asked, outcome.found
    if isinstance(found, Lost):
        trial = run.failed(asked, found.reason, LOST)
    elif isinstance(found, str):
        trial = run.failed(asked, found)
    else:
        try:
            trial = run.measured(asked, begun.candidate, found)
        except SearchError as error:
            trial = run.failed(asked, reason_of(error))
    return run.record(asked, trial, time.perf_counter() - begun.start)
