"""`Study`: the trials of a search, and what they say. Plain data, and a versioned JSON file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prunelab.errors import OptionError, SearchError, reason_of, shown
from prunelab.plan import Plan
from prunelab.render.numbers import counted
from prunelab.render.table import html_table, text_table
from prunelab.render.trials import TrialsPicture
from prunelab.search.files import check_format, load, save
from prunelab.search.front import Array, front_of, hypervolume, knee_of
from prunelab.search.importance import importances
from prunelab.search.objectives import COSTS, Objective
from prunelab.search.remaking import Remaking
from prunelab.search.space import Space
from prunelab.search.trial import CUT_SHORT, FAILED, SCREENED, Trial, grouped
from prunelab.search.within import smallest_within

FORMAT, VERSION = "prunelab-study", 1
# Rows of a table in a notebook
_SHOWN = 12

OnTrial = Callable[["Study", Trial], object]


class Study:
    """The trials of a search, as `pl.search` made them; or as they come, where one listens.

    Attributes:
        space: what was chosen from. ``objectives``: what trials are judged by, in order.
        dense: the dense model's values by name (those of the Lab's state, where the search began there).
        base: what was gone when the search began. ``sampler``, ``seed``: how trials were chosen.
        planned: how many trials were asked for. ``note``: why there are fewer, if so.
    """

    def __init__(self, space: Space, objectives: Sequence[Objective], dense: Mapping[str, float], base: Plan, *,
                 sampler: str = "", seed: int = 0, planned: int = 0, trials: Sequence[Trial] = (),
                 note: str = "") -> None:
        self.space, self.objectives, self.dense, self.base = space, tuple(objectives), dict(dense), base
        self.sampler, self.seed, self.planned, self.note = sampler, seed, planned, note
        self._trials: dict[int, Trial] = {t.number: t for t in trials}
        self._listeners: list[OnTrial] = []
        self._remaking: Remaking | None = None

    # trials as they come

    def listen(self, callback: OnTrial) -> Callable[[], None]:
        """Call ``callback(study, trial)`` after each trial from now on, in the thread that searches; gives a function
        that ends it."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback) if callback in self._listeners else None

    def add(self, trial: Trial) -> None:
        """Take a trial that ended, and tell those who listen."""
        self._trials[trial.number] = trial
        for listener in list(self._listeners):
            if listener in self._listeners:  # one may have left in the meantime
                listener(self, trial)

    def take(self, trial: Trial) -> None:
        """Take a trial that ended before, and tell nobody."""
        self._trials[trial.number] = trial

    def remake_with(self, remaking: Remaking) -> None:
        """What `model` makes networks with, and `within` verifies with."""
        self._remaking = remaking

    # reading

    @property
    def interrupted(self) -> bool:
        """Whether an interrupt ended the search."""
        return self.note.startswith("interrupted")

    @property
    def numbers(self) -> set[int]:
        """The numbers of all trials."""
        return set(self._trials)

    @property
    def front_trials(self) -> list[Trial]:
        """The trials of the `front`, best of the first objective first."""
        return self._front()

    def __len__(self) -> int:
        return len(self._trials)

    def __getitem__(self, number_: int) -> Trial:
        if number_ not in self._trials:
            raise SearchError(f"there is no trial {shown(number_)}; numbers are in study.trials")
        return self._trials[number_]

    def __iter__(self) -> Any:
        return iter(sorted(self._trials.values(), key=lambda t: t.number))

    @property
    def trials(self) -> Any:
        """All trials as a pandas DataFrame, a row a trial: state, values, what was chosen."""
        return self._table(list(self))

    @property
    def front(self) -> Any:
        """The trials that no other beats in all objectives, as a DataFrame, best of the first objective first."""
        return self._table(self._front())

    @property
    def best(self) -> Trial:
        """The best trial within the constraints; of several objectives the `knee` of the front.

        Raises:
            SearchError: no trial is complete and within them.
        """
        return self.knee()

    def knee(self) -> Trial:
        """The trial at which the front bends most: before it little is paid for much, after it much for little (Das,
        1999).

        Raises:
            SearchError: no trial is complete and within the constraints.
        """
        found = self._front()
        if not found:
            raise SearchError(f"no trial is complete and within the constraints: {self._why_none()}")
        return found[knee_of(self._points(found))]

    def within(self, *, model: Any = None, data: Any = None, loss: Any = None, **points: float) -> Trial:
        """The smallest model that loses no more: ``within(accuracy=-1.0)`` is at most one point below the dense model.

        Candidates are tried from the smallest (of the first cost among the objectives, else params) until one is
        verified: masked and evaluated anew on all of the data.

        Args:
            points: by metric, hundredths above the dense model's value, negative below it.
            model, data, loss: where the study was loaded from a file; a number as ``loss`` is points of that metric.

        Raises:
            SearchError: no trial is within; the nearest is named.
            UnknownNameError: a metric that was not measured.
        """
        if isinstance(loss, (int, float)):
            points, loss = {**points, "loss": float(loss)}, None
        own = self._remaking
        if model is None and own is None:
            raise OptionError("a loaded study has no model to verify with; give both: study.within(accuracy=-1.0, "
                              "model=net, data=val)")
        whole = [t for t in self if t.is_whole and t.is_inside]
        if not whole:
            raise SearchError(f"no trial is complete and within the constraints: {self._why_none()}")
        judge = (own.graph.model, own.data, own.loss) if model is None and own is not None else (model, data, loss)
        on_all = self.dense if own is None or not own.is_part else own.dense
        return smallest_within(whole, self.objectives, self.dense, points, judge, None if own is None else own.values,
                               on_all)

    def model(self, trial: Trial | int) -> Any:
        """The smaller model of a trial (or of its number) as it was measured, a new ``nn.Layer``: cut, repaired and
        trained again as then, or built with the trial's arguments and trained; in float where the trial was in eight
        bits. The same seed on the same machine gives the same weights.

        Raises:
            OptionError: a study from a file, which has no model.
            SearchError: no such trial.
        """
        if self._remaking is None:
            raise OptionError("a loaded study has no model to make it of; search again with the storage= that it was "
                              "made in, or cut the model yourself: pl.compact(net, trial.plan)")
        return self._remaking.model(self[trial] if isinstance(trial, int) else trial)

    def hypervolume(self) -> Any:
        """What the front covers after each trial, as a pandas Series by number: 1 is the box from the worst values that
        were seen to the best of each objective."""
        import pandas as pd

        whole = [t for t in self if t.is_whole and t.is_inside]
        if not whole:
            return pd.Series([], dtype=float, name="hypervolume")
        points = self._points(whole)
        low, high = points.min(axis=0), points.max(axis=0)
        scaled = (points - low) / np.where(high > low, high - low, 1.0)
        # a little beyond the worst, so that the ends of the front count
        reference = np.full(points.shape[1], 1.0 + 1e-9)
        covered = [hypervolume(scaled[: k + 1], reference) for k in range(len(whole))]
        return pd.Series(covered, index=[t.number for t in whole], name="hypervolume")

    def importances(self) -> Any:
        """How much each variable matters for each objective, as a DataFrame whose columns add up to 1; the most
        important first. By fANOVA (Hutter, Hoos, Leyton-Brown, 2014), as Optuna has it.

        Raises:
            SearchError: fewer than two complete trials.
        """
        return importances(self.space.distributions, [t for t in self if t.is_whole or t.state == CUT_SHORT],
                           self.objectives, self.seed)

    def plot(self) -> TrialsPicture:
        """The trials as a picture: two objectives against each other with the front, or one over the trials; shown in a
        notebook, ``to_svg()`` for a file."""
        told = [t for t in self if all(o.name in t.values for o in self.objectives)]
        front = {t.number for t in self._front()}
        return TrialsPicture(tuple(o.name for o in self.objectives), tuple(o.higher_is_better for o in self.objectives),
                             tuple((t.number, tuple(t.values[o.name] for o in self.objectives), t.state,
                                    t.number in front) for t in told),
                             tuple(self.dense.get(o.name) for o in self.objectives))

    # telling

    def __str__(self) -> str:
        return text_table(*self._shown(), title=self._header(), notes=self._notes())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        table = html_table(*self._shown(), caption=self._header(), notes=self._notes())
        return (self.plot()._repr_html_() if len(self) else "") + table

    def _header(self) -> str:
        front = len(self._front())
        made = sum(t.counts for t in self)
        how = "refused, screened or lost" if any(t.state == SCREENED for t in self) else "refused or lost"
        refused = f" ({len(self) - made} more were {how})" if made < len(self) else ""
        return (f"Study: {counted(made, 'trial')} by {self.sampler}{refused}, {front} on the front of "
                f"{', '.join(o.name for o in self.objectives)}")

    def _notes(self) -> list[str]:
        dense = ", ".join(f"{o.name} {o.text(self.dense[o.name])}" for o in self.objectives if o.name in self.dense)
        return [f"dense: {dense}", *([self.note] if self.note else [])]

    def _shown(self) -> tuple[list[str], list[list[str]]]:
        rows = [[str(t.number), *(o.text(t.values[o.name]) for o in self.objectives),
                 "knee" if t is self.best else ""] for t in self._front()]
        more = [["…", *("" for _ in self.objectives), f"{len(rows) - _SHOWN} more"]] if len(rows) > _SHOWN else []
        return ["trial", *(o.name for o in self.objectives), ""], [*rows[:_SHOWN], *more]

    # inside

    def _front(self) -> list[Trial]:
        whole = [t for t in self if t.is_whole and t.is_inside]
        if not whole:
            return []
        points = self._points(whole)
        found = [t for t, is_on in zip(whole, front_of(points), strict=True) if is_on]
        return [found[k] for k in np.argsort(self._points(found)[:, 0], kind="stable")]

    def _points(self, trials: Sequence[Trial]) -> Array:
        """(trials, objectives): values, lower is better."""
        signs = np.array([-1.0 if o.higher_is_better else 1.0 for o in self.objectives])
        return signs * np.array([[t.values[o.name] for o in self.objectives] for t in trials], float)

    def _table(self, trials: Sequence[Trial]) -> Any:
        import pandas as pd

        names = dict.fromkeys([*(o.name for o in self.objectives), *(n for t in trials for n in t.values)])
        rows = [{"number": t.number, "state": t.state, **{n: t.values.get(n) for n in names}, "seen": t.seen,
                 "seconds": t.seconds, "same_as": t.same_as, "reason": t.reason, **t.chosen} for t in trials]
        columns = ["number", "state", *names, "seen", "seconds", "same_as", "reason", *self.space.variables]
        table = pd.DataFrame(rows, columns=columns).set_index("number")
        return table.astype({"same_as": "Int64"})

    def _why_none(self) -> str:
        def told(trial: Trial) -> str:
            outside = " and ".join(f"'{name}'" for name, by in trial.missed.items() if by > 0)
            return trial.reason if trial.state == FAILED else f"outside {outside}" if outside else trial.state

        return grouped(told(trial) for trial in self) or "there are no trials"

    # files

    def to_json(self) -> dict[str, Any]:
        """The study as JSON data."""
        return {"format": FORMAT, "version": VERSION, "sampler": self.sampler, "seed": self.seed,
                "planned": self.planned, "note": self.note, "space": self.space.to_json(), "dense": self.dense,
                "objectives": [[o.name, o.higher_is_better] for o in self.objectives], "base": self.base.to_json(),
                "trials": [t.to_json() for t in self]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, place: str = "the study") -> Study:
        """The study that ``to_json`` gave; metrics of one's own are known by name only.

        Raises:
            SearchError: data of another kind, or damaged; ``place`` is named.
        """
        check_format(data, FORMAT, VERSION, place, "Study.save")
        try:
            base = Plan.from_json(data["base"], place=place)
            objectives = [Objective(str(name), bool(up), None if name in COSTS else str(name))
                          for name, up in data["objectives"]]
            return cls(Space.from_json(data["space"], place=place), objectives, data["dense"], base,
                       sampler=str(data["sampler"]), seed=int(data["seed"]), planned=int(data["planned"]),
                       trials=[Trial.from_json(t, base) for t in data["trials"]], note=str(data["note"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SearchError(f"{place} is damaged: {reason_of(error)}; search again") from error

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as JSON; the file appears whole or not at all.

        Raises:
            SearchError: a place that cannot be written.
        """
        return save(path, self.to_json(), "the study")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Study:
        """Read one; no code runs.

        Raises:
            SearchError: a file that is not there, or is none.
        """
        return cls.from_json(load(path, "Study.save"), place=os.fspath(path))
