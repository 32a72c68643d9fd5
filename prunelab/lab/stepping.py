"""Stepping: what one step cuts or trains, and the state that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prunelab.criteria import Criterion
from prunelab.errors import NothingToDoError, OptionError
from prunelab.lab.choosing import Choosing
from prunelab.lab.cuts import check_mixed, contains, takes_the_same
from prunelab.lab.options import Healing
from prunelab.lab.proposals import Proposal, adopt_line
from prunelab.lab.state import State
from prunelab.lab.wish import Wish
from prunelab.plan import Plan
from prunelab.plan.plan import as_plan
from prunelab.render.numbers import counted, percent


class Stepping(Choosing):
    """Steps."""

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
        repair: bool | int | None = None,
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
                re-solves kept weights towards the dense model first; a number: and takes so many steps on each block
                after that, see `prunelab.repair`.
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
        repair: bool | int | None = None,
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
