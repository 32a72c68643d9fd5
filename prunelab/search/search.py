"""`search`: trials of a space until so many are done, and what they say."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import optuna

from prunelab.errors import OptionError, SearchError, check_seed, check_whole, shown
from prunelab.evaluate.batches import Batches, batches
from prunelab.evaluate.forward import LossFunction, in_mode
from prunelab.evaluate.identity import data_identity, fingerprint, model_identity
from prunelab.evaluate.progress import Meter
from prunelab.evaluate.samples import Sample, hold, shuffled
from prunelab.graph import Graph, as_layer, trace
from prunelab.plan import Plan, as_plan
from prunelab.search.constraints import check_together, read_constraints
from prunelab.search.fields import ends
from prunelab.search.objectives import COSTS, ENERGY, Aims, read_objectives
from prunelab.search.planning import Candidate, Planner
from prunelab.search.rehearsal import Rehearsal
from prunelab.search.running import Run, reasons
from prunelab.search.samplers import Settings, sampler_of
from prunelab.search.sharing import share
from prunelab.search.space import Space
from prunelab.search.storage import open_study, place_of, quiet, why
from prunelab.search.study import OnTrial, Study
from prunelab.search.trial import COMPLETE, CUT_SHORT, Trial
from prunelab.search.workers import Crew, DaskCrew, ProcessCrew
from prunelab.search.workers.parcel import Parcel, as_bytes, threads_each

# Samples of a batch: few enough to stop soon, many enough to compute fast
_BATCH = 64
# First trials that cut all groups alike, from least to much: most of what is drawn at random cuts too much somewhere
_LADDER = 8
PRUNERS: dict[str, Callable[[], Any]] = {
    "halving": optuna.pruners.SuccessiveHalvingPruner,
    "hyperband": optuna.pruners.HyperbandPruner,
    "median": optuna.pruners.MedianPruner,
}


def search(
    model: Any,
    data: Any = None,
    space: Space | None = None,
    sampler: Any = "annealing",
    objectives: Any = ("accuracy", "params"),
    trials: int = 50,
    *,
    storage: Any = None,
    name: str = "prunelab",
    seed: int = 0,
    constraints: Any = (),
    train: Any = None,
    loss: str | LossFunction | None = None,
    inputs: Any = None,
    plan: Plan | None = None,
    samples: int | None = None,
    pruner: Any = "dominated",
    on_trial: OnTrial | None = None,
    on_batch: Callable[[], object] | None = None,
    workers: int = 1,
    executor: Any = None,
    start: Any = (),
) -> Study:
    """Try ``trials`` plans of a space; gives the `Study`: the front, the best, the smallest within a point.

    A trial runs the network with its cut units taken out, as the smaller model computes, on a growing part of the data;
    what it costs is known before, so that one outside constraints never runs (and does not count). A trial of a plan
    that was tried is answered from the record. An interrupt ends the search and gives the study so far. The model is
    left as it was. A bar shows how far it is, in a notebook and in a terminal.

    Args:
        model: an ``nn.Layer``, a ``paddle.Model`` or a `Graph`; or a Lab, which searches from its state on its data.
        data: what metrics are measured on, as for `prunelab.evaluate`; held in memory.
        space: what is chosen from, see `prunelab.space`; without it, a ratio from 0 to 90 % for each group.
        sampler: a name of `prunelab.search.samplers.SAMPLERS`, or an Optuna sampler.
        objectives: metrics (names or functions, as for `prunelab.evaluate`), "params", "macs", "size_bytes",
            "latency_ms" (of one sample, from a table of operators' times), "energy" (joules for a sample): one, or
            several.
        trials: how many, those that the storage holds already among them.
        storage: an Optuna storage or its URL ("sqlite:///search.db"), or the path of a journal file; the search goes
            on there when it is called again, and any number of machines may join in. ``name``: of the study there.
        seed: the same one gives the same study, where one process works.
        constraints: such as ``"params <= 5e6"`` or ``"accuracy within 1 point"``; beside those of the space.
        train: what trials with epochs or repair look at. ``loss``: as for `prunelab.evaluate`.
        inputs: as for `prunelab.trace`; without it, the first sample of the data.
        plan: what is gone already.
        samples: the first so many of the data.
        pruner: "dominated" ends a trial when a part of the samples says that another is better in everything, or not
            worse by a tenth of what that one has lost, or that a constraint is missed (its values are then those of
            the part); None sees all samples; of one objective also "halving", "median",
            "hyperband" or an Optuna pruner.
        on_trial: called as ``on_trial(study, trial)`` after each trial. ``on_batch``: called after each batch.
        workers: so many processes measure; one that is killed loses its trial, and another follows. ``executor``: a
            client of a Dask cluster, whose workers measure instead. The graph and its arrays are what they are sent, so
            that a class of a notebook is no hindrance.
        start: what is tried first: ratios by group, one dict or several, such as `Sensitivity.suggest` gives; or trials
            of another study. Where a ratio is outside of its range, the nearest is taken.

    Raises:
        UnknownNameError: a sampler, objective, or group nobody knows.
        OptionError: options that cannot be, constraints that contradict each other or the space.
        SearchError: an empty space, trials that all fail (with their reasons), a storage that is locked or holds
            another search.
    """
    if hasattr(model, "adopt") and hasattr(model, "graph"):
        return _by_lab(model, {"train": train, "loss": loss, "inputs": inputs, "plan": plan}, space=space,
                       sampler=sampler, objectives=objectives, trials=trials, data=data, storage=storage, name=name,
                       seed=seed, constraints=constraints, samples=samples, pruner=pruner, on_trial=on_trial,
                       workers=workers, executor=executor, start=start)
    job = Job.of(model, data, space, objectives, constraints, seed=seed, train=train, loss=loss, inputs=inputs,
                 plan=plan, samples=samples)
    trials = check_whole(trials, "trials", 1)
    with contextlib.closing(Meter(trials, None)) as meter:
        return search_job(job, sampler, trials, storage=storage, name=name, pruner=pruner,
                          on_trial=_shown(meter, on_trial), on_batch=on_batch, workers=workers, executor=executor,
                          start=start)


def _shown(meter: Meter, on_trial: OnTrial | None) -> OnTrial:
    """A bar moves on with each trial; then who listens is told.

    Raises:
        OptionError: something that listens to nothing.
    """
    if on_trial is not None and not callable(on_trial):
        raise OptionError("on_trial is no function; give one that takes the study and a trial")

    def told(study: Study, trial: Trial) -> None:
        meter.done(float(trial.counts), f"trial {trial.number}")
        if on_trial is not None:
            on_trial(study, trial)

    return told


def _by_lab(lab: Any, own: dict[str, Any], **options: Any) -> Study:
    """A search by a Lab, which is none of this room's business to know.

    Raises:
        OptionError: something that the Lab has itself.
    """
    for name, value in own.items():
        if value is not None:
            raise OptionError(f"{name} is given with a Lab, which has its own; leave it out")
    return lab.search(**options)


def search_job(job: Job, sampler: Any, trials: int, *, storage: Any = None, name: str = "prunelab",
               pruner: Any = "dominated", on_trial: OnTrial | None = None,
               on_batch: Callable[[], object] | None = None, workers: int = 1, executor: Any = None,
               start: Any = ()) -> Study:
    """As `search`, of what is checked already."""
    trials, workers = check_whole(trials, "trials", 1), check_whole(workers, "workers", 1)
    if (workers > 1 or executor is not None) and ENERGY in job.aims.measured:
        raise OptionError("energy is that of the whole machine, and cannot be told apart by workers; leave workers at "
                          "1")
    with quiet(), in_mode(job.graph.model, training=False):
        run = job.run(sampler, trials, storage, name, pruner, on_batch, job.space.started(start))
        if on_trial is not None:
            run.study.listen(on_trial)
        carry_out(run, trials, storage, lambda: _crew(run, workers, executor))
    return run.study


def carry_out(run: Run, trials: int, storage: Any, crew: Callable[[], Crew | None]) -> None:
    """Run until so many trials are there; an interrupt ends it, and what is recorded stays."""
    try:
        run.recall(run.study.take)
        workers = crew() if run.counted < trials else None
        if workers is None:
            run.until(trials)
        else:
            share(run, workers, trials)
        if run.exhausted and run.counted < trials:
            run.study.note = "every combination of the space was tried"
    except KeyboardInterrupt:
        run.study.note = f"interrupted after {run.counted} of {trials} trials"
        return
    except Exception as error:
        if type(error).__module__.startswith(("optuna.", "sqlalchemy.")):
            raise SearchError(f"the storage {place_of(storage)} cannot be used: {why(error)}") from error
        raise
    if not any(t.state in (COMPLETE, CUT_SHORT) for t in run.study):
        raise SearchError(f"all {run.counted} trials failed: {reasons(run.study)}")


def _crew(run: Run, workers: int, executor: Any) -> Crew | None:
    """Who measures beside this process; None where it does itself.

    Raises:
        OptionError: what cannot be sent, or a pruner that compares trials as they run.
    """
    if workers == 1 and executor is None:
        return None
    if run.pruner:
        raise OptionError("an Optuna pruner is asked in the middle of a trial, which workers cannot do; leave pruner "
                          "at 'dominated' or None, or workers at 1")
    parcel = Parcel.of(run.rehearsal)
    return ProcessCrew(workers, as_bytes(parcel), threads_each(workers)) if executor is None else DaskCrew(
        executor, parcel)


@dataclass(frozen=True)
class Job:
    """All that is given, checked: a model and its data, the space on it, the aims, and what the dense model has."""

    graph: Graph
    held: list[Sample]
    space: Space
    aims: Aims
    base: Plan
    data: Any
    train: Any
    loss: Any
    seed: int
    data_id: str

    @classmethod
    def of(cls, model: Any, data: Any, space: Space | None, objectives: Any, constraints: Any, *, seed: int, train: Any,
           loss: Any, plan: Plan | None, samples: int | None, inputs: Any = None) -> Job:
        """Checked.

        Raises:
            As `search`.
        """
        seed = check_seed(seed)
        found = read_objectives(objectives, loss)
        if space is not None and not isinstance(space, Space):
            raise OptionError(f"space is {shown(space)}; make one: pl.space(ratios=(0.0, 0.9))")
        space = Space() if space is None else space
        given = (*space.constraints, *read_constraints(constraints))
        space = replace(space, constraints=given)
        aims = Aims.of(found, given, loss)
        check_together(aims.constraints, {})
        source = data if isinstance(data, Batches) else batches(
            data, model.model if isinstance(model, Graph) else model, in_process=True)
        own = hold(source, None if samples is None else check_whole(samples, "samples", 1))
        graph = model if isinstance(model, Graph) else trace(
            as_layer(model), [x[:1] if x.ndim else x for x in own[0].inputs] if inputs is None else inputs)
        base = Plan.empty(graph) if plan is None else as_plan(plan)
        graph.check(base)
        space = space.over(graph, base)
        if train is None and any(ends(space.epochs)):
            raise OptionError("the space has epochs of training, and there is nothing to train on; give train=")
        return cls(graph, shuffled(own, _BATCH, seed), space, aims, base, data, train, loss, seed,
                   data_identity(own))

    def run(self, sampler: Any, trials: int, storage: Any, name: str, pruner: Any,
            on_batch: Callable[[], object] | None, start: list[dict[str, Any]]) -> Run:
        """A run, ready to begin: the dense model measured, the storage opened.

        Raises:
            As `search`.
        """
        settings = Settings(self.seed, self.space.distributions, len(self.aims.objectives), trials)
        sampler_of(sampler, settings)  # a mistake is told before anything is measured
        costs = tuple(n for n in self.aims.measured if n in COSTS)
        planner = Planner(self.graph, self.space, self.base, costs=costs, data=self._looked_at(), loss=self.loss,
                          seed=self.seed)
        train = self.train if self.space.trains else None
        rehearsal = Rehearsal(self.graph, self.held, self.aims, loss=self.loss, train=train, seed=self.seed,
                              on_batch=on_batch)
        plain = Space().settings({})
        dense = Candidate(plain, self.base, planner.costs(self.base), "dense")
        found = rehearsal.run(dense)
        values = {**found.values, **dense.costs}
        check_together(self.aims.constraints, values)
        self._check_reach(planner, values)
        study = Study(self.space, self.aims.objectives, values, self.base, seed=self.seed, planned=trials,
                      sampler=sampler if isinstance(sampler, str) else type(sampler).__name__)
        study.judge_with(self.graph.model, self.data, self.loss)
        asked = open_study(storage, name, [o.direction for o in self.aims.objectives], self._identity())
        chosen = asked.sampler = sampler_of(sampler, replace(settings, n_tried=len(asked.get_trials(deepcopy=False))))
        if not asked.get_trials(deepcopy=False) and not isinstance(chosen, optuna.samplers.GridSampler):
            for first in [*start, *self.space.ladder(min(_LADDER, trials // 4))]:
                asked.enqueue_trial(first)
        dominated, optunas = _pruner(pruner, len(self.aims.objectives))
        asked.pruner = optunas or optuna.pruners.NopPruner()
        return Run(asked, study, self.aims, planner, rehearsal, dominated, optunas is not None,
                   shared=storage is not None, bounds=self.aims.bounds(values, found.rows))

    def fingerprint(self, sampler: Any) -> str:
        """This search, by this sampler and seed, in a few letters."""
        how = sampler if isinstance(sampler, str) else type(sampler).__name__
        return fingerprint({**self._identity(), "sampler": how, "seed": self.seed})[:12]

    def _looked_at(self) -> Any:
        return self.data if self.train is None else self.train

    def _identity(self) -> dict[str, Any]:
        """What makes a search another one than this."""
        return {"model": self.graph.program.model, **model_identity(self.graph, self.base),
                "data": self.data_id,
                "objectives": [o.name for o in self.aims.objectives],
                "constraints": [str(c) for c in self.aims.constraints],
                "variables": [f"{n}: {v}" for n, v in self.space.variables.items()]}

    def _check_reach(self, planner: Planner, dense: dict[str, float]) -> None:
        """Refuse a bound on a cost that the largest ratios of the space do not meet.

        Raises:
            OptionError: with what is the least.
        """
        most = {n: v.high for n, v in self.space.variables.items() if n.startswith("ratios.") and hasattr(v, "high")}
        most.update({n: max(v.choices) for n, v in self.space.variables.items()
                     if n.startswith("ratios.") and hasattr(v, "choices")})
        for c in self.aims.constraints:
            if c.op == ">=" and c.name in COSTS and c.missed(dense[c.name], dense[c.name]) > 0:
                raise OptionError(f"the constraint '{c}' cannot be met: without any cut there are {dense[c.name]:,.6g} "
                                  f"{c.name}, and no plan has more; allow less")
        wanted = [c for c in self.aims.constraints if c.op == "<=" and c.name in ("params", "macs")]
        if not wanted or not most or len(most) < len(self.space.ratios):
            return
        first = {n: getattr(v, "low", None) if hasattr(v, "low") else v.choices[0]
                 for n, v in self.space.variables.items() if n not in most}
        least = planner.candidate({**first, **most}).costs
        for c in wanted:
            if c.missed(least[c.name], dense[c.name]) > 0:
                raise OptionError(f"the constraint '{c}' cannot be met in this space: at its largest ratios "
                                  f"{least[c.name]:,.0f} {c.name} are left; allow that, or give larger ratios")


def _pruner(given: Any, n_objectives: int) -> tuple[bool, Any]:
    """Whether a trial stops that is surely beaten, and Optuna's pruner or None."""
    if given is None or given == "dominated":
        return given == "dominated", None
    made = PRUNERS[given]() if isinstance(given, str) and given in PRUNERS else given
    if not isinstance(made, optuna.pruners.BasePruner):
        raise OptionError(f"pruner is {shown(given)}; give 'dominated', None, {', '.join(map(repr, PRUNERS))} or an "
                          "Optuna pruner")
    if n_objectives > 1:
        raise OptionError(f"the pruner {shown(given)} compares one objective, and {n_objectives} are given; leave it "
                          "at 'dominated', or give one objective and the others as constraints")
    return False, made
