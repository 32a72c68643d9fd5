"""Schedules: pure functions from a step to the fraction that is to be gone after it.

``schedule(step, n_steps, to, start=0.0)`` with ``1 <= step <= n_steps``; the last step gives ``to`` exactly. Those that
take layer after layer are in `prunelab.plan.schedules_layers`; `plot` draws both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from prunelab.errors import OptionError, check_ratio, check_whole, shown, unknown_name
from prunelab.plan.schedules_layers import (
    LAYER_SCHEDULES,
    LayerStep,
    by_cost,
    by_sensitivity,
    in_order,
    plot_layers,
)
from prunelab.render.schedule import SchedulePicture

__all__ = [
    "LAYER_SCHEDULES",
    "SCHEDULES",
    "LayerStep",
    "Schedule",
    "by_cost",
    "by_sensitivity",
    "cosine",
    "cubic",
    "exponential",
    "in_order",
    "linear",
    "one_shot",
    "plot",
    "plot_layers",
]

Schedule = Callable[[int, int, float, float], float]


def one_shot(step: int, n_steps: int, to: float, start: float = 0.0) -> float:
    """All at once, at the first step."""
    return to


def linear(step: int, n_steps: int, to: float, start: float = 0.0) -> float:
    """The same share at each step."""
    return to if step == n_steps else start + (to - start) * step / n_steps


def exponential(step: int, n_steps: int, to: float, start: float = 0.0) -> float:
    """Each step leaves the same fraction of what was left: ``1 - (1 - start) ((1 - to) / (1 - start))^(step / n)``.

    The iterative pruning of Han et al.: Learning both Weights and Connections, 2015 (arXiv:1506.02626), and of Frankle,
    Carbin: The Lottery Ticket Hypothesis, 2019 (arXiv:1803.03635).
    """
    return to if step == n_steps else 1 - (1 - start) * ((1 - to) / (1 - start)) ** (step / n_steps)


def cubic(step: int, n_steps: int, to: float, start: float = 0.0) -> float:
    """Much early, while there is much to spare, and little late: ``to + (start - to) (1 - step / n)^3``.

    Zhu, Gupta: To Prune, or Not to Prune, 2017 (arXiv:1710.01878), automated gradual pruning.
    """
    return to if step == n_steps else to + (start - to) * (1 - step / n_steps) ** 3


def cosine(step: int, n_steps: int, to: float, start: float = 0.0) -> float:
    """Little early and late, most in the middle: ``to + (start - to) (1 + cos(pi step / n)) / 2``.

    Half a cosine as in Loshchilov, Hutter: SGDR, 2017 (arXiv:1608.03983); of sparsity in Evci et al.: Rigging the
    Lottery, 2020 (arXiv:1911.11134).
    """
    return to if step == n_steps else to + (start - to) * (1 + math.cos(math.pi * step / n_steps)) / 2


SCHEDULES: Mapping[str, Schedule] = {
    "one_shot": one_shot,
    "linear": linear,
    "exponential": exponential,
    "cubic": cubic,
    "cosine": cosine,
}


def plot(schedule: str | Schedule, n_steps: int = 10, to: float = 0.7, start: float = 0.0) -> SchedulePicture:
    """What is gone after each step, as a picture.

    Raises:
        UnknownNameError: a schedule nobody knows.
        OptionError: steps or fractions that cannot be.
    """
    if isinstance(schedule, str) and schedule not in SCHEDULES:
        raise unknown_name("schedule", schedule, SCHEDULES)
    if not isinstance(schedule, str) and not callable(schedule):
        raise OptionError(f"schedule is {shown(schedule)}; give one of {', '.join(SCHEDULES)}, or a function (step, "
                          "n_steps, to, start) -> fraction")
    n_steps = check_whole(n_steps, "n_steps", 1)
    to, start = check_ratio(to, place="to"), check_ratio(start, place="start")
    rule = SCHEDULES[schedule] if isinstance(schedule, str) else schedule
    name = schedule if isinstance(schedule, str) else getattr(schedule, "__name__", "schedule")
    return SchedulePicture(name, (start, *(rule(k, n_steps, to, start) for k in range(1, n_steps + 1))))
