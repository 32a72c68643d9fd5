"""Stepping: what a step or a run cuts, and the states that come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prunelab.criteria import Criterion
from prunelab.errors import NothingToDoError, OptionError, check_ratio, check_whole, shown, unknown_name
from prunelab.lab.cuts import (
    Cut,
    Proposal,
    Target,
    adopt_line,
    check_mixed,
    contains,
    find_group,
    takes_more,
    takes_the_same,
)
from prunelab.lab.granular import fixed_ratio
from prunelab.lab.layerwise import layer_ratios, layer_steps
from prunelab.lab.opened import Opened
from prunelab.lab.options import Healing
from prunelab.lab.randomness import seed_all
from prunelab.lab.state import State
from prunelab.lab.wish import Wish
from prunelab.plan import Plan, schedules
from prunelab.plan.plan import as_plan
from prunelab.render.numbers import counted, percent


class Choosing(Opened):
    """How units are chosen: the Lab's criterion, where a step names none, seeded by where the Lab is."""

    _criterion: str | Criterion

    def _cut(self, criterion: str | Criterion | None, round_to: int, granularity: str = "auto") -> Cut:
        return Cut(self._criterion if criterion is None else criterion, round_to, granularity)

    def _seeded(self, cut: Cut) -> Cut:
        return replace(cut, seed=self._work.seed_here())

    def _looking(self, criterion: str | Criterion | None, round_to: int, granularity: str = "auto") -> Cut:
        """A cut that may look at the Lab's data."""
        task = self._task
        data = task.val if task.train is None else task.train
        cut = replace(self._cut(criterion, round_to, granularity), data=data, loss=task.loss)
        return cut.check("and the Lab has no data; open it with train=")

    def _data(self, given: Any) -> Any:
        """The data that is given, or the validation data.

        Raises:
            OptionError: there is neither.
        """
        data = self._task.val if given is None else given
        if data is None:
            raise OptionError("data is missing, and the Lab has no validation data; "
                              "give data, or open the Lab with val=")
        return data

    def _chosen_here(self, cut: Cut) -> Cut:
        """The cut, seeded by where the Lab is; and the generators, which say in what order data comes."""
        seeded = self._seeded(cut)
        if seeded.needs:
            seed_all(seeded.seed)
        return seeded


class Stepping(Choosing):
    """Steps and runs."""

    @property
    def criterion(self) -> str | Criterion:
        """What chooses units where a step does not say."""
        return self._criterion

    @property
    def healing(self) -> Healing:
        """What follows a cut where a step does not say."""
        return Healing(self._task.training.epochs, self._task.training.repair)

    @property
    def can_train(self) -> bool:
        """Whether there is training data."""
        return self._task.train is not None

    @property
    def can_repair(self) -> bool:
        """Whether there is data to repair with."""
        return self.can_train or self._task.val is not None

    def step(
        self,
        layer: str | Mapping[str, float] | None = None,
        ratio: float | None = None,
        *,
        by: str | None = None,
        scope: str | None = None,
        criterion: str | Criterion | None = None,
        granularity: str = "auto",
        round_to: int = 1,
        finetune: int | None = None,
        repair: bool | None = None,
    ) -> State:
        """Cut units, repair, fine-tune, evaluate, record; gives the new state.

        Args:
            layer: the layer to cut; without it (and without ``by`` and ``scope``), the next one in network order that
                is not yet at ``ratio``. Or several, each with its ratio: ``{"conv1": 0.3, "conv2": 0.5}``, such as
                ``lab.sensitivity().suggest(1.0)``; those that are so far already stay as they are.
            ratio: the fraction of the layer's dense units that is gone afterwards, in ``[0, 1)`` (0.3).
            by, scope: instead of one layer cut all, until ``ratio`` of the dense model's units (``by="sparsity"``),
                "macs" or "params" is gone, each layer alike (``scope="local"``) or by one ranking ("global").
            criterion, finetune, repair: the Lab's own if left out; ``finetune`` is a number of epochs, ``repair``
                re-solves kept weights towards the dense model first, see `prunelab.repair`.
            granularity: what a unit is, as `prunelab.propose` has it: "element", "kernel", "block" and "2:4" (which
                needs no ratio) mask weights in their place, "layer" takes whole blocks; all there are, without
                ``layer``.
            round_to: kept units come in multiples of it.

        Raises:
            UnknownNameError: a layer, criterion, scope or measure nobody knows.
            OptionError: a ratio outside ``[0, 1)``, below what is gone, or one that takes nothing; a frozen layer.
            TrainingError: a loss that is not finite.
            Stopped: `stop` was called.
        """
        wish, cut = Wish.of(layer, ratio, by, scope), self._looking(criterion, round_to, granularity)
        wish.check(self.graph, granularity)
        check_mixed(self.plan, granularity)
        healing = self._task.healing(finetune, repair)
        with self._work.begin("step", self._task.n_batches(healing.epochs)) as meter:
            proposal = wish.proposal(self.graph, self.plan, self._chosen_here(cut), healing)
            if takes_the_same(proposal.plan, self.plan):
                raise NothingToDoError(f"{proposal.label} is gone already; give a higher ratio, or go back")
            meter.name(proposal.label)
            return self._work.carry_out(proposal, healing, meter)

    def finetune(self, epochs: int | None = None) -> State:
        """Train the current state, evaluate, record; gives the new state.

        What is cut stays cut. ``epochs``: the Lab's own number if left out.

        Raises:
            OptionError: no epochs, or no training data.
            TrainingError: a loss that is not finite.
        """
        epochs = self._task.epochs(epochs)
        if not epochs:
            raise OptionError("finetune needs a number of epochs; give one, such as lab.finetune(1)")
        with self._work.begin(f"fine-tune {epochs}", self._task.n_batches(epochs)) as meter:
            proposal = Proposal(self.plan, f"fine-tuned {counted(epochs, 'epoch')}", f"lab.finetune({epochs})")
            return self._work.carry_out(proposal, Healing(epochs), meter)

    def adopt(
        self,
        plan: Any,
        *,
        finetune: int | None = None,
        repair: bool | None = None,
        lr: float | None = None,
        optimizer: str | None = None,
        sentences: int | None = None,
    ) -> State:
        """Cut what a plan cuts, repair, fine-tune, evaluate, record; gives the new state.

        It is made from the nearest state on the way here that cuts nothing else: units that are gone cannot come back,
        so a plan that keeps some of them starts from before they went.

        Args:
            plan: a `Plan` of this model, something with a ``plan`` (a trial of a study), a state's id or name, or the
                units that go by group: ``{"conv1": [0, 3]}``.
            finetune, repair: as for `step`; those of a trial, where they were a part of it.
            lr, optimizer: of this training, the optimizer by name; the Lab's own, or those that the trial chose.
            sentences: on how many samples it trains, those that matter most to the model before the cut; all, or as
                many as the trial.

        Raises:
            PlanError: a plan for another structure, or units that are not there.
            OptionError: a plan that cuts nothing more than the current state, or a trial that built its own network.
        """
        if getattr(plan, "arguments", None):
            told = ", ".join(f"{name}={value!r}" for name, value in plan.arguments.items())
            raise OptionError(f"trial {plan.number} built a network of its own ({told}), which is none of this Lab's; "
                              "open a Lab on it: pl.Lab(study.model(trial), train=..., val=...)")
        wanted = self._wanted(plan)
        self.graph.check(wanted)
        tried = getattr(plan, "settings", {})  # a trial was judged with what heals it
        healing = self._task.healing(tried.get("epochs") or None if finetune is None else finetune,
                                     tried.get("repair") or None if repair is None else repair,
                                     lr=tried.get("lr") if lr is None else lr,
                                     optimizer=tried.get("optimizer") if optimizer is None else optimizer,
                                     sentences=tried.get("sentences") if sentences is None else sentences)
        start = next(state for state in reversed(self.path()) if contains(wanted, state.plan))
        if wanted.groups == start.plan.groups:
            raise OptionError(f"the plan cuts what {start.id} cuts; go there: lab.goto('{start.id}')")
        with self._work.begin("adopt", self._task.n_batches(healing.epochs)) as meter:
            name = f"s{self._bench.store.next_number()}"
            proposal = Proposal(wanted, f"adopted {percent(wanted.sparsity, 0)}", adopt_line(wanted, name, healing))
            return self._work.carry_out(proposal, healing, meter, start)

    def _wanted(self, plan: Any) -> Plan:
        if isinstance(plan, Mapping):
            return Plan.empty(self.graph).with_removed(self.graph, plan)
        if isinstance(plan, str):
            return self._nodes.find(plan).plan
        found = plan if isinstance(plan, Plan) else getattr(plan, "plan", plan)
        return as_plan(found)

    def run(
        self,
        schedule: str = "cubic",
        to: float | Mapping[str, float] | None = None,
        *,
        by: str = "sparsity",
        steps: int = 10,
        rounds: int | None = None,
        scope: str = "local",
        criterion: str | Criterion | None = None,
        granularity: str = "auto",
        round_to: int = 1,
        finetune: int | None = None,
        repair: bool | None = None,
    ) -> State:
        """Cut all layers in ``steps`` steps until ``to`` is gone, or one layer after the other; gives the last state.

        The schedule starts at the dense model, and its steps that are met already are passed over: so a run that was
        stopped goes on where it was when it is called again.

        Args:
            schedule: "cubic", "exponential", "cosine", "linear" or "one_shot"; or layer after layer: "in_order" of the
                network, "by_sensitivity" (what costs least goes first) or "by_cost" (what has most MACs goes first).
            to: the fraction of the dense model's units (``by="sparsity"``), "macs" or "params" that is gone in the end
                (0.7); layer after layer the fraction of each one's units (0.5), or ``{"conv1": 0.3, "conv2": 0.6}``.
            rounds: layer after layer, how often each is taken, the same share at each (1); instead of ``steps``.
            scope: "local" cuts each layer alike, "global" by one ranking.
            criterion, granularity, round_to, finetune, repair: as for `step`; "element" with a cubic schedule and some
                training after each step is gradual magnitude pruning.

        Raises:
            As `step`; steps that were recorded before stay.
        """
        check_mixed(self.plan, granularity)
        cut, healing = self._looking(criterion, round_to, granularity), self._task.healing(finetune, repair)
        if schedule in schedules.LAYER_SCHEDULES:
            _refuse(schedule, by=(by, "sparsity"), scope=(scope, "local"), steps=(steps, 10),
                    granularity=(granularity, "auto"))
            return self._run_layers(schedule, 0.5 if to is None else to, 1 if rounds is None else rounds, cut, healing)
        if schedule not in schedules.SCHEDULES:
            raise unknown_name("schedule", schedule, [*schedules.SCHEDULES, *schedules.LAYER_SCHEDULES])
        if rounds is not None:
            raise OptionError(f"rounds={shown(rounds)} is for layer after layer, by in_order, by_sensitivity or "
                              f"by_cost; of {schedule} say how many steps")
        if fixed_ratio(granularity) is not None:
            raise OptionError(f"'{granularity}' takes so much of each weight at once, and a run more at each step; "
                              f"take one step: lab.step(granularity='{granularity}')")
        to = check_ratio(0.7 if to is None else to, place="to")
        steps = check_whole(steps, "steps", 1)
        amounts = dict.fromkeys(schedules.SCHEDULES[schedule](k, steps, to, 0.0) for k in range(1, steps + 1))
        targets = [Target(by, amount, scope) for amount in amounts]
        n_batches = self._task.n_batches(healing.epochs)
        start = self.state
        with self._work.begin("run", None if n_batches is None else n_batches * len(targets)) as meter:
            # a target that cannot be met is found before the first step, not at the last
            Wish(None, to, targets[-1]).proposal(self.graph, self.plan, self._chosen_here(cut), healing)
            for number, target in enumerate(targets, 1):
                wish = Wish(None, target.ratio, target)
                proposal = wish.proposal(self.graph, self.plan, self._chosen_here(cut), healing)
                if takes_the_same(proposal.plan, self.plan):
                    meter.skip(n_batches or 0)
                    continue
                meter.name(f"step {number} of {len(targets)}: {target}")
                self._work.carry_out(proposal, healing, meter)
            if self.state is start:
                raise NothingToDoError(f"{targets[-1]} is gone already; give a higher value of to, or go back")
        return self.state

    def _run_layers(self, schedule: str, to: float | Mapping[str, float], rounds: int, cut: Cut,
                    healing: Healing) -> State:
        """Layer after layer; a step that takes no further unit is passed over."""
        n_batches, ratios = self._task.n_batches(healing.epochs), layer_ratios(self.graph, to)
        rounds = check_whole(rounds, "rounds", 1)
        start = self.state
        with self._work.begin("run", None if n_batches is None else n_batches * len(ratios) * rounds) as meter:
            steps = layer_steps(schedule, self._work, ratios, rounds, cut, meter)
            for number, step in enumerate(steps, 1):
                group = find_group(self.graph, step.layer)
                if not takes_more(self.plan, group, step.ratio, cut):
                    meter.skip(n_batches or 0)
                    continue
                wish = Wish(step.layer, step.ratio, None)
                proposal = wish.proposal(self.graph, self.plan, self._chosen_here(cut), healing)
                meter.name(f"step {number} of {len(steps)}: {proposal.label}")
                self._work.carry_out(proposal, healing, meter)
            if self.state is start:
                raise NothingToDoError("every layer is at its ratio already; give a higher value of to, or go back")
        return self.state


def _refuse(schedule: str, **given: tuple[object, object]) -> None:
    """Options that mean nothing layer after layer, where they are not what they are anyway."""
    for name, (value, default) in given.items():
        if value != default:
            raise OptionError(f"{name}={shown(value)} is for all layers at once, and {schedule} takes one after the "
                              "other; leave it out (rounds= says how often each is taken)")
