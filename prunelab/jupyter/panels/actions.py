"""What a click asks of a Lab, as values: the call, and the `%prune` line that makes the same one."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunelab.errors import OptionError
from prunelab.jupyter.panels.masking import Masking
from prunelab.jupyter.words import ACTIONS as WORDS
from prunelab.plan.schedules import LAYER_SCHEDULES
from prunelab.render.numbers import counted

if TYPE_CHECKING:
    from prunelab.lab import Lab


@dataclass(frozen=True)
class Action:
    """``label`` is what the footer says while it runs, ``line`` the magic equal to it."""

    label: str
    line: str
    call: Callable[[Lab], Any]


@dataclass(frozen=True)
class Cure:
    """How units are chosen and how the network heals: what steps and runs have in common."""

    criterion: str
    finetune: int
    repair: bool | int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """As arguments of `Lab.step` and `Lab.run`; without a criterion or ``repair``, the Lab's own."""
        said = {"criterion": self.criterion or None, "finetune": self.finetune, "repair": self.repair}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True)
class Course:
    """A run over all layers: until ``to`` of what ``by`` counts is gone, in ``steps`` steps on a ``schedule``; or, on
    one that takes layer after layer, until ``to`` of each one's units is."""

    to: float
    by: str = "sparsity"
    steps: int = 10
    schedule: str = "cubic"
    scope: str = "local"

    @property
    def options(self) -> dict[str, Any]:
        """As arguments of `Lab.run`."""
        if self.schedule in LAYER_SCHEDULES:
            return {"to": self.to, "schedule": self.schedule}
        return {"to": self.to, "by": self.by, "steps": self.steps, "schedule": self.schedule, "scope": self.scope}


def step(layer: str, ratio: float, cure: Cure) -> Action:
    """Cut one layer."""
    options = {"ratio": ratio, **cure.options}
    return Action(WORDS["step"].format(layer=layer), _line("step", [layer], options),
                  lambda lab: lab.step(layer, **options))


def run(course: Course, cure: Cure) -> Action:
    """Cut all layers in several steps."""
    options = {**course.options, **cure.options}
    return Action(WORDS["run"], _line("run", [], options), lambda lab: lab.run(**options))


def in_place(masking: Masking, cure: Cure) -> Action:
    """Mask weights in their place, by the weights that the state has from which it begins."""
    options = {**masking.options, **cure.options}
    several = {"layers": masking.layers} if isinstance(masking.layers, Mapping) else {}
    line = _line("step", [masking.layers] if isinstance(masking.layers, str) else [], {**several, **options})
    if masking.start is not None:  # two magics are no line
        told = ([] if masking.layers is None else [repr(masking.layers)]) + [f"{k}={v!r}" for k, v in options.items()]
        line = f"lab.goto({masking.start!r}); lab.step({', '.join(told)})"

    def call(lab: Lab) -> Any:
        if masking.start is not None:
            lab.goto(masking.start)
        return lab.step(masking.layers, **options)

    return Action(WORDS["mask"].format(granularity=masking.granularity), line, call)


def back() -> Action:
    """Go to where the current state came from."""
    return Action(WORDS["back"], _line("back", [], {}), lambda lab: lab.back())


def goto(state: str) -> Action:
    """Go to a state."""
    return Action(WORDS["goto"].format(state=state), _line("goto", [state], {}), lambda lab: lab.goto(state))


def branch(name: str) -> Action:
    """Begin a branch at the current state."""
    return Action(WORDS["branch"].format(name=name), _line("branch", [name], {}), lambda lab: lab.branch(name))


def tag(name: str, state: str | None = None) -> Action:
    """Name a state, the current one without any."""
    return Action(WORDS["tag"].format(name=name), _line("tag", [name, *filter(None, [state])], {}),
                  lambda lab: lab.tag(name, state))


def compare(a: str, b: str | None = None) -> Action:
    """Two states side by side; the current one without a second."""
    return Action(WORDS["compare"].format(state=a), _line("compare", [a, *filter(None, [b])], {}),
                  lambda lab: lab.compare(a, b))


def search(sampler: str, objectives: Sequence[str], trials: int, constraints: Sequence[str] = ()) -> Action:
    """Try plans from the current state on, those within ``constraints``."""
    options: dict[str, Any] = {"sampler": sampler, "objectives": tuple(objectives), "trials": trials}
    more = "".join(f" --constraint {shlex.quote(constraint)}" for constraint in constraints)
    within: dict[str, Any] = {"constraints": tuple(constraints)} if constraints else {}
    return Action(WORDS["search"], _line("search", [], options) + more, lambda lab: lab.search(**options, **within))


def adopt(number: int) -> Action:
    """Take a trial of the last search."""
    def call(lab: Lab) -> Any:
        if lab.study is None:
            raise OptionError("there is no search whose trial could be adopted; search first: lab.search()")
        return lab.adopt(lab.study[number])

    return Action(WORDS["adopt"].format(number=number), f"lab.adopt(lab.study[{number}])", call)


def measure(metric: str | None, criterion: str | None, every: float, within: float | None) -> Action:
    """Measure what each layer bears, at ratios ``every`` so far apart, each number ``within`` so many points."""
    options: dict[str, Any] = {"metric": metric, "criterion": criterion, "confidence": within}
    options = {name: value for name, value in options.items() if value is not None}
    ratios = spread(every)
    line = _line("sensitivity", [], {"ratios": f"{every:g}:{ratios[-1]:g}:{every:g}", **options})
    return Action(WORDS["measure"], line, lambda lab: lab.sensitivity(ratios=ratios, **options))


def spread(every: float) -> tuple[float, ...]:
    """The ratios between 0 and 1 that are multiples of ``every``."""
    return tuple(round(k * every, 6) for k in range(1, math.ceil(1 / every - 1e-9)))


def cut_several(ratios: Mapping[str, float], cure: Cure) -> Action:
    """Cut several layers in one step, each to its ratio."""
    layers = dict(ratios)
    return Action(WORDS["step several"].format(layers=counted(len(layers), "layer")),
                  _line("step", [], {"layers": layers, **cure.options}), lambda lab: lab.step(layers, **cure.options))


def latency() -> Action:
    """Measure how fast the model is, and would be."""
    return Action(WORDS["latency"], _line("latency", [], {}), lambda lab: lab.latency())


def export(directory: str, formats: Sequence[str], replace: bool) -> Action:
    """Write the smaller model; ``replace`` a folder that holds something."""
    options: dict[str, Any] = {"formats": tuple(formats), **({"force": True} if replace else {})}
    return Action(WORDS["export"].format(formats=", ".join(formats)), _line("export", [directory], options),
                  lambda lab: lab.export(directory, **options))


def _line(name: str, words: Sequence[str], options: dict[str, Any]) -> str:
    switches = {True: "--", False: "--no-"}
    if not isinstance(options.get("repair", True), bool):
        options = {"repair-steps" if name == "repair" else name: value for name, value in options.items()}
    told = [f"{switches[value]}{name}" if isinstance(value, bool) else f"--{name} {_word(value)}"
            for name, value in options.items()]
    return " ".join(["%prune", name, *map(shlex.quote, words), *told])


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        return shlex.quote(",".join(f"{name}={ratio:g}" for name, ratio in value.items()))
    return ",".join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)
