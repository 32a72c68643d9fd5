"""What a Lab is after `close`: every use says how to go on."""

from __future__ import annotations

from typing import Any

from prunelab.errors import StateError


class Closed:
    """Stands in for what a Lab worked with. ``workspace`` keeps its history, None where nothing does."""

    def __init__(self, workspace: str | None) -> None:
        go_on = "open a new one" if workspace is None else f"open it again: pl.Lab(model, workspace={workspace!r})"
        self._message = f"this Lab is closed; {go_on}"

    def __getattr__(self, name: str) -> Any:
        raise StateError(self._message)
