"""What a forward returns, as a nest of references: tuples, lists, dicts and dataclasses of tensors and constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paddle

from prunelab.errors import TraceError
from prunelab.graph.program import Ref, rebuild


def read_outputs(nest: Any, model: Any, refer: Callable[[Any], Ref]) -> Any:
    """The nest with ``refer(value)`` in the place of each of Paddle's values.

    Raises:
        TraceError: it holds an object of a class of somebody's own, in which tensors stand.
    """
    def leaf(found: Any) -> Any:
        if isinstance(found, paddle.pir.Value):
            return refer(found)
        _refuse_hidden(found, model)
        return found

    outputs = rebuild(nest, leaf)
    # Paddle wraps whatever single thing a forward returns, a list of one too
    return outputs[0] if isinstance(outputs, list) and len(outputs) == 1 else outputs


def _refuse_hidden(found: Any, model: Any) -> None:
    """Tensors that nobody sees would be cut as if nobody read them."""
    for name, value in getattr(found, "__dict__", {}).items():
        if isinstance(value, paddle.pir.Value):
            raise TraceError(f"{type(model).__name__} cannot be read as a graph: it returns a {type(found).__name__} "
                             f"that holds a tensor as '{name}', which prunelab does not look into; make that class a "
                             "dataclass, or return a tuple or a dict")
