"""`Lab`: one model under study, and the history of its states."""

from __future__ import annotations

from prunelab.lab.cuts import Preview
from prunelab.lab.lab import Lab
from prunelab.lab.progress import Progress
from prunelab.lab.state import State

__all__ = ["Lab", "Preview", "Progress", "State"]
