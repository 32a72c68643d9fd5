"""A search in a process of its own, to be killed or joined: ``searching.py STORAGE TRIALS WORKERS``.

Waits for a line when it is ready; then says each worker's pid and each trial's number as they come.
"""

from __future__ import annotations

import sys
from typing import Any

import paddle
from search_nets import digits, net

import prunelab as pl
from prunelab.search.workers import processes


def job() -> dict[str, Any]:
    """What all of them search, with the same weights."""
    paddle.seed(0)
    return {"model": net(), "data": digits(60), "pruner": None, "sampler": "random"}


def say(*words: Any) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(storage: str, trials: int, workers: int) -> None:
    begun = processes._Worker.__init__

    def told(self: Any, *args: Any) -> None:
        begun(self, *args)
        say("worker", self.process.pid)

    processes._Worker.__init__ = told  # type: ignore[method-assign]
    say("ready")
    sys.stdin.readline()
    pl.search(**job(), storage=storage, trials=trials, workers=workers,
              on_trial=lambda study, trial: say("trial", trial.number))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
