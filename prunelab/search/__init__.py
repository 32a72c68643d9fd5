"""space -> trials -> Study: what to choose from, how the next trial is chosen, and what the trials say."""

from __future__ import annotations

from prunelab.search.constraints import Constraint
from prunelab.search.making import space
from prunelab.search.samplers import SAMPLERS, AnnealingSampler, GeneticSampler, ParticleSwarmSampler
from prunelab.search.search import search
from prunelab.search.space import Space
from prunelab.search.study import Study
from prunelab.search.trial import Trial
from prunelab.search.variables import Among, Between

__all__ = [
    "SAMPLERS",
    "Among",
    "AnnealingSampler",
    "Between",
    "Constraint",
    "GeneticSampler",
    "ParticleSwarmSampler",
    "Space",
    "Study",
    "Trial",
    "search",
    "space",
]
