"""A report's sentences and rows of numbers, the same in every form."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from prunelab.criteria import CRITERIA
from prunelab.errors import StateError
from prunelab.lab.replaying import Line
from prunelab.lab.report.content import Content
from prunelab.lab.state import State, metric_text
from prunelab.render.numbers import change, count, counted, milliseconds, percent, seconds, signed, size

WORDS = (
    ("unit", "the smallest piece that can go: a channel of a convolution, a head of an attention, a neuron"),
    ("layer", ("what loses units together: a convolution's outputs, its batch norm, the inputs of what reads it, and "
               "all that a residual sum ties to them")),
    ("MACs", "multiply-accumulates for one sample; FLOPs are twice as many"),
    ("state", "the model after a step: every one is kept and can be gone back to"),
    ("dense", "the model before its first cut"),
)


def summary(content: Content) -> str:
    """What came of it, in two sentences."""
    now, dense = content.state, content.uncut
    if not now.plan:
        return (f"{content.model} has not been cut yet: {counted(now.cost.params, 'parameter')}, "
                f"{count(now.cost.macs)} MACs.")
    first = _cut(content)
    name = next((n for n in now.metrics if n in dense.metrics), None)
    if name is None:
        return f"{first} Nothing was measured on validation data."
    moved = _moved(name, now.metrics[name], dense.metrics[name])
    return (f"{first} On validation data its {name} is {metric_text(name, now.metrics[name])}, and was "
            f"{metric_text(name, dense.metrics[name])} before the first cut ({moved}).")


def _cut(content: Content) -> str:
    """What was cut, or set to zero in its place, or both."""
    now, dense = content.state.cost, content.uncut.cost
    masked = _masked(content)
    if masked and (now.params, now.macs) == (dense.params, dense.macs):
        return (f"{content.model} has {masked}. They stay in their place: its {count(now.params)} parameters and "
                f"{count(now.macs)} multiply-accumulates a sample are counted as before.")
    cut = (f"{content.model} was cut from {count(dense.params)} to {count(now.params)} parameters "
           f"({change(now.params, dense.params)}) and from {count(dense.macs)} to {count(now.macs)} "
           f"multiply-accumulates a sample ({change(now.macs, dense.macs)}).")
    return f"{cut} It has {masked}, which stay in their place and are counted." if masked else cut


def _masked(content: Content) -> str:
    if not content.patterns:
        return ""
    left = sum(int(p.kept.sum()) for p in content.patterns)
    of = sum(p.kept.size for p in content.patterns)
    return f"{percent(1 - left / of)} of the numbers in {counted(len(content.patterns), 'weight')} set to zero"


def _moved(name: str, now: float, before: float) -> str:
    if name == "accuracy":
        return signed(f"{100 * (now - before):+.1f} points") if round(1000 * (now - before)) else "no change"
    return change(now, before, 1) or "no change"


def how(content: Content) -> list[str]:
    """How it was done, in sentences."""
    lines = [line for state in content.path[1:] if (line := _line(state)) is not None]
    cuts = [line for line in lines if line.method != "finetune"]
    searches = [f"From {state.parent} plans were searched for: {state.label.partition(': ')[2]}."
                for state in content.path if state.searched]
    if not cuts:
        return [*searches, "No step has been taken."]
    told = [f"{_n(len(cuts))} took units away, and {_n(len(lines) - len(cuts), 'only trained', 'only trained')}."
            if len(cuts) < len(lines) else f"{_n(len(cuts))} took units away."]
    names = list(dict.fromkeys(str(line.kwargs["criterion"]) for line in cuts if "criterion" in line.kwargs))
    told += [f"Which ones went was decided by {name}: {_criterion(name)}" for name in names]
    repaired = sum(bool(line.kwargs.get("repair")) for line in cuts)
    if repaired:
        told.append(f"After {_of(repaired, len(cuts))} the weights that stay were re-solved by least squares, so that "
                    "each layer gives what it gave in the dense model as nearly as it can; this needs no labels.")
    before, after = _epochs(lines[:lines.index(cuts[0])]), _epochs(lines[lines.index(cuts[0]):])
    if before:
        told.append(f"Before the first cut the model was trained for {counted(before, 'epoch')}.")
    told.append(f"Between and after the cuts it was trained for {counted(after, 'epoch')} in all." if after
                else "The model was not trained after a cut.")
    took = sum(state.duration_s for state in content.path)
    return [*searches, *told[:-1], f"{told[-1]} All of it took {seconds(took)}."]


def _epochs(lines: Sequence[Line]) -> int:
    """How long these steps trained: on their own, or after a cut."""
    return sum(int(line.args[0]) if line.method == "finetune" else int(line.kwargs.get("finetune", 0))
               for line in lines)


def _n(n: int, one: str = "step", many: str = "steps") -> str:
    return f"{n} {one if n == 1 else many}"


def _of(n: int, total: int) -> str:
    return "each cut" if n == total else f"{n} of {total} cuts"


def _line(state: State) -> Line | None:
    try:
        return Line.parse(state.action, state.id)
    except StateError:  # of a later version
        return None


def _criterion(name: str) -> str:
    """What a criterion is, from its own docstring; of one that is no longer known its name alone."""
    made = CRITERIA.get(name)
    text = inspect.getdoc(made if inspect.isclass(made) else type(made)) if made is not None else None
    if not text:
        return "a criterion of its own."
    formula, _, rest = text.partition("\n\n")
    paper = next((part for part in rest.split("\n\n") if "arXiv" in part), "")
    end = paper.find(". ", paper.find("arXiv"))  # what follows is about options
    paper = paper[:end + 1] if end >= 0 else paper
    return " ".join(f"{formula.replace('``', '')} {paper}".split())


def beside(content: Content) -> list[tuple[str, str, str, str]]:
    """Rows of name, dense, now, change: metrics, cost, latency."""
    now, dense = content.state, content.uncut
    rows = [(name, *_metric(name, dense.metrics.get(name), value)) for name, value in now.metrics.items()]
    for name, told, old, new in (("parameters", _whole, dense.cost.params, now.cost.params),
                                 ("MACs a sample", _whole, dense.cost.macs, now.cost.macs),
                                 ("size", size, dense.cost.bytes, now.cost.bytes)):
        rows.append((name, told(old), told(new), change(new, old)))
    rows.append(("units", _whole(sum(g.units for g in now.plan.groups)),
                 _whole(sum(g.units - g.n_removed for g in now.plan.groups)), signed(f"{-100 * now.sparsity:.0f} %")))
    if content.measured.latency is not None:
        old_time, new_time = content.measured.latency
        rows.append(("latency", milliseconds(old_time.median_ms), milliseconds(new_time.median_ms),
                     change(new_time.median_ms, old_time.median_ms)))
    return rows


def timed(content: Content) -> str:
    """How the latency was measured; empty where it was not."""
    if content.measured.latency is None:
        return ""
    dense, pruned = content.measured.latency
    spread = ", ".join(f"{name} {milliseconds(t.p10_ms)} to {milliseconds(t.p90_ms)}"
                       for name, t in (("dense", dense), ("pruned", pruned)))
    day = f" on {content.measured.day}" if content.measured.day else ""
    return (f"Latency: the median of {pruned.runs} calls of each, in turn, in Paddle on the machine where this run was "
            f"reported{day}; the 10th to 90th percentile: {spread}. Exported files are timed in their own manifest.")


def unmeasured(content: Content) -> str:
    """What is not told, and how to have it told; empty where nothing is missing."""
    if content.measured.day:
        return ""
    where = Path(content.workspace).name if content.workspace else ""
    line = f"; prunelab report {where} run.html does, where the workspace keeps its recipe" if where else ""
    return ("Latency, the classes that changed and the data are not told: this report was written from the record "
            f"alone, without the model. lab.report('run.html') measures them{line}.")


def _metric(name: str, before: float | None, now: float) -> tuple[str, str, str]:
    if before is None:
        return "–", metric_text(name, now), ""
    return metric_text(name, before), metric_text(name, now), _moved(name, now, before)


def _whole(n: float) -> str:
    return f"{int(n):,}"


def step_row(state: State, metrics: Sequence[str]) -> list[tuple[str, float | None]]:
    """A state's cells, text and number: id, label, metrics, params, MACs, units gone, how long it took."""
    told: list[tuple[str, float | None]] = [(state.id, None), (state.label, None)]
    for name in metrics:
        value = state.metrics.get(name)
        told.append(("–", None) if value is None else (metric_text(name, value), value))
    return [*told, (count(state.cost.params), state.cost.params), (count(state.cost.macs), state.cost.macs),
            (percent(state.sparsity, 0), state.sparsity), (seconds(state.duration_s), state.duration_s)]


def step_headers(metrics: Sequence[str]) -> list[str]:
    """Of `step_row`."""
    return ["state", "what was done", *metrics, "params", "MACs", "units gone", "took"]


def made_with(content: Content) -> list[tuple[str, str]]:
    """Versions, device, threads, seed, dates, data."""
    now = content.state
    # Paddle says "Place(gpu:0)"
    facts = {_NAMES.get(name, name): re.sub(r"Place\((.*)\)", r"\1", str(value))
             for name, value in now.versions.items()}
    facts["seed"] = str(content.path[0].seed)
    facts["made"] = f"{_day(content.path[0])} to {_day(now)} (UTC)"
    facts.update(content.measured.data or {})
    if content.workspace:
        # its name alone: where somebody keeps it is no part of what is told to others
        facts["history"] = f"{counted(len(content.states), 'state')} in {Path(content.workspace).name}"
    other = _other_versions(content.path)
    return [*facts.items(), *([("not all alike", other)] if other else [])]


_NAMES = {"paddle": "PaddlePaddle", "numpy": "NumPy", "python": "Python"}


def _day(state: State) -> str:
    return state.created[:16].replace("T", " ")


def _other_versions(path: Sequence[State]) -> str:
    """What differs among the states: a history may be gone on with elsewhere."""
    last: Mapping[str, object] = path[-1].versions
    found = {f"{state.id} with {key} {value}" for state in path for key, value in state.versions.items()
             if last.get(key) != value}
    return ", ".join(sorted(found)[:6])
