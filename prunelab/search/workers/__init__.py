"""Trials measured elsewhere: in other processes of this machine, or on a Dask cluster."""

from __future__ import annotations

from prunelab.search.workers.base import Crew, Lost, Outcome, Task
from prunelab.search.workers.dask import DaskCrew
from prunelab.search.workers.processes import ProcessCrew

__all__ = ["Crew", "DaskCrew", "Lost", "Outcome", "ProcessCrew", "Task"]
