"""Optimizers by name or by a function of the parameters, and the learning rate over a training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import paddle

from prunelab.errors import OptionError, PrunelabError, check_positive, reason_of, unknown_name
from prunelab.train.precision import Precision

OptimizerMaker = Callable[[Sequence[Any]], Any]


def _adam(lr: float, parameters: Sequence[Any]) -> Any:
    return paddle.optimizer.Adam(learning_rate=lr, parameters=parameters)


def _adamw(lr: float, parameters: Sequence[Any]) -> Any:
    # Paddle's own decay
    return paddle.optimizer.AdamW(learning_rate=lr, parameters=parameters, weight_decay=0.01)


def _sgd(lr: float, parameters: Sequence[Any]) -> Any:
    return paddle.optimizer.SGD(learning_rate=lr, parameters=parameters)


def _momentum(lr: float, parameters: Sequence[Any]) -> Any:
    # Paddle's own momentum, said because its signature says it too
    return paddle.optimizer.Momentum(learning_rate=lr, momentum=0.9, parameters=parameters)


# name -> how it is made, and the learning rate it starts with where none is given: for Adam Paddle's own (its paper's,
# Kingma, Ba, 2015, arXiv:1412.6980); for SGD a tenth of the usual 0.1, since the weights are trained already
OPTIMIZERS: Mapping[str, tuple[Callable[[float, Sequence[Any]], Any], float]] = {
    "adam": (_adam, 1e-3),
    "adamw": (_adamw, 1e-3),
    "momentum": (_momentum, 1e-2),
    "sgd": (_sgd, 1e-2),
}


def constant(fraction: float) -> float:
    """The learning rate stays."""
    return 1.0


def cosine(fraction: float) -> float:
    """Half a cosine from one to zero: Loshchilov, Hutter: SGDR, 2017 (arXiv:1608.03983), without restarts."""
    return 0.5 * (1 + math.cos(math.pi * fraction))


# name -> the factor of the learning rate when a fraction in [0, 1) of the training is done
RATES: Mapping[str, Callable[[float], float]] = {"constant": constant, "cosine": cosine}


class Rate:
    """An optimizer with its learning rate over the training."""

    def __init__(self, optimizer: Any, base: float | None, factor: Callable[[float], float]) -> None:
        self.optimizer, self._base, self._factor = optimizer, base, factor

    def set(self, fraction: float) -> None:
        """Set the learning rate for when ``fraction`` of the training is done; an optimizer of one's own keeps its
        own."""
        if self._base is not None:
            self.optimizer.set_lr(self._base * self._factor(fraction))

    def step(self, precision: Precision) -> None:
        """One step of the optimizer, and of the scheduler it may have brought along."""
        precision.step(self.optimizer)
        own = getattr(self.optimizer, "_learning_rate", None)
        if self._base is None and isinstance(own, paddle.optimizer.lr.LRScheduler):
            own.step()


def make_optimizer(optimizer: str | OptimizerMaker | None, lr: float | None, schedule: str,
                   parameters: Sequence[Any]) -> Rate:
    """The optimizer of these parameters.

    Args:
        optimizer: a name of OPTIMIZERS (None is "adam"), or a function from parameters to a paddle optimizer, which
            then brings its own learning rate and scheduler (stepped after each batch).
        lr: the learning rate at the start, positive.
        schedule: a name of RATES.

    Raises:
        OptionError: a learning rate that is not positive, or one given beside an optimizer of one's own.
        UnknownNameError: an optimizer or schedule nobody knows.
    """
    if schedule not in RATES:
        raise unknown_name("learning rate schedule", schedule, RATES)
    if isinstance(lr, paddle.optimizer.lr.LRScheduler):
        raise OptionError(f"lr is a {type(lr).__name__}; a scheduler goes into an optimizer of your own: "
                          "optimizer=lambda p: paddle.optimizer.Adam(scheduler, parameters=p)")
    lr = None if lr is None else check_positive(lr, "lr")
    if callable(optimizer):
        if lr is not None:
            raise OptionError(f"lr={lr} is given beside an optimizer of your own; set the learning rate in that "
                              f"function, or name one of {', '.join(OPTIMIZERS)}")
        return Rate(_made(optimizer, parameters), None, RATES[schedule])
    if isinstance(optimizer, paddle.optimizer.Optimizer):
        raise OptionError("the optimizer is made already, for the tensors of one model; give a function from "
                          "parameters to it, such as lambda p: paddle.optimizer.Adam(0.001, parameters=p)")
    name = "adam" if optimizer is None else optimizer
    if not isinstance(name, str) or name not in OPTIMIZERS:
        raise unknown_name("optimizer", name, OPTIMIZERS)
    make, usual = OPTIMIZERS[name]
    base = usual if lr is None else lr
    return Rate(make(base, parameters), base, RATES[schedule])


def _made(optimizer: OptimizerMaker, parameters: Sequence[Any]) -> Any:
    if isinstance(optimizer, type) and issubclass(optimizer, paddle.optimizer.Optimizer):
        raise OptionError(f"optimizer is the class {optimizer.__name__}; give a function from parameters to an object "
                          f"of it, such as lambda p: paddle.optimizer.{optimizer.__name__}(parameters=p)")
    try:
        made = optimizer(parameters)
    except PrunelabError:
        raise
    except Exception as error:
        raise OptionError(f"the optimizer function failed: {reason_of(error)}; it is called with the list of "
                          "parameters and gives a paddle.optimizer.Optimizer") from error
    if isinstance(getattr(made, "_learning_rate", None), paddle.optimizer.lr.ReduceOnPlateau):
        raise OptionError("the optimizer's scheduler is a ReduceOnPlateau, which waits for a metric, and it is stepped "
                          "after each batch; give one that counts steps, such as CosineAnnealingDecay, or patience= to "
                          "end a training that gains no more")
    if not hasattr(made, "step") or not hasattr(made, "clear_grad"):
        raise OptionError(f"the optimizer function gave a {type(made).__name__}; it gives a paddle.optimizer.Optimizer")
    return made
