"""Random numbers that leave no trace: generators are as before afterwards."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import paddle


@contextlib.contextmanager
def kept_random() -> Iterator[None]:
    """Inside, generators may be seeded; afterwards Paddle's, NumPy's and Python's are as before."""
    before = paddle.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        paddle.set_rng_state(before[0])
        np.random.set_state(before[1])
        random.setstate(before[2])


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, all three begin at ``seed``; afterwards they are as before."""
    with kept_random():
        paddle.seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        yield
