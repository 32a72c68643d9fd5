"""Whether a layer that was read from a file can be trained."""

from __future__ import annotations

from typing import Any

import paddle

from prunelab.errors import OptionError, reason_of


def check_backward(layer: Any, inputs: Any) -> None:
    """Run a layer in train mode and go back; afterwards it is as it was, in eval mode.

    Raises:
        OptionError: an operator without a backward, or no gradient that reaches a parameter.
    """
    before = [(t, t.detach().clone()) for t in layer.buffers() if t._is_initialized()]
    state = paddle.get_rng_state()
    layer.train()
    try:
        outputs = layer(*inputs)
        floats = [o for o in (outputs if isinstance(outputs, tuple) else [outputs]) if o.is_floating_point()]
        found = paddle.grad([o.sum() for o in floats], layer.parameters(), allow_unused=True) if floats else []
    except Exception as error:
        raise OptionError(f"an operator of it has no backward ({reason_of(error)})") from error
    finally:
        layer.eval()
        paddle.set_rng_state(state)
        with paddle.no_grad():
            for tensor, value in before:
                paddle.assign(value, output=tensor)
    if all(g is None for g in found):
        raise OptionError("no gradient reaches its parameters")
