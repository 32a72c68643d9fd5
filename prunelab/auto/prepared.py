"""What a ``paddle.Model`` was prepared with, in prunelab's words: loss, metrics, optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import paddle
from paddle.metric import Accuracy

from prunelab.errors import OptionError, shown
from prunelab.evaluate.forward import main_output
from prunelab.graph import as_layer
from prunelab.train.optimizers import OptimizerMaker

# an optimizer of Paddle -> what makes it what it is: its arguments, by the attributes that hold them
_SETTINGS: dict[type, dict[str, str]] = {
    paddle.optimizer.Momentum: {"momentum": "_momentum", "use_nesterov": "_use_nesterov"},
    paddle.optimizer.Adam: {"beta1": "_beta1", "beta2": "_beta2", "epsilon": "_epsilon"},
    paddle.optimizer.AdamW: {"beta1": "_beta1", "beta2": "_beta2", "epsilon": "_epsilon"},
    paddle.optimizer.SGD: {},
}


@dataclass(frozen=True)
class Prepared:
    """A network with what it is trained and judged by; None is prunelab's own choice."""

    network: Any
    loss: Any = None
    metrics: tuple[Any, ...] = ("accuracy", "loss")
    optimizer: Any = None

    def maker(self, lr: float | None) -> OptimizerMaker | None:
        """A function that makes the model's optimizer for other parameters, with this learning rate or its own; None
        where the model has none."""
        if self.optimizer is None:
            return None
        rate = self.optimizer.get_lr() if lr is None else lr
        if not rate > 0:
            raise OptionError(f"the model's optimizer has the learning rate {shown(rate)}; it is a number above 0")
        return _maker(self.optimizer, rate)

    @classmethod
    def of(cls, model: Any) -> Prepared:
        """Of a prepared ``paddle.Model``, or of a layer.

        Raises:
            InputError: neither.
            OptionError: several losses, or an optimizer that cannot be made again.
        """
        network = as_layer(model)
        if not isinstance(model, paddle.Model):
            return cls(network)
        return cls(network, _loss(model), _metrics(model), _optimizer(getattr(model, "_optimizer", None)))


def _loss(model: Any) -> Any:
    found = getattr(model, "_loss", None)
    if isinstance(found, (list, tuple)):
        if len(found) > 1:
            raise OptionError(f"the model was prepared with {len(found)} losses; prepare it with one function of "
                              "outputs and labels that adds them up")
        found = found[0] if found else None
    return found


def _metrics(model: Any) -> tuple[Any, ...]:
    """Names where prunelab has the metric; else functions that give a batch's value, averaged over batches."""
    found: list[Any] = []
    for metric in getattr(model, "_metrics", None) or ():
        if isinstance(metric, Accuracy):
            found += ["accuracy" if k == 1 else "top5" if k == 5 else _batchwise(Accuracy((k,)), f"top{k}")
                      for k in metric.topk]
        else:
            found.append(_batchwise(metric, str(metric.name())))
    return (*dict.fromkeys(found or ["accuracy"]), "loss")


def _batchwise(metric: Any, name: str) -> Callable[[Any, Any], float]:
    def value(outputs: Any, labels: Any) -> float:
        metric.reset()
        computed = metric.compute(main_output(outputs), labels)
        metric.update(*(computed if isinstance(computed, (list, tuple)) else [computed]))
        found = metric.accumulate()
        return float(found[0] if isinstance(found, (list, tuple)) else found)

    value.__name__ = name
    return value


def _optimizer(given: Any) -> Any:
    """The optimizer, if it is one that can be made again."""
    kind = type(given)
    if given is not None and kind not in _SETTINGS:
        raise OptionError(f"the model was prepared with a {kind.__name__}, which cannot be made again for the smaller "
                          f"model; prepare it with one of {', '.join(k.__name__ for k in _SETTINGS)}, or without an "
                          "optimizer")
    return given


def _maker(given: Any, rate: float) -> OptimizerMaker:
    kind = type(given)
    settings = {name: getattr(given, attribute) for name, attribute in _SETTINGS[kind].items()}
    clip, decay = given._grad_clip, _decay(given)

    def make(parameters: Sequence[Any]) -> Any:
        return kind(learning_rate=rate, parameters=list(parameters), grad_clip=clip, **decay, **settings)

    return make


def _decay(optimizer: Any) -> dict[str, Any]:
    """The weight decay: AdamW's own, or a regularizer."""
    if isinstance(optimizer, paddle.optimizer.AdamW):
        return {"weight_decay": optimizer._weight_decay}
    # momentum fuses it into its own operator
    fused = getattr(optimizer, "_regularization_coeff", 0.0) or 0.0
    return {"weight_decay": paddle.regularizer.L2Decay(fused) if fused else optimizer.regularization}
