"""Layers with parameters that a forward makes itself: refused, since Paddle ends the process over the program."""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections.abc import Iterator
from typing import Any

from paddle import nn

from prunelab.errors import TraceError
from prunelab.graph.reasons import user_line


@contextlib.contextmanager
def refusing_late_parameters(model: Any) -> Iterator[None]:
    """Inside, no layer of Paddle's makes a parameter in this thread; what a cell builds meanwhile is its own matter.

    Raises:
        TraceError: the forward that is read made one.
    """
    create, here = nn.Layer.create_parameter, threading.get_ident()
    told = list[str]()

    def refuse(layer: Any, *args: Any, **options: Any) -> Any:
        if threading.get_ident() != here:
            return create(layer, *args, **options)
        told.append(f"a {type(layer).__name__} with parameters of its own{user_line(traceback.format_stack())}")
        raise TraceError(told[0])

    nn.Layer.create_parameter = refuse
    try:
        yield
    except TraceError as error:
        if not told:
            raise
        raise TraceError(f"{type(model).__name__} cannot be read as a graph: its forward makes {told[0]}; make it in "
                         "__init__, or run the model once before, where the forward keeps what it made") from error
    finally:
        nn.Layer.create_parameter = create
