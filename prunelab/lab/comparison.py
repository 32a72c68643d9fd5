"""Two states side by side: layers cut, metrics, cost, the weights' distance, predictions that changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prunelab.errors import DataError
from prunelab.lab.gathered import is_gathered
from prunelab.lab.state import State, metric_text
from prunelab.lab.store import Store
from prunelab.render.numbers import change, count, number, percent, signed
from prunelab.render.table import html_table, text_table

Array = np.ndarray[Any, Any]
_MOST_ROWS = 20  # layers and weights that are shown; all are in `layers` and `weights`


@dataclass(frozen=True)
class LayerChange:
    """One group: how many of its ``units`` each state cuts, and the units that only one of them cuts."""

    name: str
    granularity: str
    units: int
    cut_a: int
    cut_b: int
    only_a: tuple[int, ...]
    only_b: tuple[int, ...]


@dataclass(frozen=True)
class Predictions:
    """What the two models answer on the validation data.

    ``changed`` of ``n`` classes are other ones; where outputs are no classes it is None, and ``distance`` is the
    relative L2 distance of the outputs, ``|b - a| / |a|``.
    """

    n: int
    changed: int | None
    distance: float

    def __str__(self) -> str:
        if self.changed is None:
            return f"outputs are {number(self.distance)} apart (relative L2), {self.n:,} numbers"
        return f"{self.changed:,} of {self.n:,} predictions changed ({percent(self.changed / max(1, self.n))})"


@dataclass(frozen=True)
class Comparison:
    """What differs from state ``a`` to state ``b``.

    ``layers`` are the groups whose cut differs; ``weights`` the relative L2 distance ``|b - a| / |a|`` of each tensor
    that differs (infinite where a is zero). ``let_go`` are the ids of states whose weights `prune_history` let go: of
    those nothing is known of weights and predictions. ``predictions`` is None without validation data, too.
    """

    a: State
    b: State
    layers: tuple[LayerChange, ...]
    weights: Mapping[str, float]
    predictions: Predictions | None = None
    let_go: tuple[str, ...] = ()

    @property
    def metrics(self) -> dict[str, tuple[float | None, float | None]]:
        """Each metric in a and in b."""
        names = dict.fromkeys([*self.a.metrics, *self.b.metrics])
        return {name: (self.a.metrics.get(name), self.b.metrics.get(name)) for name in names}

    def _numbers(self) -> list[list[str]]:
        rows = [[name, *("–" if v is None else metric_text(name, v) for v in both), _moved(name, *both)]
                for name, both in self.metrics.items()]
        for name, x, y in (("params", self.a.cost.params, self.b.cost.params), ("MACs", self.a.cost.macs,
                                                                              self.b.cost.macs)):
            rows.append([name, count(x), count(y), change(y, x) if x else "–"])
        return rows

    def _tables(self) -> list[tuple[list[str], list[list[str]], str]]:
        layers = [[c.name, c.granularity, f"{c.cut_a}/{c.units}", f"{c.cut_b}/{c.units}",
                   str(len(c.only_a) + len(c.only_b))] for c in self.layers]
        far = sorted(self.weights.items(), key=lambda item: -item[1])
        weights = [[name, number(distance)] for name, distance in far]
        return [
            (["", self.a.id, self.b.id, "difference"], self._numbers(), ""),
            (["layer", "unit", f"cut in {self.a.id}", f"cut in {self.b.id}", "differ"], layers, "layers cut alike"),
            (["tensor", "relative distance"], weights, self.why_no_weights or "the same weights"),
        ]

    @property
    def why_no_weights(self) -> str:
        """Why nothing is known of weights; empty where all of them are there."""
        return f"the weights of {' and '.join(self.let_go)} were let go by prune_history" if self.let_go else ""

    def _notes(self) -> list[str]:
        return [] if self.predictions is None else [str(self.predictions)]

    def __repr__(self) -> str:
        parts = [f"{self.a.id} {self.a.label}  →  {self.b.id} {self.b.label}"]
        for headers, rows, nothing in self._tables():
            parts.append(text_table(headers, rows[:_MOST_ROWS], notes=_more(rows)) if rows else nothing)
        return "\n\n".join([*parts, *self._notes()])

    def _repr_html_(self) -> str:
        caption = f"{self.a.id} {self.a.label} → {self.b.id} {self.b.label}"
        first, *others = self._tables()
        parts = [html_table(first[0], first[1], caption=caption, notes=self._notes())]
        parts += [html_table(headers, rows[:_MOST_ROWS], notes=_more(rows)) if rows else f"<p>{nothing}</p>"
                  for headers, rows, nothing in others]
        return "<div>" + "".join(parts) + "</div>"


def _more(rows: list[list[str]]) -> list[str]:
    return [f"and {len(rows) - _MOST_ROWS} more"] if len(rows) > _MOST_ROWS else []


def _moved(name: str, a: float | None, b: float | None) -> str:
    if a is None or b is None:
        return "–"
    return signed(f"{100 * (b - a):+.1f} points") if name == "accuracy" else signed(f"{b - a:+.3g}")


def compared(store: Store, a: State, b: State) -> Comparison:
    """What can be told of two states from what is stored."""
    here, there = ({g.name: g for g in s.plan.groups} for s in (a, b))
    layers = []
    for name, (only_a, only_b) in a.plan.diff(b.plan).items():
        group = here.get(name) or there[name]
        cut = [len(side[name].removed) if name in side else 0 for side in (here, there)]
        layers.append(LayerChange(name, group.granularity, group.units, cut[0], cut[1], only_a, only_b))
    let_go = tuple(s.id for s in dict.fromkeys((a, b)) if store.snapshot(s.id) is None)
    return Comparison(a, b, tuple(layers), {} if let_go else _distances(store, a, b), let_go=let_go)


def _distances(store: Store, a: State, b: State) -> dict[str, float]:
    first, second = store.snapshot(a.id), store.snapshot(b.id)
    assert first is not None
    assert second is not None
    names = [n for n in first.tensors if n in second.tensors and first.tensors[n] != second.tensors[n]
             and not is_gathered(n)]
    return {name: distance(store.get(first.tensors[name]), store.get(second.tensors[name])) for name in names}


def distance(a: Array, b: Array) -> float:
    """The relative L2 distance ``|b - a| / |a|``; infinite where a is zero and b is not."""
    wide = np.complex128 if np.iscomplexobj(a) else np.float64
    x, y = a.astype(wide).reshape(-1), b.astype(wide).reshape(-1)
    size, apart = float(np.linalg.norm(x)), float(np.linalg.norm(y - x))
    return apart / size if size else float("inf") if apart else 0.0


class Answers:
    """A metric that keeps what a model answers: classes where labels are whole numbers, else the outputs."""

    def __init__(self) -> None:
        self.outputs: list[Array] = []
        self.are_classes = True

    def __call__(self, outputs: Any, labels: Any) -> float:
        """Keep one batch."""
        from prunelab.evaluate.forward import main_output

        found = main_output(outputs)
        whole = labels is not None and str(getattr(labels, "dtype", "")).rpartition(".")[2].startswith("int")
        if whole and found.ndim > 1 and found.shape[-1] > 1:
            self.outputs.append(found.argmax(-1).numpy().reshape(-1))
        else:
            self.are_classes = False
            self.outputs.append(found.astype("float64").numpy().reshape(-1))
        return 0.0


def with_predictions(comparison: Comparison, a: Answers, b: Answers) -> Comparison:
    """The comparison with what the models answered.

    Raises:
        DataError: validation data that gave other batches the second time.
    """
    x, y = (np.concatenate(answers.outputs) for answers in (a, b))
    if x.shape != y.shape:
        raise DataError(f"the validation data gave {len(x):,} answers for one state and {len(y):,} for the other; give "
                        "data that can be read twice")
    changed = int((x != y).sum()) if a.are_classes else None
    return replace(comparison, predictions=Predictions(len(x), changed, distance(x, y)))
