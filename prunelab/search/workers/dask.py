"""Workers of a Dask cluster: any number of machines, through a client of ``distributed``."""

from __future__ import annotations

import threading
from typing import Any

from prunelab.errors import OptionError, SearchError, reason_of, shown
from prunelab.search.workers.base import Lost, Outcome, Task
from prunelab.search.workers.parcel import Parcel

# In a worker's process: the rehearsal that was made last, by its parcel's number; threads of one worker take turns
_MADE: dict[str, Any] = {}
_TURN = threading.Lock()


class DaskCrew:
    """The workers of a client, one task a worker at a time. prunelab is installed where they run.

    Raises:
        OptionError: no client, or one without workers.
    """

    def __init__(self, client: Any, parcel: Parcel) -> None:
        if not all(hasattr(client, name) for name in ("submit", "scatter", "nthreads")):
            raise OptionError(f"executor is {shown(client)}; give a client of a Dask cluster: "
                              "distributed.Client(address)")
        self._client = client
        if not client.nthreads():
            raise OptionError("the Dask cluster has no workers; start some, or wait for them: "
                              "client.wait_for_workers(1)")
        self._parcel = client.scatter(parcel, broadcast=True)
        self._under_way: dict[int, Any] = {}

    @property
    def free(self) -> int:
        return max(0, len(self._client.nthreads()) - len(self._under_way))

    def take(self, task: Task) -> None:
        self._under_way[task.number] = self._client.submit(measure, self._parcel, self._parcel.key, task, pure=False)

    def wait(self, seconds: float) -> list[Outcome]:
        from distributed import wait

        if self._under_way:
            try:
                wait(list(self._under_way.values()), timeout=seconds, return_when="FIRST_COMPLETED")
            except TimeoutError:
                return []
        ended = [number for number, future in self._under_way.items() if future.done()]
        return [Outcome(number, _outcome(self._under_way.pop(number))) for number in ended]

    def close(self) -> None:
        for future in self._under_way.values():
            future.cancel()


def _outcome(future: Any) -> Any:
    """What was measured, or why not. Dask tries a task again whose worker died, three times as a rule."""
    try:
        return future.result()
    except Exception as error:
        if type(error).__module__.startswith("distributed"):
            return Lost(f"its worker was lost: {reason_of(error)}")
        return reason_of(error)


def measure(parcel: Parcel, key: str, task: Task) -> Any:
    """In a worker: what a task is measured at."""
    with _TURN:
        if key not in _MADE:
            try:
                made = parcel.rehearsal()
            except Exception as error:
                raise SearchError(f"a worker cannot begin: {reason_of(error)}") from error
            _MADE.clear()
            _MADE[key] = made
        return _MADE[key].run(task.candidate, task.look)
