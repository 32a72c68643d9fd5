"""A surrogate of trials: what each group loses alone, added up over a plan's groups, and fitted to the trials seen.

The sum says in which order plans lose, seldom how much they lose together: so each metric is a function of it that
never gets better where more is lost, by least squares (isotonic regression: Barlow, Bartholomew, Bremner, Brunk, 1972).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prunelab.errors import OptionError, shown
from prunelab.plan import Plan
from prunelab.plan.bearable import Losses, bearable_ratio, checked, curve
from prunelab.search.objectives import Objective
from prunelab.search.space import Space
from prunelab.search.trial import Trial

# Of all that trials lose, the part by which plans are told apart beyond what was seen, or where nothing was lost
_SLOPE = 1e-3


@dataclass(frozen=True)
class Surrogate:
    """Losses by group and ratio, as `prunelab.Sensitivity` has them, of any metric."""

    losses: Losses

    @classmethod
    def of(cls, given: Any, names: Sequence[str]) -> Surrogate:
        """Of what `prunelab.sensitivity` measured, or a dict from group to ratio to what is lost there.

        Raises:
            OptionError: something else, or nothing for one of these groups.
        """
        if not isinstance(getattr(given, "losses", given), Mapping):
            raise OptionError(f"surrogate is {shown(given)}; give what pl.sensitivity(model, data) measured, or True, "
                              "which measures it first")
        return cls(checked(given, dict.fromkeys(names)))

    def loss(self, plan: Plan) -> float:
        """What the plan's groups lose alone, added up; between measured ratios by a straight line, beyond the largest
        by the last one's slope."""
        return sum(_at(self.losses[g.name], g.ratio) for g in plan.groups if g.n_removed and g.name in self.losses)

    def ladder(self, space: Space, steps: int) -> list[dict[str, Any]]:
        """So many settings of a space's ratios, from little to much: at each, every group is cut to where it alone
        loses the same (Li and others, 2017, arXiv:1608.08710), as far as it was measured. None without ratios."""
        if not any(name.startswith("ratios.") for name in space.variables):
            return []
        losses = np.concatenate([curve(row)[1] for row in self.losses.values()])
        out = []
        for loss in np.quantile(losses, np.linspace(0.1, 0.9, steps)):
            alone = {name: bearable_ratio(row, float(loss)) for name, row in self.losses.items()}
            # of groups that share a ratio the most sensitive one decides
            out += space.started({g: min(alone[n] for n in names) for names in space.groups.values() for g in names})
        return out

    def fitted(self, objective: Objective, dense: float, trials: Sequence[Trial]) -> Fit:
        """A metric as a function of the loss: through the trials that measured it (those of a part of the samples weigh
        so much less) and the dense model."""
        from sklearn.isotonic import IsotonicRegression

        losses = np.array([0.0, *(self.loss(t.plan) for t in trials)])
        values = np.array([dense, *(t.values[objective.name] for t in trials)])
        weights = np.array([1.0, *(t.seen for t in trials)])
        sign = -1.0 if objective.higher_is_better else 1.0
        made = IsotonicRegression(out_of_bounds="clip").fit(losses, sign * values, weights)
        return Fit(made, sign, _SLOPE * float(np.ptp(values)) / max(float(np.ptp(losses)), 1e-12))


@dataclass(frozen=True)
class Fit:
    """A metric by a plan's loss; worse, never better, where more is lost."""

    made: Any
    sign: float
    slope: float

    def __call__(self, loss: float) -> float:
        return self.sign * (float(self.made.predict([loss])[0]) + self.slope * loss)


def _at(row: Mapping[float, float], ratio: float) -> float:
    ratios, values = curve(row)
    if ratio <= ratios[-1] or len(ratios) < 2:
        return float(np.interp(ratio, ratios, values))
    return float(values[-1] + (ratio - ratios[-1]) * (values[-1] - values[-2]) / (ratios[-1] - ratios[-2]))
