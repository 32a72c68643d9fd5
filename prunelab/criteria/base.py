"""What a criterion is given and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, Any]

# What a criterion may say it needs beside the weights, and how one gets it; see `prunelab.evaluate.calibrate`.
NEEDS = ("gradients", "activations", "activation_gradients", "feature_maps", "moments", "losses", "input_squares",
         "input_moments")


@dataclass(frozen=True)
class Activations:
    """Statistics of a group's units where their readers see them (after norm and activation), over all positions of
    all samples; every array has a row a unit.

    ``mean``, ``magnitude`` (mean of ``|a|``), ``zeros`` (fraction of exact zeros): (units,). ``gram``: (units, units),
    the mean of ``a_u a_v``. ``taylor``: (units,), the mean over samples of ``|sum_positions a da|``, and ``fisher``:
    (units,), of its square; ``rank``: (units,), the mean rank of a sample's feature map. None where nobody asked.
    """

    mean: Array
    magnitude: Array
    zeros: Array
    gram: Array
    taylor: Array | None = None
    fisher: Array | None = None
    rank: Array | None = None


@dataclass(frozen=True)
class Moments:
    """One reader of a group as a linear map: ``target = columns @ weights``, in the dense network.

    ``covariance``: (columns, columns), over rows of data (what is constant, a bias makes up for). ``weights``:
    (columns, outputs). ``unit``: (columns,), the unit that each column belongs to, -1 for columns of no unit.
    """

    covariance: Array
    weights: Array
    unit: Array


@dataclass(frozen=True)
class InputMoments:
    """What one weight reads, seen as a matrix: one for each group of channels.

    ``place``: (groups, columns, outputs), where in the weight's order of numbers each of the matrix's stands.
    ``squares``: (groups, columns), the mean over rows of data of each input's square. ``second``: (groups, columns,
    columns), of the inputs' products; None where nobody asked.
    """

    place: Array
    squares: Array
    second: Array | None = None


@dataclass(frozen=True)
class Inputs:
    """One weight and what it reads: `InputMoments`, with ``weights`` and ``unit``, (groups, columns, outputs): each
    single weight, and the unit that it is in."""

    moments: InputMoments
    weights: Array
    unit: Array

    def per_unit(self, scores: Array, units: int) -> Array:
        """Scores of single weights, (groups, columns, outputs), summed over each unit: (units,)."""
        return np.bincount(self.unit.reshape(-1), scores.reshape(-1), units)


@dataclass(frozen=True)
class Material:
    """All that a criterion may look at, for one group, gathered beforehand.

    ``makers``: for each parameter axis that makes the units, its weights as (units, n), one row a unit. ``readers``:
    the same for the axes that read them, ``scales``: for biases and batch norms' gains (their shifts and statistics
    stand in ``shifts``). ``rng``: a generator of its own for criteria that draw. ``gradients``: the mean gradient of
    the loss by member, shaped like its weights, and ``squares``: the mean of its square over batches. ``activations``,
    ``moments``: what was seen on calibration data. ``losses``: (units,), by how much the loss rises without each unit.
    ``inputs``: of units that are pieces of one weight, what it reads. What was not gathered is None.
    """

    makers: Mapping[str, Array]
    units: int
    rng: np.random.Generator
    readers: Mapping[str, Array] = field(default_factory=dict)
    scales: Mapping[str, Array] = field(default_factory=dict)
    shifts: Mapping[str, Array] = field(default_factory=dict)
    gradients: Mapping[str, Array] | None = None
    squares: Mapping[str, Array] | None = None
    activations: Activations | None = None
    moments: Sequence[Moments] | None = None
    losses: Array | None = None
    inputs: Inputs | None = None

    @cached_property
    def weights(self) -> Array:
        """The weights of all makers side by side: (units, n), float64, for what is sensitive to rounding."""
        return np.concatenate(list(self.makers.values()), axis=1, dtype=np.float64)


class Criterion(Protocol):
    """Anything with a name that gives each unit a score: (units,), float, higher is kept.

    It may say what it ``needs`` beside the weights (names of `NEEDS`), and that its scores are ``comparable`` between
    groups as they are, so that a global ranking does not divide them by their group's mean.
    """

    @property
    def name(self) -> str: ...

    def __call__(self, material: Material) -> Array: ...


def needs_of(criterion: Criterion) -> tuple[str, ...]:
    """What a criterion says it needs beside the weights."""
    return tuple(getattr(criterion, "needs", ()))


def is_comparable(criterion: Criterion) -> bool:
    """Whether the scores of different groups compare as they are."""
    return bool(getattr(criterion, "comparable", False)) or getattr(criterion, "normalize", None) not in (None, "none")
