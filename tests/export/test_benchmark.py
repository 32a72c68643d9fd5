"""One model side by side in its runtimes."""

from __future__ import annotations

import numpy as np
import pytest
from paddle import nn

import prunelab as pl
from prunelab.errors import OptionError, UnknownNameError
from prunelab.evaluate.latency import current_threads


def net() -> nn.Layer:
    return nn.Sequential(nn.Conv2D(3, 8, 3), nn.BatchNorm2D(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4))


def test_each_runtime_is_measured_at_each_batch_and_number_of_threads() -> None:
    model = net()
    model.train()
    before, n_threads = model[0].weight.numpy().copy(), current_threads()
    found = pl.benchmark(model, (1, 3, 8, 8), runtimes=("dygraph", "paddle"), batches=(1, 4), threads=(1, 2), runs=6,
                         warmup=1)
    assert [(m.runtime, m.threads, m.batch) for m in found.rows] == [
        (runtime, n, batch) for runtime in ("dygraph", "paddle") for n in (1, 2) for batch in (1, 4)]
    assert all(m.timing.p10_ms <= m.timing.median_ms <= m.timing.p90_ms for m in found.rows)
    assert all(m.timing.runs == 6 for m in found.rows)
    own = {m.batch: m for m in found.rows if m.runtime == "dygraph"}
    assert own[1].size_bytes == 4 * sum(t.size for t in model.state_dict().values())
    assert own[4].peak_bytes > own[1].peak_bytes > own[1].size_bytes
    assert all(m.size_bytes > 0 and m.peak_bytes is None for m in found.rows if m.runtime == "paddle")
    assert model.training
    assert (model[0].weight.numpy() == before).all()
    assert current_threads() == n_threads
    assert list(found.table["median_ms"]) == [m.timing.median_ms for m in found.rows]
    assert str(found).count("dygraph") == found._repr_html_().count("dygraph") == 4


class OneSample(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        return self.head(x.reshape([1, 6]))


def test_a_model_of_one_batch_is_measured_at_that_one() -> None:
    found = pl.benchmark(OneSample(), np.ones((1, 6), np.float32), runtimes="dygraph", batches=(1, 8), runs=5)
    assert [m.batch for m in found.rows] == [1]


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"runtimes": "onx"}, UnknownNameError, "unknown runtime 'onx'; did you mean 'onnx'"),
    ({"runtimes": ()}, OptionError, "runtimes is empty; give some of dygraph, paddle"),
    ({"batches": 0}, OptionError, "batches is 0"),
    ({"threads": []}, OptionError, r"threads is \[\]"),
    ({"runs": 0}, OptionError, "runs is 0"),
])
def test_mistakes_are_told(options, error, message) -> None:
    with pytest.raises(error, match=message):
        pl.benchmark(net(), (1, 3, 8, 8), **options)
