"""Taking a model away from a Lab: the smaller layer, or files of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from prunelab.lab.opened import Opened
from prunelab.surgery import compact


class Exporting(Opened):
    """The current state's smaller model."""

    _given: Mapping[str, Any]

    def compact(self) -> Any:
        """The smaller model of the current state: a new ``nn.Layer``."""
        with self._work.begin("compact"):
            return compact(self.model, self.plan)

    def export(self, directory: str | os.PathLike[str], formats: Iterable[Any] | None = None, **options: Any) -> Any:
        """Write the smaller model of the current state, timed beside the dense one; gives an `Export`.

        Args:
            directory: a folder, which is made.
            formats: such as ``("paddle", "onnx")``; without it, all that `prunelab.export` writes by itself.
            options: as for `prunelab.export`. Files are judged on the Lab's validation data by its metrics, unless
                ``data`` is given; None judges on nothing. Some of these samples lie beside the files, unless
                ``examples=False``.

        Raises:
            As `prunelab.export`; nothing is written then.
            Stopped: `stop` was called: it acts before the next file is written, or timed.
        """
        from prunelab.export import export

        given: dict[str, Any] = {"plan": self.plan, **self._judged(), **options}
        if formats is not None:
            given["formats"] = formats
        theirs = given.pop("on_part", None)
        with self._work.begin("export", None, "part") as meter:
            def on_part(name: str, done: int, total: int) -> None:
                if theirs is not None:
                    theirs(name, done, total)
                meter.at(f"export: {name}", done, total)

            if "dense" not in given:
                given["dense"] = self._bench.copy_of(self.path()[0])
            return export(compact(self.model, self.plan), directory, on_part=on_part, **given)

    def _judged(self) -> dict[str, Any]:
        """What exported files are judged on: nothing without validation data."""
        if self._task.val is None:
            return {}
        return {"data": self._given["val"], "metrics": self._task.metrics, "loss": self._task.loss}
