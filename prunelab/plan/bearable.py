"""The ratio that each layer can bear for a given loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelab.errors import OptionError
from prunelab.plan.allocation import Array, Field, Limits, n_removed

Losses = Mapping[str, Mapping[float, float]]


@dataclass(frozen=True)
class Bearable:
    """Every group is cut until it alone would cost the same loss; the amount picks that loss among all measured ones.

    Between measured ratios the loss is a straight line, and it never falls with the ratio. As in Li et al.: Pruning
    Filters for Efficient ConvNets, 2017 (arXiv:1608.08710), section 3.2, where sensitive layers are cut less.
    """

    scores: Mapping[str, Array]
    limits: Limits
    losses: Losses

    @classmethod
    def over(cls, field: Field) -> Bearable:
        """The allocation of a field; needs measured losses."""
        return cls(field.scores, field.limits, checked(field.losses, field.scores))

    def removed(self, amount: float) -> dict[str, tuple[int, ...]]:
        every = np.sort(np.concatenate([curve(self.losses[n])[1] for n in self.scores]))
        loss = float(np.quantile(every, min(max(amount, 0.0), 1.0)))
        return {name: self.limits.choose(name, s, n_removed(bearable_ratio(self.losses[name], loss), len(s)))
                for name, s in self.scores.items()}


def checked(losses: Any, names: Mapping[str, object]) -> Losses:
    """The losses, with one curve for each group; of a `prunelab.Sensitivity`, its losses.

    Raises:
        OptionError: none, or not for every group.
    """
    losses = getattr(losses, "losses", losses)
    if not isinstance(losses, Mapping):
        raise OptionError("the scope needs measured losses; pass losses=pl.sensitivity(model, data), or {group: "
                          "{ratio: loss}}, a table of what is lost at each ratio")
    missing = [name for name in names if not losses.get(name)]
    if missing:
        raise OptionError(f"losses has nothing for {missing[0]}"
                          f"{f' and {len(missing) - 1} more groups' if len(missing) > 1 else ''}; measure them with "
                          "pl.sensitivity, or ignore them")
    return losses


def curve(losses: Mapping[float, float]) -> tuple[Array, Array]:
    """Ratios from 0 and the losses there: sorted, never falling, 0 at 0."""
    points = sorted((float(r), float(v)) for r, v in losses.items() if r > 0)
    ratios = np.array([0.0, *(r for r, _ in points)])
    return ratios, np.maximum.accumulate(np.array([0.0, *(max(v, 0.0) for _, v in points)]))


def bearable_ratio(losses: Mapping[float, float], loss: float) -> float:
    """The largest ratio at which a group's loss is no more than ``loss``, in between by a straight line."""
    ratios, values = curve(losses)
    within = np.flatnonzero(values <= loss)
    k = int(within[-1])
    if k == len(ratios) - 1:
        return float(ratios[-1])
    return float(ratios[k] + (ratios[k + 1] - ratios[k]) * (loss - values[k]) / (values[k + 1] - values[k]))
