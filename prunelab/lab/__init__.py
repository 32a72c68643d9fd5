"""`Lab`: one model under study, and the history of its states."""

from __future__ import annotations

from prunelab.lab.lab import Lab
from prunelab.lab.previews import Going, Preview, Previews
from prunelab.lab.progress import Progress
from prunelab.lab.state import State
from prunelab.lab.store.doctor import doctor
from prunelab.lab.store.salvage import salvage
from prunelab.lab.watching import Watcher

__all__ = ["Going", "Lab", "Preview", "Previews", "Progress", "State", "Watcher", "doctor", "salvage"]
