"""Schedules: pure functions from a step to the fraction that is to be gone after it.

``schedule(step, n_steps, to, start=0.0)`` with ``1 <= step <= n_steps``; the last step gives ``to`` exactly.
"""

from __future__ import annotations

from collections.abc import Callable

Schedule = Callable[[int, int, float, float], float]


def one_shot(step: int, n_steps: int, to: float, start: float = 0.0) -> float:
    """All at once, at the first step."""
    return to


def linear(step: int, n_steps: int, to: float, start: float = 0.0) -> float:
    """The same share at each step."""
    return to if step == n_steps else start + (to - start) * step / n_steps


def cubic(step: int, n_steps: int, to: float, start: float = 0.0) -> float:
    """Much early, while there is much to spare, and little late: ``to + (start - to) (1 - step / n)^3``.

    Zhu, Gupta: To Prune, or Not to Prune, 2017 (arXiv:1710.01878), automated gradual pruning.
    """
    return to if step == n_steps else to + (start - to) * (1 - step / n_steps) ** 3


SCHEDULES: dict[str, Schedule] = {"one_shot": one_shot, "linear": linear, "cubic": cubic}
