"""How far apart two nests of outputs are, and the inputs that both are computed from."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from prunelab.graph import TensorSpec
from prunelab.surgery import close, relative_error
from prunelab.surgery.compare import array_error, random_inputs

INF = float("inf")


@pytest.mark.parametrize(
    ("ours", "reference", "error"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0),
        ([1.0, 2.2], [1.0, 2.0], 0.1),
        ([0.5], [0.0], 0.5),
        ([1.0], [1.0, 2.0], INF),
        ([1.0, np.nan], [1.0, np.nan], 0),
        ([1.5, -np.inf], [1.0, -np.inf], 0.5),
        ([1.0, np.inf], [1.0, -np.inf], INF),
        ([np.nan, 1.0], [1.0, 1.0], INF),
        ([], [], 0),
        ([1 + 1j], [1 - 1j], np.sqrt(2)),
    ],
)
def test_the_error_of_arrays(ours: list[complex], reference: list[complex], error: float) -> None:
    assert array_error(np.array(ours), np.array(reference)) == pytest.approx(error)


def test_nests_are_compared_leaf_by_leaf() -> None:
    x, y = paddle.to_tensor([1.0, 2.0]), paddle.to_tensor([1.0, 2.2])
    assert relative_error({"a": x, "b": [x, y]}, {"a": x, "b": [x, x]}) == pytest.approx(0.1)
    assert relative_error([x], [x, x]) == INF
    assert relative_error(["a"], [x]) == INF
    assert relative_error(["a", x], ["b", x]) == 0
    assert close([x], [x + 1e-5])
    assert not close([x], [x + 1e-2])
    assert close([x.astype("float16")], [(x + 1e-2).astype("float16")])


def test_random_inputs_are_of_the_traced_types_and_the_same_each_time() -> None:
    kinds = ("float32", "float64", "bfloat16", "int64", "int32", "bool")
    specs = [TensorSpec(kind, (2, 3), kind, 0) for kind in kinds]
    state = paddle.get_rng_state()[0].__getstate__()
    first, again = (random_inputs(specs, paddle.CPUPlace()) for _ in range(2))
    assert tuple(str(t.dtype).rpartition(".")[2] for t in first) == kinds
    assert relative_error(first, again) == 0
    assert set(first[3].numpy().ravel()) <= {0, 1}
    assert first[5].numpy().all()
    assert paddle.get_rng_state()[0].__getstate__() == state
