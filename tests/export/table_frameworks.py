"""Each framework that has a table: a graph said in its words, as a function of arrays."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import paddle
import pytest

from prunelab.export.listing import Listing, listing
from prunelab.export.onnx.write import onnx_model
from prunelab.export.parity import TOLERANCE, relative_error
from prunelab.graph import Graph
from prunelab.graph.program import flatten

Run = Callable[[Sequence[Any]], list[Any]]


def by_onnx(said: Listing) -> Run:
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    file = onnx_model(said).SerializeToString()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return lambda arrays: list(session.run(None, dict(zip(names, arrays, strict=True))))


def by_torch(said: Listing) -> Run:
    torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'prunelab[torchscript]'")
    from prunelab.export.torchscript import module

    file = Path(tempfile.mkdtemp()) / "model.pt"
    try:
        module.save(said, file)
        run = module.load(file, torch.get_num_threads())
    finally:
        shutil.rmtree(file.parent)
    return lambda arrays: run(dict(enumerate(arrays)))


def by_tensorflow(said: Listing) -> Run:
    pytest.importorskip("tensorflow", reason="TensorFlow is an extra: pip install 'prunelab[tensorflow]'")
    from prunelab.export.tensorflow import module

    call = module.Said(said).concrete()

    def run(arrays: Sequence[Any]) -> list[Any]:
        out = call(*[module.tf.constant(a) for a in arrays])
        return [out[f"output_{k}"].numpy() for k in range(len(out))]

    return run


FRAMEWORKS: dict[str, Callable[[Listing], Run]] = {"onnx": by_onnx, "torch": by_torch}
EVERY = {**FRAMEWORKS, "tensorflow": by_tensorflow}  # whose table is shorter
# as parameters of tests; skipped before a model is read
HERE = [pytest.param(name, marks=pytest.mark.skipif(
    name != "onnx" and util.find_spec(name) is None, reason=f"an extra: pip install 'prunelab[{extra}]'"))
    for name, extra in {"onnx": "onnx", "torch": "torchscript", "tensorflow": "tensorflow"}.items()]


def errors_at(graph: Graph, run: Run, inputs: Callable[[int], list[Any]], batches: Sequence[int]) -> dict[int, float]:
    """How far the framework is from the graph, by batch."""
    found = {}
    for n in batches:
        tensors = inputs(n)
        with paddle.no_grad():
            reference = [t.numpy() for t in flatten(graph.run(*tensors)) if isinstance(t, paddle.Tensor)]
        found[n] = relative_error(run([t.numpy() for t in tensors]), reference)
    return found


def batches_of(graph: Graph, batches: Sequence[int] = (1, 4)) -> Sequence[int]:
    """Several where the batch is free, else the one that there is."""
    free = any(spec.batch_axis is not None for spec in graph.input_specs)
    return batches if free else (graph.input_specs[0].shape[0],)


def check(framework: str, graph: Graph, inputs: Callable[[int], list[Any]], batches: Sequence[int] = (1, 4)) -> None:
    """The framework computes what the graph does, at any batch where that is free."""
    found = errors_at(graph, EVERY[framework](listing(graph)), inputs, batches_of(graph, batches))
    assert max(found.values()) <= TOLERANCE, found


def numbers(shape: Sequence[int], seed: int = 0) -> Any:
    rng = np.random.default_rng([seed, *shape])
    return paddle.to_tensor(rng.standard_normal(shape).astype("float32"))
