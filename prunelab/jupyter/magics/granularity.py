"""The kind of value that says what a unit is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prunelab.jupyter.magics.session import Session
from prunelab.jupyter.magics.values import Word


def _named(session: Session) -> Iterable[str]:
    from prunelab.graph.removals import GRANULARITIES, PATTERNS

    return [*GRANULARITIES, *PATTERNS, "2:4", "block:8x1"]


class Granularity(Word):
    """One of the names, or a pattern with sizes of its own, as ``1:4`` or ``block:2x2``."""

    def __init__(self) -> None:
        super().__init__("granularity", _named)

    def read(self, text: str, session: Session, place: str) -> Any:
        """The text."""
        from prunelab.graph.sparse import Pattern

        return text if Pattern.parse(text) is not None else super().read(text, session, place)
