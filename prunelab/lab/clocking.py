"""How fast a Lab's model is, and would be: a table of this machine, measured once."""

from __future__ import annotations

from typing import Any

from prunelab.evaluate import OperatorTimes
from prunelab.evaluate.latency_table import LatencyTable, latency_table
from prunelab.evaluate.operator_times import Shaped
from prunelab.lab.opened import Opened
from prunelab.lab.progress import Meter


class Clocking(Opened):
    """Measuring the latency; nothing here changes the Lab."""

    _timed: dict[int, LatencyTable]

    def latency(self, batch: int = 1) -> LatencyTable:
        """The latency of this model under any plan, ``.ms(plan)``, from operators that are measured on this machine.

        Measured once, which takes some seconds, and kept; `stop` ends it. It is an estimate:
        `prunelab.evaluate.NetworkLatency` says how far it is off.

        Raises:
            OptionError: a batch below 1.
        """
        if batch not in self._timed:
            with self._work.begin("latency", None) as meter:
                self._timed[batch] = latency_table(self.graph, batch=batch, times=_Watched(self._device, meter))
        return self._timed[batch]

    @property
    def _device(self) -> str:
        place = self.graph.place
        return "cpu" if place is None or place.is_cpu_place() else str(place)

    def timed(self, batch: int = 1) -> LatencyTable | None:
        """What `latency` has measured in this process; None before."""
        return self._timed.get(batch)


class _Watched(OperatorTimes):
    """Operators' times that are told about while they are measured, and can be stopped."""

    def __init__(self, device: str, meter: Meter) -> None:
        super().__init__(OperatorTimes.here(device).path, device=device)
        self._meter = meter

    def ms(self, shaped: Shaped, place: Any) -> float:
        before = self.measured
        found = super().ms(shaped, place)
        if self.measured > before:
            self._meter.tick()
        return found
