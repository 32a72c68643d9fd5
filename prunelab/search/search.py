"""`search`: trials of a space until so many are done, and what they say."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from prunelab.errors import OptionError, SearchError, check_whole
from prunelab.evaluate.evaluate import usual_metrics
from prunelab.evaluate.forward import LossFunction, in_mode
from prunelab.evaluate.progress import Meter
from prunelab.plan import Plan
from prunelab.search.job import Job
from prunelab.search.objectives import ENERGY
from prunelab.search.running import Run, reasons
from prunelab.search.sharing import share
from prunelab.search.space import Space
from prunelab.search.storage import place_of, quiet, why
from prunelab.search.study import OnTrial, Study
from prunelab.search.trial import COMPLETE, CUT_SHORT, Trial
from prunelab.search.workers import Crew, DaskCrew, ProcessCrew
from prunelab.search.workers.parcel import Parcel, as_bytes, threads_each


def search(
    model: Any,
    data: Any = None,
    space: Space | None = None,
    sampler: Any = "annealing",
    objectives: Any = None,
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
    surrogate: Any = None,
    screen: int = 1,
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
            several. Without it, "accuracy" (the loss where it is one of numbers, such as "mse") and "params".
        trials: how many, those that the storage holds already among them.
        storage: an Optuna storage or its URL ("sqlite:///search.db"), or the path of a journal file; the search goes
            on there when it is called again, and any number of machines may join in. ``name``: of the study there.
        seed: the same one gives the same study, where one process works.
        constraints: such as ``"params <= 5e6"`` or ``"accuracy within 1 point"``; beside those of the space.
        train: what trials with epochs or repair look at. ``loss``: as for `prunelab.evaluate`.
        inputs: as for `prunelab.trace`; without it, the first sample of the data.
        plan: what is gone already.
        samples: the first so many of the data.
        pruner: "dominated" ends a trial when a part of the samples says, beyond an interval of 99.7 % at each look,
            that another is better in everything or that a constraint is missed (its values are then those of the
            part); None sees all samples; of one objective also "halving", "median", "hyperband" or an Optuna pruner.
        on_trial: called as ``on_trial(study, trial)`` after each trial. ``on_batch``: called after each batch.
        workers: so many processes measure; one that is killed loses its trial, and another follows. ``executor``: a
            client of a Dask cluster, whose workers measure instead. The graph and its arrays are what they are sent, so
            that a class of a notebook is no hindrance.
        start: what is tried first: ratios by group, one dict or several, such as `Sensitivity.suggest` gives; or trials
            of another study. Where a ratio is outside of its range, the nearest is taken.
        surrogate: what `prunelab.sensitivity` measured, or True, which measures the loss at four ratios first. The
            first trials are then plans by which each group loses the same, from little to much, from which samplers go
            on. With ``screen=4``, of four plans that the sampler asks for later only the one is tried of which it
            expects most, by the groups' losses added up and fitted to the trials seen; where it was measured
            (``benchmarks/search.py surrogate``) the first trials were most of the gain. It speaks of groups that are
            cut, and of no other variable.

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
                       workers=workers, executor=executor, start=start, surrogate=surrogate, screen=screen)
    objectives = (usual_metrics(loss)[0], "params") if objectives is None else objectives
    job = Job.of(model, data, space, objectives, constraints, seed=seed, train=train, loss=loss, inputs=inputs,
                 plan=plan, samples=samples)
    trials = check_whole(trials, "trials", 1)
    with contextlib.closing(Meter(trials, None)) as meter:
        return search_job(job, sampler, trials, storage=storage, name=name, pruner=pruner,
                          on_trial=_shown(meter, on_trial), on_batch=on_batch, workers=workers, executor=executor,
                          start=start, surrogate=surrogate, screen=screen)


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
               start: Any = (), surrogate: Any = None, screen: int = 1) -> Study:
    """As `search`, of what is checked already."""
    screen = check_whole(screen, "screen", 1)
    trials, workers = check_whole(trials, "trials", 1), check_whole(workers, "workers", 1)
    if (workers > 1 or executor is not None) and ENERGY in job.aims.measured:
        raise OptionError("energy is that of the whole machine, and cannot be told apart by workers; leave workers at "
                          "1")
    with quiet(), in_mode(job.graph.model, training=False), contextlib.ExitStack() as stack:
        crew = ProcessCrew(workers, threads_each(workers)) if workers > 1 and executor is None else None
        if crew is not None:
            stack.callback(crew.close)
        run = job.run(sampler, trials, storage, name, pruner, on_batch, job.space.started(start), (surrogate, screen))
        stack.callback(run.close)
        if on_trial is not None:
            run.study.listen(on_trial)
        carry_out(run, trials, storage, lambda: _sent(run, crew, executor))
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


def _sent(run: Run, crew: ProcessCrew | None, executor: Any) -> Crew | None:
    """Who measures beside this process, and has what is needed for it; None where it does itself.

    Raises:
        OptionError: what cannot be sent, or a pruner that compares trials as they run.
    """
    if crew is None and executor is None:
        return None
    if run.pruner:
        raise OptionError("an Optuna pruner is asked in the middle of a trial, which workers cannot do; leave pruner "
                          "at 'dominated' or None, or workers at 1")
    parcel = Parcel.of(run.rehearsal)
    if crew is None:
        return DaskCrew(executor, parcel)
    crew.send(as_bytes(parcel))
    return crew
