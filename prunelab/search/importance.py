"""How much each variable matters, by Optuna, on a study made of plain trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution

from prunelab.errors import SearchError
from prunelab.search.objectives import Objective
from prunelab.search.storage import quiet
from prunelab.search.trial import Trial


def importances(space: Mapping[str, BaseDistribution], trials: Sequence[Trial], objectives: Sequence[Objective],
                seed: int) -> Any:
    """A pandas DataFrame, a row a variable, a column an objective; each column adds up to 1.

    Raises:
        SearchError: fewer than two trials with values.
    """
    told = [t for t in trials if all(o.name in t.values for o in objectives)]
    if len(told) < 2:
        raise SearchError(f"importances need at least two trials with values, and there are {len(told)}; search on")
    with quiet():
        return _table(space, told, objectives, seed)


def _table(space: Mapping[str, BaseDistribution], told: Sequence[Trial], objectives: Sequence[Objective],
           seed: int) -> Any:
    import pandas as pd

    study = optuna.create_study(directions=[o.direction for o in objectives])
    study.add_trials([optuna.trial.create_trial(params=dict(t.chosen), distributions=dict(space),
                                                values=[t.values[o.name] for o in objectives]) for t in told])
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed % 2**32)
    found = {o.name: optuna.importance.get_param_importances(study, evaluator=evaluator, target=_value(k))
             for k, o in enumerate(objectives)}
    table = pd.DataFrame(found, index=list(space)).fillna(0.0)
    return table.sort_values(objectives[0].name, ascending=False)


def _value(k: int) -> Callable[[Any], float]:
    return lambda trial: float(trial.values[k])
