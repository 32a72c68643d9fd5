"""A written file on validation data: the metric, beside the model's, and how often both choose the same class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from prunelab.evaluate.batches import batches
from prunelab.evaluate.evaluate import MetricName, named_metrics
from prunelab.evaluate.forward import LossFunction, forward
from prunelab.export.base import Array, Runner
from prunelab.export.parity import relative_error
from prunelab.export.subject import Subject
from prunelab.graph import as_array


@dataclass(frozen=True)
class Validation:
    """Data to judge files on, and the metrics; see `prunelab.evaluate`."""

    data: Any
    metrics: MetricName | Iterable[MetricName] = ("accuracy",)
    loss: str | LossFunction | None = None


@dataclass(frozen=True)
class Judged:
    """``metrics`` by name: the file's, and the model's. ``same_class`` in [0, 1]; None where no output has classes.

    ``max_relative_error`` is over all batches; ``n_samples`` were seen, ``n_left_out`` did not fit a fixed batch.
    """

    metrics: Mapping[str, tuple[float, float]]
    same_class: float | None
    max_relative_error: float
    n_samples: int
    n_left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        return {"metrics": {name: {"file": ours, "model": theirs} for name, (ours, theirs) in self.metrics.items()},
                "same_class": self.same_class, "max_relative_error": self.max_relative_error,
                "n_samples": self.n_samples, "n_left_out": self.n_left_out}


def judge(run: Runner, subject: Subject, validation: Validation) -> Judged | None:
    """The file beside the model over all of the data; None where no batch fits the file's."""
    ours = named_metrics(validation.metrics, validation.loss)
    theirs = named_metrics(validation.metrics, validation.loss)
    worst, n_samples, n_left_out, agreements = 0.0, 0, 0, []
    for inputs, labels in batches(validation.data, subject.layer).in_order(subject.specs):
        n = inputs[0].shape[0] if inputs[0].ndim else 1
        if not subject.free and n != subject.batch:
            n_left_out += n
            continue
        with paddle.no_grad():
            reference = forward(subject.layer, inputs)
            found = as_nest(run, subject, inputs, reference)
        flat = [_flat(nest) for nest in (found, reference)]
        worst = max(worst, relative_error(*flat))
        agreements += [agreement * n for agreement in [same_class(*flat)] if agreement is not None]
        n_samples += n
        for metrics, outputs in ((ours, found), (theirs, reference)):
            for metric in metrics.values():
                metric.update(outputs, labels, n)
    if not n_samples:
        return None
    return Judged({name: (ours[name].result(), theirs[name].result()) for name in ours},
                  sum(agreements) / n_samples if agreements else None, worst, n_samples, n_left_out)


def as_nest(run: Runner, subject: Subject, inputs: Sequence[Any], like: Any) -> Any:
    """What the file gives for tensors, nested as the model's outputs are."""
    arrays = {spec.name: as_array(t) if "float" in spec.dtype else np.asarray(t.numpy())
              for spec, t in zip(subject.specs, inputs, strict=True)}
    tensors = [t for t in paddle.utils.flatten(like) if isinstance(t, paddle.Tensor)]
    mine = iter([paddle.to_tensor(a, place=t.place) for a, t in zip(run(arrays), tensors, strict=True)])
    flat = [next(mine) if isinstance(t, paddle.Tensor) else t for t in paddle.utils.flatten(like)]
    return paddle.utils.pack_sequence_as(like, flat)


def _flat(nest: Any) -> list[Array]:
    return [as_array(t) for t in paddle.utils.flatten(nest) if isinstance(t, paddle.Tensor)]


def same_class(ours: Sequence[Array], reference: Sequence[Array]) -> float | None:
    """How often the largest along the last axis is the same, over outputs that have classes there; None without any."""
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(ours, reference, strict=True)]
    shares = [float((a.argmax(-1) == b.argmax(-1)).mean()) for a, b in pairs if _has_classes(a, b)]
    return float(np.mean(shares)) if shares else None


def _has_classes(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.ndim > 1 and a.shape[-1] > 1 and a.size > 0 and np.issubdtype(b.dtype, np.floating)


