"""The error that remains after repair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Array, Material, Moments
from prunelab.criteria.grouped import Normalized

# Towards the repair's own ridge: what the data hardly determines is not worth inverting.
_RIDGE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Reconstruction(Normalized):
    """Units go one by one, each time the one whose readers' outputs can best be made up for by the units still there.

    The least error of a reader without the columns S of a unit, all other weights solved anew, is larger by
    ``tr(W_S^T (H^-1_SS)^-1 W_S)``, ``H = Cov[x]``; H^-1 and W are updated after each removal. ``score(u)`` is the part
    of the readers' output variance that is lost once u is gone, so it grows along the order of removal, and any ratio
    takes the greedy solution's units.

    Optimal brain surgeon by block: Hassibi, Stork, 1993; Kurtic, Frantar, Alistarh: ZipLM, 2023 (arXiv:2302.04089).
    """

    name = "reconstruction"
    needs = ("moments", "activations")
    comparable = True

    def scores(self, material: Material) -> Array:
        if not material.moments:  # nobody reads the units by weights (attention's query-key width): what they carry
            assert material.activations is not None
            energy = np.diag(material.activations.gram)
            return energy / max(float(energy.sum()), 1e-30)
        readers = [_Reader(m, material.units) for m in material.moments]
        gone = np.zeros(material.units, bool)
        scores, lost = np.zeros(material.units), 0.0
        for _ in range(material.units):
            loss = sum((r.losses() for r in readers), np.zeros(material.units))
            loss[gone] = np.inf
            unit = int(loss.argmin())
            lost += max(float(loss[unit]), 0.0)
            scores[unit], gone[unit] = lost, True
            for reader in readers:
                reader.remove(unit)
        return scores


class _Reader:
    """One reader with the inverse of its second moment and the weights solved anew after each removal."""

    def __init__(self, moments: Moments, units: int) -> None:
        second = moments.covariance.astype(np.float64)
        mean = float(np.trace(second)) / max(len(second), 1)
        self.inverse = np.linalg.inv(second + _RIDGE * max(mean, 1e-30) * np.eye(len(second)))
        self.weights = moments.weights.astype(np.float64)
        energy = float(np.einsum("io,ij,jo->", self.weights, second, self.weights))
        self.energy = max(energy, 1e-30)
        self.units, self.here = units, np.unique(moments.unit[moments.unit >= 0])
        order = np.argsort(moments.unit, kind="stable")
        self.columns = order[moments.unit[order] >= 0].reshape(len(self.here), -1)

    def losses(self) -> Array:
        """By how much of the output's variance the error grows without each unit: (units,); zero for those gone."""
        blocks = self.inverse[self.columns[:, :, None], self.columns[:, None, :]]
        weights = self.weights[self.columns]
        if blocks.shape[1] == 1:
            with np.errstate(divide="ignore", invalid="ignore"):
                found = np.square(weights[:, 0]).sum(axis=1) / blocks[:, 0, 0]
        else:
            gone = np.abs(blocks[:, 0, 0]) < 1e-300
            blocks = np.where(gone[:, None, None], np.eye(blocks.shape[1]), blocks)
            found = np.einsum("ubo,ubo->u", weights, np.linalg.solve(blocks, weights))
        out = np.zeros(self.units)
        out[self.here] = np.nan_to_num(found) / self.energy
        return out

    def remove(self, unit: int) -> None:
        """Take a unit's columns away; the other weights take over what they can."""
        if unit not in self.here:
            return
        columns = self.columns[np.searchsorted(self.here, unit)]
        block = self.inverse[np.ix_(columns, columns)]
        into = np.linalg.solve(block, self.inverse[columns])  # (block, all columns)
        self.weights -= into.T @ self.weights[columns]
        self.inverse -= self.inverse[:, columns] @ into
        self.inverse[columns] = self.inverse[:, columns] = 0.0
        self.weights[columns] = 0.0
