"""`Job`: all that a search is given, checked, and the run that it begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import optuna

from prunelab.errors import OptionError, check_seed, check_whole, shown
from prunelab.evaluate.batches import batches
from prunelab.evaluate.identity import data_identity, fingerprint, model_identity
from prunelab.evaluate.samples import Sample, hold, hold_for, shuffled
from prunelab.graph import Graph
from prunelab.plan import Plan, as_plan
from prunelab.search.building import Builder, name_of
from prunelab.search.constraints import check_together, read_constraints
from prunelab.search.core_samples import check_core
from prunelab.search.fields import ends
from prunelab.search.objectives import COSTS, Aims, read_objectives
from prunelab.search.planning import Planner
from prunelab.search.rehearsal import Rehearsal, Usual
from prunelab.search.remaking import Remaking
from prunelab.search.running import Run
from prunelab.search.samplers import Settings, sampler_of
from prunelab.search.screening import Screening
from prunelab.search.space import Space
from prunelab.search.storage import open_study, place_among
from prunelab.search.study import Study
from prunelab.search.surrogate import Surrogate

# Samples of a batch: few enough to stop soon, many enough to compute fast
_BATCH = 64
# First trials that cut all groups alike, from least to much: most of what is drawn at random cuts too much somewhere
_LADDER = 8
PRUNERS: dict[str, Callable[[], Any]] = {
    "halving": optuna.pruners.SuccessiveHalvingPruner,
    "hyperband": optuna.pruners.HyperbandPruner,
    "median": optuna.pruners.MedianPruner,
}


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
    n_first: int | None = None
    usual: Usual = field(default_factory=Usual)
    renew: Callable[[], Graph] | None = None

    @classmethod
    def of(cls, model: Any, data: Any, space: Space | None, objectives: Any, constraints: Any, *, seed: int, train: Any,
           loss: Any, plan: Plan | None, samples: int | None, inputs: Any = None,
           usual: Usual | None = None, renew: Callable[[], Graph] | None = None) -> Job:
        """Checked. ``renew``: the graph again, as it is now, of a model that goes on afterwards.

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
        own, graph = hold_for(model, data, None if samples is None else check_whole(samples, "samples", 1),
                              inputs=inputs, in_process=True)
        base = Plan.empty(graph) if plan is None else as_plan(plan)
        graph.check(base)
        space = space.over(graph, base)
        if train is None and any(ends(space.epochs)):
            raise OptionError("the space has epochs of training, and there is nothing to train on; give train=")
        check_core(train, ends(space.sentences), ends(space.epochs))
        if space.arguments and space.build is None:
            raise OptionError(f"the space has arguments ({', '.join(space.arguments)}), and nothing that takes them; "
                              "give it: pl.Space.load(path, build=Net)")
        return cls(graph, shuffled(own, _BATCH, seed), space, aims, base, data, train, loss, seed,
                   data_identity(own), samples, usual or Usual(), renew)

    def run(self, sampler: Any, trials: int, storage: Any, name: str, pruner: Any,
            on_batch: Callable[[], object] | None, start: list[dict[str, Any]], surrogate: tuple[Any, int]) -> Run:
        """A run, ready to begin: the dense model measured, the storage opened.

        Raises:
            As `search`.
        """
        settings = Settings(self.seed, self.space.distributions, len(self.aims.objectives), trials)
        # a mistake is told before anything is measured
        self._check_surrogate(surrogate[0], sampler_of(sampler, settings))
        planner, rehearsal = self._tools(self.graph, on_batch=on_batch)
        dense = planner.dense
        found = rehearsal.run(dense)
        values = {**found.values, **dense.costs}
        alone = self._surrogate(surrogate[0], planner)
        check_together(self.aims.constraints, values)
        self._check_reach(planner, values)
        study = Study(self.space, self.aims.objectives, values, self.base, seed=self.seed, planned=trials,
                      sampler=sampler if isinstance(sampler, str) else type(sampler).__name__)
        study.remake_with(Remaking(lambda: self.graph if self.renew is None else self.renew(), self._tools,
                                   self.n_first is not None, self.data, self.loss))
        asked = open_study(storage, name, [o.direction for o in self.aims.objectives], self._identity())
        settings = replace(settings, n_tried=len(asked.get_trials(deepcopy=False)),
                           place=(1, 0) if storage is None else place_among(asked))
        chosen = asked.sampler = sampler_of(sampler, settings)
        if not asked.get_trials(deepcopy=False) and not isinstance(chosen, optuna.samplers.GridSampler):
            steps = min(_LADDER, trials // 4)
            first = [] if alone is None else alone.ladder(self.space, steps)
            for one in [*start, *(first or self.space.ladder(steps))]:
                asked.enqueue_trial(one)
        dominated, optunas = _pruner(pruner, len(self.aims.objectives))
        asked.pruner = optunas or optuna.pruners.NopPruner()
        screening = None if alone is None or surrogate[1] == 1 else Screening(alone, surrogate[1], self.aims)
        return Run(asked, study, self.aims, planner, rehearsal, dominated, optunas is not None, storage is not None,
                   bounds=self.aims.bounds(values, found.rows), screening=screening)

    def _check_surrogate(self, given: Any, sampler: Any) -> None:
        """Refuse a surrogate of a search that it says nothing of.

        Raises:
            OptionError: with what to leave out.
        """
        if given in (None, False):
            return
        if self.space.arguments:
            raise OptionError("a surrogate adds up what groups of one network lose, and trials build their own here; "
                              "leave surrogate or arguments out")
        if isinstance(sampler, optuna.samplers.GridSampler):
            raise OptionError("the sampler grid tries everything in its own order; leave surrogate out, or choose "
                              "another sampler")
        if given is not True:
            self._surrogate(given, None)

    def _surrogate(self, given: Any, planner: Planner | None) -> Surrogate | None:
        if given in (None, False):
            return None
        groups = [n for names in self.space.groups.values() for n in names] or [g.name for g in self.graph.prunable]
        return Surrogate.of(planner.losses if given is True and planner is not None else given, groups)

    def _tools(self, graph: Graph, whole: bool = False,
               on_batch: Callable[[], object] | None = None) -> tuple[Planner, Rehearsal]:
        """What plans trials and what measures them, on a graph of the model; on the ``whole`` of the data, or on what
        trials see of it."""
        costs = tuple(n for n in self.aims.measured if n in COSTS)
        builder = None if self.space.build is None else Builder(
            self.space.build, list(graph.input_specs), graph.model, self.seed)
        held = hold(batches(self.data, graph, in_process=True)) if whole else self.held
        planner = Planner(graph, self.space, self.base, costs=costs, data=self._looked_at(), loss=self.loss,
                          seed=self.seed, builder=builder)
        train = self.train if self.space.trains else None
        return planner, Rehearsal(graph, held, self.aims, loss=self.loss, train=train, seed=self.seed,
                                  on_batch=on_batch, builder=builder, usual=self.usual)

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
                "variables": [f"{n}: {v}" for n, v in self.space.variables.items()],
                "what does not vary": self.space.fixed, "build": name_of(self.space.build)}

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
        if self.space.arguments:  # which of them make the least is not known
            return
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
