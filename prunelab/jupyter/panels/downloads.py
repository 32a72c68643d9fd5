"""Files of an export to be had by a click, in any front end: they come through the widget's own channel, in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from prunelab.jupyter.panels.part import asset
from prunelab.jupyter.words import EXPORT as WORDS

_PIECE = 4_000_000  # bytes in a message
_MOST = 1_000_000_000  # a browser holds the whole of it before it is saved


class ExportResults(anywidget.AnyWidget):
    """``rows``: dicts of name, cells (pairs of a number and what is said below it) and files (dicts of name and size);
    ``where`` they are, and ``notes``."""

    _esm = asset("export.js")
    _css = asset("export.css")
    words = traitlets.Dict(WORDS).tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    where = traitlets.Unicode().tag(sync=True)
    notes: Any = traitlets.List().tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self._files: dict[str, Path] = {}
        self.on_msg(lambda _, content, buffers: self._download(str(content.get("download", ""))))

    def show(self, rows: Sequence[dict[str, Any]], files: dict[str, Path], where: str, notes: Sequence[str]) -> None:
        """Another export; ``files`` by the keys that the rows' files have."""
        self._files = files
        with self.hold_sync():
            self.rows, self.where, self.notes = list(rows), where, list(notes)

    def _download(self, key: str) -> None:
        """Send a file of this export, and no other."""
        path = self._files.get(key)
        if path is None:
            return
        try:
            n_bytes = path.stat().st_size
            if n_bytes > _MOST:
                self.send({"failed": WORDS["too large"].format(path=path)})
                return
            pieces = max(-(-n_bytes // _PIECE), 1)
            with path.open("rb") as file:
                for k in range(pieces):
                    self.send({"file": path.name, "key": key, "piece": k, "pieces": pieces}, [file.read(_PIECE)])
        except OSError as error:
            self.send({"failed": WORDS["not read"].format(path=path, why=error.strerror)})
