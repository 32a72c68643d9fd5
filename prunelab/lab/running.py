"""Running: many steps towards a target, by a schedule or layer after layer."""

from __future__ import annotations

from collections.abc import Mapping

from prunelab.criteria import Criterion
from prunelab.errors import NothingToDoError, OptionError, check_ratio, check_whole, shown, unknown_name
from prunelab.lab.choosing import Choosing
from prunelab.lab.cuts import Cut, Target, check_mixed, find_group, takes_more, takes_the_same
from prunelab.lab.granular import fixed_ratio
from prunelab.lab.layerwise import layer_ratios, layer_steps
from prunelab.lab.options import Healing
from prunelab.lab.state import State
from prunelab.lab.wish import Wish
from prunelab.plan import schedules


class Running(Choosing):
    """Runs."""

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
        repair: bool | int | None = None,
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
