"""Layers that a forward makes are refused; those that another thread makes meanwhile are not."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from paddle import nn

from prunelab.errors import TraceError
from prunelab.graph.late_parameters import refusing_late_parameters


def test_only_the_thread_that_reads_makes_none() -> None:
    made: list[Any] = []
    create = nn.Layer.create_parameter
    with refusing_late_parameters(nn.ReLU()):
        cell = threading.Thread(target=lambda: made.append(nn.Linear(3, 4)))
        cell.start()
        cell.join()
    with pytest.raises(TraceError, match="makes a Linear with parameters"), refusing_late_parameters(nn.ReLU()):
        nn.Linear(3, 4)
    assert [list(layer.weight.shape) for layer in made] == [[3, 4]]
    assert nn.Layer.create_parameter is create
