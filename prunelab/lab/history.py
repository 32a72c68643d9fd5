"""The history as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prunelab.lab.state import State


def history_frame(states: Iterable[State], current: str, tags: Mapping[str, Sequence[str]]) -> Any:
    """A pandas DataFrame, one row a state in the order in which they were made.

    Columns: ``current`` (bool), ``id``, ``parent``, ``branch``, ``tags``, ``label``, ``sparsity`` (fraction of units
    gone), a column a metric, ``params``, ``macs``, ``stored_bytes`` (what the
    state added to the history), ``duration_s``, ``seed``, ``action``, ``created``.
    """
    import pandas as pd

    states = sorted(states, key=lambda s: s.number)
    metrics = dict.fromkeys(name for s in states for name in s.metrics)
    rows = [
        {
            "current": s.id == current, "id": s.id, "parent": s.parent or "", "branch": s.branch,
            "tags": ", ".join(tags.get(s.id, ())), "label": s.label, "sparsity": s.sparsity,
            **{name: s.metrics.get(name, float("nan")) for name in metrics},
            "params": s.cost.params, "macs": s.cost.macs, "stored_bytes": s.stored_bytes, "duration_s": s.duration_s,
            "seed": s.seed,
            "action": s.action, "created": s.created,
        }
        for s in states
    ]  # fmt: skip
    return pd.DataFrame(rows)
