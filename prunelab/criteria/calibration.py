"""What calibration data say of a model, as one plain value: gathered once, shared by all criteria."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prunelab.criteria.base import Activations, Array, InputMoments, Moments


@dataclass(frozen=True)
class Calibration:
    """Made by `prunelab.evaluate.calibrate`; arrays of NumPy, and nothing of the model.

    ``needs``: what was gathered (names of `prunelab.criteria.NEEDS`). ``n_samples``: on how many samples. ``gradients``
    and ``squares``: by parameter, shaped like it, the mean over batches of the loss's gradient and of its square.
    ``activations``, ``moments``, ``losses``: by group. ``inputs``: by weight.
    """

    needs: frozenset[str]
    n_samples: int
    gradients: Mapping[str, Array] = field(default_factory=dict)
    squares: Mapping[str, Array] = field(default_factory=dict)
    activations: Mapping[str, Activations] = field(default_factory=dict)
    moments: Mapping[str, tuple[Moments, ...]] = field(default_factory=dict)
    losses: Mapping[str, Array] = field(default_factory=dict)
    inputs: Mapping[str, InputMoments] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Calibration on {self.n_samples} samples: {', '.join(sorted(self.needs)) or 'nothing'}"
