"""What measures trials elsewhere: a crew takes tasks and gives outcomes, in any order.

One process asks the sampler, plans, refuses and records; a crew only measures. So a worker that dies takes one trial
with it, and no storage is ever left locked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from prunelab.search.judging import Look
from prunelab.search.planning import Candidate
from prunelab.search.rehearsal import Measured


@dataclass(frozen=True)
class Task:
    """A trial's number, its candidate, and when to stop."""

    number: int
    candidate: Candidate
    look: Look


@dataclass(frozen=True)
class Lost:
    """A task whose worker died: why."""

    reason: str


@dataclass(frozen=True)
class Outcome:
    """What came of a task: what was measured, the error that it ended in (as text), or that it was lost."""

    number: int
    found: Measured | str | Lost


class Crew(Protocol):
    """Workers."""

    @property
    def free(self) -> int:
        """How many tasks it would take now."""

    def take(self, task: Task) -> None:
        """Begin a task."""

    def wait(self, seconds: float) -> list[Outcome]:
        """What ended by now, or within so many seconds.

        Raises:
            SearchError: no worker can begin.
        """

    def close(self) -> None:
        """Let all workers go, at once."""
