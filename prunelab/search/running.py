"""A search under way: each trial planned, refused where it costs too much, answered where it is known, or measured."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from prunelab.errors import SearchError, Stopped, pass_on_interrupt, reason_of
from prunelab.search.judging import Look, Rival
from prunelab.search.objectives import Aims, Objective
from prunelab.search.planning import Candidate, Planner
from prunelab.search.rehearsal import Measured, Rehearsal, Rows
from prunelab.search.screening import Screening
from prunelab.search.study import Study
from prunelab.search.trial import COMPLETE, CUT_SHORT, FAILED, LOST, REFUSED, SCREENED, Trial, grouped

# Trials that are refused cost next to nothing and do not count; so many in a row say that the constraints are too tight
MOST_REFUSED = 2000
_TOLD = "prunelab"


@dataclass
class Run:
    """One process's part of a search.

    Attributes:
        asked: Optuna's study, whose sampler chooses. ``study``: ours, which is told of every trial.
        pruner: whether Optuna's pruner is asked; ``dominated``: whether a trial stops that another surely beats, or
            that surely misses one of ``bounds`` (see `Look`).
        shared: whether others may work on the study too. ``screening``: what chooses among several candidates.
        known: whole trials by their candidate's key. ``rivals``: those of the front, by number.
    """

    asked: optuna.Study
    study: Study
    aims: Aims
    planner: Planner
    rehearsal: Rehearsal
    dominated: bool = True
    pruner: bool = False
    shared: bool = False
    known: dict[str, Trial] = field(default_factory=dict)
    rivals: dict[int, Rival] = field(default_factory=dict)
    bounds: tuple[tuple[Objective, Sequence[Rows], float], ...] = ()
    screening: Screening | None = None
    _drawn: list[tuple[optuna.trial.Trial, Candidate]] = field(default_factory=list)

    def until(self, trials: int) -> None:
        """Go on until so many trials have ended, refused ones not counted."""
        refused = 0
        while self.still(trials):
            trial = self.one()
            refused = refused + 1 if trial.state == REFUSED else 0
            if refused >= MOST_REFUSED:
                raise self.too_tight()

    def too_tight(self) -> SearchError:
        """What is said where constraints leave nearly nothing: how many of the plans met each."""
        refused = [trial for trial in self.study if trial.state == REFUSED][-MOST_REFUSED:]
        met = {name: sum(trial.missed[name] <= 0 for trial in refused) for name in refused[0].missed}
        told = ", ".join(f"'{name}' was met by {n or 'none'}" for name, n in met.items())
        advice = "they exclude each other in this space; leave one out" if len(met) > 1 and all(
            met.values()) else "allow more"
        return SearchError(f"{MOST_REFUSED:,} trials in a row were outside the constraints: {told}"
                           f"{', and no plan met all' if len(met) > 1 else ''}; {advice}, or give another space")

    def still(self, trials: int, under_way: int = 0) -> bool:
        """Whether there is more to try; what others did meanwhile counts too."""
        if self.shared:
            self.recall(self.study.add)
        return self.counted + under_way < trials and not self.exhausted

    @property
    def counted(self) -> int:
        """Trials that ended, without refused ones."""
        return sum(1 for t in self.study if t.counts)

    @property
    def exhausted(self) -> bool:
        """Whether there is nothing left to try."""
        size = self.study.space.size
        if size > len(self.study):
            return False
        return len({tuple(sorted(t.chosen.items(), key=str)) for t in self.study}) >= size

    def one(self) -> Trial:
        """The next trial, recorded."""
        asked = self.ask()
        start = time.perf_counter()
        try:
            trial = self._outcome(asked)
        except (KeyboardInterrupt, Stopped, SystemExit):
            self.give_up(asked)
            raise
        return self.record(asked, trial, time.perf_counter() - start)

    def _outcome(self, asked: optuna.trial.Trial) -> Trial:
        """What comes of it; a trial that fails is a result: of a plan that cannot be, of training that comes apart."""
        try:
            found = self.prepared(asked)
            if isinstance(found, Candidate):
                found = self.measured(asked, found, self.rehearsal.run(found, self.look(found, asked)))
            return found
        except Stopped:
            raise
        except Exception as error:
            pass_on_interrupt(error)
            return self.failed(asked, reason_of(error))

    def ask(self) -> optuna.trial.Trial:
        """What the sampler chooses next; or the best of several, of which the others are recorded as screened."""
        if self.screening is None or not self.screening.is_ready(self.study) or self.asked.get_trials(
                deepcopy=False, states=(TrialState.WAITING,)):  # what somebody wants to begin with
            return self.asked.ask(self.study.space.distributions)
        while len(self._drawn) < self.screening.n:
            asked = self.asked.ask(self.study.space.distributions)
            try:
                candidate = self.planner.candidate(asked.params)
            except Exception:
                return asked  # fails again where failures are recorded
            if self.refused(asked, candidate) is not None or candidate.key in self.known:
                return asked
            self._drawn.append((asked, candidate))
        drawn, self._drawn = self._drawn, []
        best = drawn.pop(self.screening.best(self.study, [candidate for _, candidate in drawn]))[0]
        for asked, candidate in drawn:
            less = self._of(asked, candidate, SCREENED, candidate.costs, 0.0,
                            reason=f"less is expected of it than of trial {best.number}")
            self.record(asked, less, 0.0)
        return best

    def close(self) -> None:
        """Leave what was drawn, and not tried."""
        while self._drawn:
            self.give_up(self._drawn.pop()[0])

    def prepared(self, asked: optuna.trial.Trial) -> Candidate | Trial:
        """What is to be measured; or the trial at once, where it is refused or known."""
        candidate = self.planner.candidate(asked.params)
        refused = self.refused(asked, candidate)
        if refused is not None:
            return refused
        same = self.known.get(candidate.key)
        if same is None:
            return candidate
        return self._of(asked, candidate, same.state, same.values, same.seen, same_as=same.number)

    def failed(self, asked: optuna.trial.Trial, reason: str, state: str = FAILED) -> Trial:
        """The trial of an error, or of a worker that was lost."""
        return Trial(asked.number, state, dict(asked.params), self.study.space.settings(asked.params), {},
                     reason=reason)

    def give_up(self, asked: optuna.trial.Trial) -> None:
        """Leave a trial that was begun: it is none of the study's."""
        self._tell(asked, None, TrialState.FAIL)

    def refused(self, asked: optuna.trial.Trial, candidate: Candidate) -> Trial | None:
        """The trial, where its cost is outside the constraints already."""
        missed = self.aims.missed(candidate.costs, self.study.dense)
        if all(by <= 0 for by in missed.values()):
            return None
        told = ", ".join(f"{c.name} {self.aims.measured[c.name].text(candidate.costs[c.name])} against '{c}'"
                         for c in self.aims.constraints if missed.get(str(c), 0) > 0)
        return self._of(asked, candidate, REFUSED, candidate.costs, 0.0, reason=told)

    def measured(self, asked: optuna.trial.Trial, candidate: Candidate, found: Measured) -> Trial:
        """The trial of what was measured."""
        values = {**found.values, **candidate.costs}
        bad = next((name for name, v in values.items() if not np.isfinite(v)), None)
        if bad is not None:
            raise SearchError(f"{bad} is {values[bad]}")
        state = COMPLETE if found.seen >= 1.0 else CUT_SHORT
        trial = self._of(asked, candidate, state, values, found.seen)
        if state == COMPLETE:
            self.known[candidate.key] = trial
            if self.dominated and trial.is_inside:
                self.rivals[trial.number] = Rival(dict(candidate.costs), dict(found.rows))
        return trial

    def _of(self, asked: optuna.trial.Trial, candidate: Candidate, state: str, values: Mapping[str, float], seen: float,
            **more: Any) -> Trial:
        return Trial(asked.number, state, dict(asked.params), candidate.settings, dict(values),
                     self.aims.missed(values, self.study.dense), seen, made=candidate.plan, **more)

    def look(self, candidate: Candidate, asked: optuna.trial.Trial | None = None) -> Look:
        """When a candidate has seen enough; with ``asked``, Optuna's pruner is asked too."""
        objectives = tuple(o.plain for o in self.aims.objectives)
        if not self.dominated:
            return Look(objectives, candidate.costs, ask=_asking(asked) if asked is not None and self.pruner else None)
        return Look(objectives, candidate.costs, tuple(self.rivals.values()), self.bounds)

    # the record

    def record(self, asked: optuna.trial.Trial, trial: Trial, seconds: float) -> Trial:
        """Tell Optuna's study and ours."""
        trial = Trial(**{**vars(trial), "seconds": seconds})
        for name, by in trial.missed.items():
            asked.set_constraint(name, by)
        told = {key: value for key, value in trial.to_json().items() if key not in ("chosen", "settings", "plan")}
        asked.set_user_attr(_TOLD, told)
        has_all = trial.state in (COMPLETE, CUT_SHORT)
        values = [trial.values[o.name] for o in self.aims.objectives] if has_all else None
        state = TrialState.COMPLETE if has_all else TrialState.PRUNED if trial.state == REFUSED else TrialState.FAIL
        self._tell(asked, values, state)
        self._forget_beaten()
        self.study.add(trial)
        return trial

    def _tell(self, asked: optuna.trial.Trial, values: list[float] | None, state: TrialState) -> None:
        try:
            self.asked.tell(asked, values, state)
        except RuntimeError as error:
            # Optuna's grid calls stop() at its end, which an ask-and-tell loop must not hear
            if "stop" not in str(error):
                raise

    def _forget_beaten(self) -> None:
        """Only trials of the front are rivals."""
        if len(self.rivals) > 1:
            front = {t.number for t in self.study.front_trials}
            newest = max(self.rivals)
            self.rivals = {n: r for n, r in self.rivals.items() if n in front or n == newest}

    def recall(self, take: Callable[[Trial], object]) -> None:
        """``take`` the trials that the storage holds and the study does not, made by whoever."""
        for frozen in self.asked.get_trials(deepcopy=False):
            told = frozen.user_attrs.get(_TOLD)
            if told is None or frozen.number in self.study.numbers:
                continue
            settings = self.study.space.settings(frozen.params)
            plan = None if told["state"] in (FAILED, LOST) else self.planner.candidate(frozen.params)
            trial = Trial(**told, chosen=dict(frozen.params), settings=settings,
                          made=None if plan is None else plan.plan)
            take(trial)
            if plan is not None and trial.state == COMPLETE:
                self.known.setdefault(plan.key, trial)


def _asking(asked: optuna.trial.Trial) -> Callable[[float], bool]:
    """Report a value, and ask Optuna's pruner."""
    parts = itertools.count(1)

    def ask(value: float) -> bool:
        asked.report(value, next(parts))
        return asked.should_prune()

    return ask


def reasons(study: Study) -> str:
    """Why trials failed, grouped."""
    return grouped(trial.reason for trial in study if trial.state == FAILED)
