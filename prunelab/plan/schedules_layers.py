"""Iterative layer-wise schedules: pure functions from layers to steps, each of one layer and its ratio.

``in_order(layers, to, rounds)``: with one round each layer is taken once, to its ratio; with more, all layers are taken
a part of the way, again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prunelab.errors import OptionError, check_ratio, check_whole, shown
from prunelab.plan.bearable import curve
from prunelab.render.schedule import LayerSchedulePicture

Ratios = float | Mapping[str, float]


@dataclass(frozen=True)
class LayerStep:
    """A step: after it, the fraction ``ratio`` of the units of ``layer`` is gone."""

    layer: str
    ratio: float


def in_order(layers: Sequence[str], to: Ratios = 0.5, rounds: int = 1) -> tuple[LayerStep, ...]:
    """The layers in the order they are given in, as a rule the network's.

    Args:
        to: the ratio of each layer, or one for each by name (a layer that is not named stays).
        rounds: how often each layer is taken; the same share at each.

    Raises:
        OptionError: a ratio outside ``[0, 1)``, or no layers.
    """
    rounds = check_whole(rounds, "rounds", 1)
    if isinstance(layers, str) or not layers:
        raise OptionError(f"layers is {shown(layers)}; give names, such as [g.name for g in graph.prunable]")
    ratios = {layer: to.get(layer, 0.0) if isinstance(to, Mapping) else to for layer in layers}
    ratios = {layer: check_ratio(r, place=f"the ratio of '{layer}'") for layer, r in ratios.items()}
    return tuple(LayerStep(layer, ratio if k == rounds else ratio * k / rounds)
                 for k in range(1, rounds + 1) for layer, ratio in ratios.items() if ratio)


def by_sensitivity(losses: Mapping[str, Mapping[float, float]], to: Ratios = 0.5,
                   rounds: int = 1) -> tuple[LayerStep, ...]:
    """The layers that lose least at their ratio come first.

    ``losses``: by layer, from ratio to what is lost there, as `prunelab.Sensitivity.losses`; in between by straight
    lines. Ties keep their order. The rest as for `in_order`.
    """
    import numpy as np

    if not isinstance(losses, Mapping):
        raise OptionError(f"losses is {shown(losses)}; give {{layer: {{ratio: loss}}}}, such as "
                          "pl.sensitivity(...).losses")

    def lost(layer: str) -> float:
        ratio = to.get(layer, 0.0) if isinstance(to, Mapping) else to
        return float(np.interp(ratio, *curve(losses[layer])))

    return in_order(sorted(losses, key=lost), to, rounds)


def by_cost(costs: Mapping[str, float], to: Ratios = 0.5, rounds: int = 1) -> tuple[LayerStep, ...]:
    """The layers that cost most come first.

    ``costs``: by layer, such as the MACs that hang on it: ``{row.name: row.macs for row in layers(graph)}``. Ties keep
    their order. The rest as for `in_order`.
    """
    if not isinstance(costs, Mapping):
        raise OptionError(f"costs is {shown(costs)}; give {{layer: cost}}")
    return in_order(sorted((n for n, c in costs.items() if c is not None), key=lambda n: -costs[n]), to, rounds)


LAYER_SCHEDULES: Mapping[str, Callable[..., tuple[LayerStep, ...]]] = {
    "in_order": in_order,
    "by_sensitivity": by_sensitivity,
    "by_cost": by_cost,
}


def plot_layers(steps: Sequence[LayerStep]) -> LayerSchedulePicture:
    """What is gone of each layer after each step, as a picture."""
    return LayerSchedulePicture(tuple((step.layer, step.ratio) for step in steps))
