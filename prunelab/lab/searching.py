"""A search for the best plan from a Lab's current state."""

from __future__ import annotations

import inspect
import itertools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prunelab.evaluate.evaluate import listed
from prunelab.graph import Graph, trace
from prunelab.lab.choosing import Choosing
from prunelab.lab.progress import Meter
from prunelab.lab.telling import PLAIN
from prunelab.plan import Plan
from prunelab.render.numbers import counted
from prunelab.search import Space, Study, Trial
from prunelab.search import space as make_space
from prunelab.search.job import Job
from prunelab.search.rehearsal import Usual
from prunelab.search.search import search_job
from prunelab.search.spelling import spelled
from prunelab.search.study import OnTrial


class Searching(Choosing):
    """Trying plans. That it was done is recorded, and changes nothing: `adopt` takes what was found."""

    _study: Study | None = None

    @property
    def study(self) -> Study | None:
        """What the last search found, also while it goes on and after it was stopped; None before the first trial."""
        return self._study

    def search(
        self,
        space: Space | None = None,
        sampler: Any = "annealing",
        objectives: Any = None,
        trials: int = 50,
        *,
        constraints: Any = (),
        data: Any = None,
        storage: Any = None,
        seed: int | None = None,
        on_trial: OnTrial | None = None,
        **options: Any,
    ) -> Study:
        """Try ``trials`` plans that cut further than the current state, record that; gives the `Study`.
        ``lab.adopt(study.best)`` takes one.

        The state that is recorded has the weights and the plan of the one before, and changes nothing of what comes
        after it. The trials of a Lab with a workspace are kept there: after an interrupt or `stop`, and in another
        process, the same call goes on where it was; it records nothing before it has come to its end, and nothing anew
        where it is called again. The ratios are of dense units: a group that has lost more stays as it is.

        Args:
            space: what is chosen from (without it, a ratio for each group, by the Lab's criterion). Trials that train
                take the Lab's learning rate and optimizer where the space has none.
            objectives: the Lab's first metric and "params", if left out.
            data: the validation data, if left out; trials with epochs or repair look at the training data.
            storage: the workspace's own file, if left out.
            seed: one that follows from where the Lab is, if left out.
            constraints, sampler, on_trial, options: as for `prunelab.search`.

        Raises:
            As `prunelab.search`; OptionError without data.
        """
        given = {"space": space, "sampler": sampler, "objectives": objectives, "trials": trials,
                 "constraints": constraints, "data": data, "storage": storage, "seed": seed, **options}
        data, began = self._data(data), time.perf_counter()
        if space is None:
            space = make_space(criterion=self._criterion)
        if objectives is None:
            objectives = (next(iter(listed(self._task.metrics)), "loss"), "params")
        seed = self._work.seed_here() if seed is None else seed
        with self._work.begin("search", trials if isinstance(trials, int) else None, "trial") as meter:
            usual = Usual(self._task.training.lr, self._task.training.optimizer)
            job = Job.of(self.graph, data, space, objectives, constraints, seed=seed, train=self._task.train,
                         loss=self._task.loss, plan=self.plan, samples=options.pop("samples", None), usual=usual,
                         renew=self._as_now())
            kept = self._bench.store.folder
            if storage is None and kept is not None:
                storage = self._kept(kept / "search", job, sampler)
            study = search_job(job, sampler, trials, storage=storage, on_trial=self._told(meter, on_trial),
                               on_batch=meter.control.check, **options)
            if study.interrupted:
                self._work.bench.undo()  # an interrupt may have hit where a mask was being taken off
            self._study = study
            if not study.interrupted:
                self._noted(study, search_line(given, self.graph, self.plan), seed, began)
            return study

    def _noted(self, study: Study, line: str, seed: int, began: float) -> None:
        last = itertools.takewhile(lambda state: state.searched, reversed(self.path()))
        if all(state.action != line for state in last):
            label = f"searched: {counted(len(study), 'trial')} by {study.sampler}"
            self._work.note(label, line, seed, began)

    def _as_now(self) -> Callable[[], Graph]:
        """The graph of a model of its own, as the Lab's is in the current state, wherever the Lab is by then."""
        state, specs = self._nodes.state, list(self.graph.input_specs)
        return lambda: trace(self._bench.copy_of(state), specs)

    def _kept(self, folder: Path, job: Job, sampler: Any) -> Path:
        """The workspace's file of this search: another space, state, sampler or seed has another one."""
        folder.mkdir(exist_ok=True)
        return folder / f"{self._nodes.made(self._nodes.state)[-1].id}-{job.fingerprint(sampler)}.log"

    def _told(self, meter: Meter, on_trial: OnTrial | None) -> OnTrial:
        def told(study: Study, trial: Trial) -> None:
            self._study = study
            meter.name(f"search: trial {trial.number}")
            if on_trial is not None:
                on_trial(study, trial)
            if trial.counts:
                meter.tick(**{name: float(v) for name, v in trial.values.items()})

        return told


def search_line(given: Mapping[str, Any], graph: Graph, base: Plan) -> str:
    """The line of code that repeats a search; what is no plain value is a variable, of its usual name."""
    usual = inspect.signature(Searching.search).parameters
    told = []
    for name, value in given.items():
        if value is None or (isinstance(value, (*PLAIN, tuple)) and name in usual and value == usual[name].default):
            continue
        told.append(f"{name}={spelled(value, graph, base) if isinstance(value, Space) else _code(value, name)}")
    return f"lab.search({', '.join(told)})"


def _code(value: Any, name: str) -> str:
    """A value as Python has it, one of a list as itself; a function by its name, anything else as a variable."""
    if isinstance(value, Path):
        return repr(str(value))
    if value is None or isinstance(value, (*PLAIN, dict)):
        return repr(value)
    if isinstance(value, (list, tuple)) and all(isinstance(part, PLAIN) or callable(part) for part in value):
        parts = [_code(part, name) for part in value]
        return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"
    called = str(getattr(value, "__name__", name))
    return called if called.isidentifier() else name
