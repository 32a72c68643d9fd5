"""What a recipe has a Lab do, an action for each step and the schedule: its call, and whether it was done before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prunelab.errors import NothingToDoError, OptionError
from prunelab.lab import Lab
from prunelab.lab.replaying import Line
from prunelab.lab.state import State
from prunelab.plan import Plan

Keys = tuple["str | int", ...]

_POSITIONAL = {"step": ("layer",), "finetune": ("epochs",)}


@dataclass(frozen=True)
class PlanFile:
    """A plan that is read when it is needed."""

    path: str


@dataclass(frozen=True)
class Action:
    """``lab.method(*args, **kwargs)``; ``path`` is where the recipe says so."""

    method: str
    path: Keys
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def carry_out(self, lab: Lab) -> Any:
        """Do it; a run whose target is met already does nothing."""
        args = [Plan.load(arg.path) if isinstance(arg, PlanFile) else arg for arg in self.args]
        try:
            return getattr(lab, self.method)(*args, **self.kwargs)
        except NothingToDoError:
            if self.method != "run":
                raise
            return lab.state

    def made(self, state: State, lab: Lab) -> bool:
        """Whether a recorded state came of this: its line has what is asked for; what is left out may be any."""
        line = Line.parse(state.action, state.id)
        if line.method != self.method or self.method == "adopt":  # which tells its plan in other words
            return line.method == self.method
        names = _POSITIONAL[self.method]
        wanted = {**dict(zip(names, self.args, strict=False)), **self.kwargs}
        found = {**dict(zip(names, line.args, strict=False)), **line.kwargs}
        if "layer" in wanted:
            wanted["layer"] = _groups(wanted["layer"], lab)
        return all(found.get(name, value) == _recorded(value) for name, value in wanted.items())


def _groups(layer: Any, lab: Lab) -> Any:
    """A layer, or several with their ratios, as a line has them: by their groups' names."""
    if isinstance(layer, Mapping):
        return {lab.graph.group(name).name: ratio for name, ratio in layer.items() if ratio}
    return lab.graph.group(layer).name


@dataclass(frozen=True)
class Search(Action):
    """``lab.search(...)``, and the adoption of what it found."""

    within: Mapping[str, float] = field(default_factory=dict)
    healing: Mapping[str, Any] | None = None  # None adopts nothing

    def carry_out(self, lab: Lab) -> Any:
        """Search, and adopt.

        Raises:
            KeyboardInterrupt: it was interrupted; its trials are kept, and the same call goes on.
            SearchError: no trial is within the constraints.
        """
        from prunelab.search import space

        kwargs = dict(self.kwargs)
        if "space" in kwargs:
            kwargs["space"] = _made(space, kwargs["space"])
        study = lab.search(**kwargs)
        if study.interrupted:
            raise KeyboardInterrupt
        if self.healing is None:
            return study
        trial = study.within(**self.within) if self.within else study.best
        return lab.adopt(trial, **self.healing)


def _made(space: Any, given: Mapping[str, Any]) -> Any:
    try:
        return space(**given)
    except TypeError as error:
        raise OptionError(f"space cannot be made: {error}; see pl.space") from error


def _recorded(value: Any) -> Any:
    """As a line has it: a criterion of one's own by its name."""
    return getattr(value, "name", value) if callable(value) else value


def actions(values: Mapping[str, Any]) -> list[Action]:
    """The steps, the schedule, then the search."""
    found = [_step(step, k) for k, step in enumerate(values.get("steps", ()))]
    if "schedule" in values:
        section = dict(values["schedule"])
        name = {"schedule": section.pop("name")} if "name" in section else {}
        found.append(Action("run", ("schedule",), (), {**name, **section}))
    if "search" in values:
        section = dict(values["search"])
        adopt, within = section.pop("adopt", True), section.pop("within", {})
        healing = {name: section.pop(name) for name in ("finetune", "repair") if name in section}
        found.append(Search("search", ("search",), (), section, within, healing if adopt else None))
    return found


# What follows the cut of a plan, or of units
_HEALING = ("finetune", "repair", "lr", "optimizer", "sentences")


def _step(step: Mapping[str, Any], k: int) -> Action:
    path: Keys = ("steps", k)
    healing = {name: step[name] for name in _HEALING if name in step}
    if "train" in step:
        return Action("finetune", path, (step["train"],))
    if "plan" in step:
        return Action("adopt", path, (PlanFile(step["plan"]),), healing)
    if "units" in step:
        return Action("adopt", path, (step["units"],), healing)
    kwargs = {name: value for name, value in step.items() if name not in ("layer", "ratios")}
    return Action("step", path, tuple(step[name] for name in ("layer", "ratios") if name in step), kwargs)


def n_done(todo: Sequence[Action], lab: Lab, refuse: Callable[[str, Keys], Exception]) -> int:
    """How many of the actions the Lab's current state came of; a step makes one state.

    What follows them is the schedule's, which passes over what is met; and what a search found, which ends it.

    Raises:
        What ``refuse`` gives: a history that came of something else.
    """
    steps = [action for action in todo if action.method in ("step", "finetune", "adopt")]
    past = [state for state in lab.path()[1:] if not state.searched]
    for k, state in enumerate(past):
        action = steps[k] if k < len(steps) else None
        if action.made(state, lab) if action else len(todo) > len(steps):
            continue
        raise refuse(f"the workspace {lab.workspace} holds another history: its {state.id} came of {state.action}; "
                     "choose another workspace", action.path if action else ("workspace",))
    adopted = len(past) > len(steps) and Line.parse(past[-1].action, past[-1].id).method == "adopt"
    return len(todo) if adopted else min(len(past), len(steps))
