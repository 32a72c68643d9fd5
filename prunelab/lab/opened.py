"""What every part of a Lab stands on: the bench, the work, the task; where the Lab is, and its end."""

from __future__ import annotations

from typing import Any, cast

import paddle

from prunelab.errors import InputError, OptionError, reason_of, shown
from prunelab.graph import Graph
from prunelab.graph.model_copy import copy_of
from prunelab.lab.bench import Bench
from prunelab.lab.closed import Closed
from prunelab.lab.nodes import Nodes
from prunelab.lab.options import Task
from prunelab.lab.reading import Reading
from prunelab.lab.views import header_of
from prunelab.lab.work import Work


class Opened(Reading):
    """A Lab's current state."""

    _bench: Bench
    _work: Work
    _task: Task

    @property
    def _nodes(self) -> Nodes:
        return self._bench.nodes

    @property
    def model(self) -> Any:
        """The full-size model of the current state: the Lab's own copy, whose cut weights are zero."""
        return self._bench.graph.model

    @property
    def graph(self) -> Graph:
        """The graph of the dense model."""
        return self._bench.graph

    @property
    def workspace(self) -> str | None:
        """The folder that keeps the history; None for a history in memory."""
        store = self._bench.store
        return None if store.folder is None else store.name

    def close(self) -> None:
        """Let go of the workspace's files; the Lab is of no use afterwards."""
        if not isinstance(self._bench, Closed):
            self._bench.store.close()
            self._bench = self._work = cast("Any", Closed(self.workspace))

    def __repr__(self) -> str:
        if isinstance(self._bench, Closed):
            return "Lab, closed"
        return str(header_of(type(self.model).__name__, self._bench))

    def _repr_html_(self) -> str:
        if isinstance(self._bench, Closed):
            return "<div>Lab, closed</div>"
        return header_of(type(self.model).__name__, self._bench).to_html()


def own_copy(layer: Any, device: str | None) -> Any:
    """The copy of a model that a Lab works on, on ``device`` where one is given.

    Raises:
        InputError: a model that cannot be copied.
        OptionError: a device that is not here.
    """
    try:
        own = copy_of(layer)
    except Exception as error:
        raise InputError(f"{type(layer).__name__} cannot be copied: {error}; a Lab works on its own copy, so keep no "
                         "file, lock or computed tensor in the model's attributes") from error
    if device is not None:
        if str(device).startswith("gpu") and not paddle.device.is_compiled_with_cuda():
            raise OptionError(f"the model cannot be put on the device {device!r}: this Paddle is built without CUDA; "
                              "leave device out or give 'cpu', or install paddlepaddle-gpu")
        try:
            own.to(device)
        except Exception as error:
            here = dict.fromkeys(["cpu", *paddle.device.get_available_device()])
            raise OptionError(f"the model cannot be put on the device {shown(device)}: {reason_of(error)}; "
                              f"the devices here are {', '.join(here)}") from error
    return own
