"""What a recipe has a Lab do, an action for each step and the schedule: its call, and whether it was done before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prunelab.errors import NothingToDoError
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
            wanted["layer"] = lab.graph.group(wanted["layer"]).name
        return all(found.get(name, value) == _recorded(value) for name, value in wanted.items())


def _recorded(value: Any) -> Any:
    """As a line has it: a criterion of one's own by its name."""
    return getattr(value, "name", value) if callable(value) else value


def actions(values: Mapping[str, Any]) -> list[Action]:
    """The steps, then the schedule."""
    found = [_step(step, k) for k, step in enumerate(values.get("steps", ()))]
    if "schedule" in values:
        section = dict(values["schedule"])
        name = {"schedule": section.pop("name")} if "name" in section else {}
        found.append(Action("run", ("schedule",), (), {**name, **section}))
    return found


def _step(step: Mapping[str, Any], k: int) -> Action:
    path: Keys = ("steps", k)
    healing = {name: step[name] for name in ("finetune", "repair") if name in step}
    if "train" in step:
        return Action("finetune", path, (step["train"],))
    if "plan" in step:
        return Action("adopt", path, (PlanFile(step["plan"]),), healing)
    if "units" in step:
        return Action("adopt", path, (step["units"],), healing)
    kwargs = {name: value for name, value in step.items() if name != "layer"}
    return Action("step", path, (step["layer"],) if "layer" in step else (), kwargs)


def n_done(todo: Sequence[Action], lab: Lab, refuse: Callable[[str, Keys], Exception]) -> int:
    """How many of the steps the Lab's current state came of; each makes one state.

    What follows them is the schedule's, which passes over what is met.

    Raises:
        What ``refuse`` gives: a history that came of something else.
    """
    steps = [action for action in todo if action.method != "run"]
    past = lab.path()[1:]
    for k, state in enumerate(past):
        action = steps[k] if k < len(steps) else None
        if action.made(state, lab) if action else len(todo) > len(steps):
            continue
        raise refuse(f"the workspace {lab.workspace} holds another history: its {state.id} came of {state.action}; "
                     "choose another workspace", action.path if action else ("workspace",))
    return min(len(past), len(steps))
