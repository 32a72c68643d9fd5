"""Watching a history that another process writes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from prunelab.errors import PrunelabError, WorkspaceError
from prunelab.lab.nodes import Nodes
from prunelab.lab.reading import Reading
from prunelab.lab.store import checked_folder, open_store
from prunelab.lab.store.connection import DATABASE
from prunelab.lab.store.copies import inspect
from prunelab.lab.views import chips_of, dense_of
from prunelab.render.header import Header, header
from prunelab.render.numbers import counted


class OnlyWatchedError(WorkspaceError, AttributeError):
    """Something that is asked of a history that is only watched; ``hasattr`` says that it is not there."""


class Watcher(Reading):
    """A history to look at: states, tree, curves, comparisons, as they are whenever they are asked for.

    It needs no model and writes nothing, so any number can watch while one Lab works. `pl.Lab.watch` makes one.
    """

    def __init__(self, workspace: str | os.PathLike[str]) -> None:
        """Open a workspace for reading.

        Raises:
            WorkspaceError: a folder that is not there, or holds no history.
        """
        self._seen = Nodes(open_store(checked_folder(workspace), write=False))
        if self._seen.store.identity() is None:
            self.close()
            wrong = inspect(checked_folder(workspace) / DATABASE, write=False)[0]
            if wrong:
                raise WorkspaceError(f"the workspace {self.workspace} is damaged: {wrong}; prunelab doctor "
                                     f"{self.workspace} tells what is left of it")
            raise WorkspaceError(f"the workspace {self.workspace} holds no state yet; look again when its Lab is open")

    def __getattr__(self, name: str) -> Any:
        """What only a Lab has, said so."""
        from prunelab.lab.lab import Lab

        if name.startswith("_") or not hasattr(Lab, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise OnlyWatchedError(f"{name} is a Lab's, and the workspace {self.workspace} is only watched here; open it: "
                               f"pl.Lab(model, workspace={self.workspace!r})")

    @property
    def _nodes(self) -> Nodes:
        self._seen.read()
        return self._seen

    @property
    def workspace(self) -> str:
        """The folder that is watched."""
        return self._seen.store.name

    def report(self, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Write a report of what is recorded, and of what `Lab.report` measured of this state; gives its path."""
        from prunelab.lab.report import content_of, kept, uncut_of, write_report

        told = kept(self._seen.store.folder, self.state, uncut_of(self.path()))
        return write_report(content_of(self, told, title), path)

    def close(self) -> None:
        """Let go of the folder's files."""
        self._seen.store.close()

    def _header(self) -> Header:
        nodes = self._nodes
        told = f"{nodes.state.id} {nodes.state.label}, {counted(len(nodes.states), 'state')} in {self.workspace}"
        model = str(nodes.state.plan.model).rpartition(".")[2]
        return header(f"History of {model}", told, chips_of(nodes.state, dense_of(nodes.path(nodes.state))))

    def __repr__(self) -> str:
        return str(self._header())

    def _repr_html_(self) -> str:
        return f"<div>{self._header().to_html()}{self.tree()._repr_html_()}</div>"


def inputs_of(workspace: Any) -> list[Any] | None:
    """What the model of a history takes, as recorded; None where there is no history that can be read."""
    with contextlib.suppress(PrunelabError), contextlib.closing(Watcher(workspace)) as watcher:
        return list(watcher.states[0].plan.inputs)
    return None
