"""Axes of bqplot's figures: round ticks with our own words, and values that arrive whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import bqplot
import numpy as np

from prunelab.render.numbers import number

Telling = Callable[[float, int], str]  # a value and how many digits -> its words
Within = Callable[[float, float], tuple[float, float]]  # from the least to the most -> what of it is in sight


def figure(marks: Sequence[Any], axes: Sequence[Any], margin: dict[str, int]) -> Any:
    """A figure that fills its place, without bqplot's own buttons, which cover what is below them."""
    made = bqplot.Figure(marks=list(marks), axes=list(axes), fig_margin=margin, min_aspect_ratio=0.5,
                         max_aspect_ratio=20, display_toolbar=False)
    made.add_class("pl-figure")
    return made


def put(mark: Any, x: Any, y: Any) -> None:
    """Give a mark both coordinates in one message."""
    with mark.hold_sync():
        mark.x, mark.y = x, y


def ticks(axis: Any, values: Sequence[float], told: Callable[[float], str]) -> None:
    """Ticks at ``values``, each with its words."""
    # labels first, each in a message of its own: bqplot draws when the values change, with the labels it had before
    axis.tick_labels = {_key(value): told(value) for value in values}
    axis.tick_values = np.asarray(values, float)


def _key(value: float) -> str:
    """The value as the front end's JavaScript spells it, by which it looks its label up."""
    return str(int(value)) if value == int(value) else repr(value)


def fit(scale: Any, axis: Any, values: Any, told: Telling, most: int = 6, within: Within | None = None) -> None:
    """The scale around the finite ``values`` with some room, or what ``within`` says of that, and at most so many round
    ticks on it."""
    there = np.asarray(values, float)
    there = there[np.isfinite(there)]
    low, high = (float(there.min()), float(there.max())) if there.size else (0.0, 1.0)
    room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    low, high = (low - room, high + room) if within is None else within(low - room, high + room)
    scale.min, scale.max = low, high
    round_ones = nice_ticks(low, high, most)
    labels = dict(zip(round_ones, apart(round_ones, told), strict=True))
    ticks(axis, round_ones, labels.__getitem__)


def apart(values: Sequence[float], told: Telling) -> list[str]:
    """The words of values that differ: in as many digits, three at least, as no two are told alike."""
    words: list[str] = []
    for digits in range(3, 12):
        words = [told(value, digits) for value in values]
        if len(set(words)) == len(words):
            break
    return words


def nice_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most so many round numbers between two others, in steps of 1, 2 or 5 times a power of ten, and as many as
    that allows."""
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    steps = (factor * power for factor in (1, 2, 5, 10, 20))
    step = next(step for step in steps if math.floor(high / step) - math.ceil(low / step) < most)
    digits = max(0, -math.floor(math.log10(step)))
    return [round(k * step, digits) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def tick_text(metric: str, value: float, digits: int = 3) -> str:
    """A round value of a metric: without digits that say nothing."""
    return f"{number(100 * value, digits)} %" if metric == "accuracy" else number(value, digits)
