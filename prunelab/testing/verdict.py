"""`check_model`: all laws on a model of one's own, with a verdict instead of a traceback."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from prunelab.errors import PrunelabError
from prunelab.graph import Graph, as_layer, trace
from prunelab.graph.model_copy import copy_of
from prunelab.render.numbers import count, percent
from prunelab.render.table import html_table
from prunelab.testing import laws


@dataclass(frozen=True)
class Finding:
    """One law: whether it holds, and what was seen. ``holds`` is None for what could not be tried."""

    law: str
    holds: bool | None
    seen: str

    def __str__(self) -> str:
        return f"{ {True: 'holds', False: 'FAILS', None: '  -  '}[self.holds]}  {self.law}: {self.seen}"


@dataclass(frozen=True)
class Verdict:
    """What the laws said of one model; true where none failed."""

    model: str
    findings: tuple[Finding, ...]
    frozen: tuple[str, ...] = field(default=())

    def __bool__(self) -> bool:
        return not any(f.holds is False for f in self.findings)

    @property
    def says(self) -> str:
        """The verdict in a line."""
        failed = [f.law for f in self.findings if f.holds is False]
        return f"{self.model} can be pruned" if not failed else f"{self.model} fails: {', '.join(failed)}"

    def __str__(self) -> str:
        lines = [self.says, *(f"  {f}" for f in self.findings)]
        return "\n".join([*lines, *(f"  frozen  {text}" for text in self.frozen)])

    def __repr__(self) -> str:
        return f"<Verdict: {self.says}>"

    def _repr_html_(self) -> str:
        rows = [[f.law, {True: "holds", False: "fails", None: "not tried"}[f.holds], f.seen] for f in self.findings]
        frozen = "".join(f"<div>frozen: {html.escape(text)}</div>" for text in self.frozen)
        return html_table(["law", "", "seen"], rows, caption=self.says) + frozen


def check_model(model: Any, inputs: Any, *, seed: int = 0, say: bool = True) -> Verdict:
    """Try prunelab's laws on a model, half of every group cut at random; prints the verdict and gives it back.

    Works on a copy whose gains, biases and statistics are stirred (fresh ones would hide a wrong cut); the model is
    left as it is. A law that fails is a mistake of prunelab's, or of a rule that was registered: please report it.

    Args:
        model: an ``nn.Layer`` or a ``paddle.Model``.
        inputs: as for `prunelab.trace`.
        seed: of the random half.
        say: print the verdict; without it, it is only given back.
    """
    layer = as_layer(model)
    verdict = _judge(copy_of(layer), type(layer).__name__, inputs, seed)
    if say:
        sys.stdout.write(f"{verdict}\n")
    return verdict


def _judge(model: Any, name: str, inputs: Any, seed: int) -> Verdict:
    laws.stir(model, seed)
    model.eval()
    before = laws.bits(model)
    try:
        graph = trace(model, inputs)
    except PrunelabError as error:
        return Verdict(name, (Finding("it can be read", False, str(error)),))
    told = f"{len(graph.program.ops)} operators, {len(graph.prunable)} of {len(graph.groups)} groups prunable"
    findings = [Finding("it can be read", True, told),
                _try("reading leaves the model as it was", lambda: _same(model, before)),
                _try("the graph computes what the model does", lambda: laws.check_runs(graph)),
                _gradients(graph)]
    findings += _cut(graph, seed)
    frozen = tuple(f"{g.name}: {g.reason}" for g in graph.groups if not g.prunable)
    return Verdict(name, tuple(findings), frozen)


def _cut(graph: Graph, seed: int) -> list[Finding]:
    if not graph.prunable:
        return [Finding("a cut is exact", None, "no group is prunable")]
    plan = laws.half_of_every_group(graph, seed)
    found: list[Any] = []

    def exact() -> str:
        found.append(laws.check_exact(graph, plan))
        laws.check_exact(graph, plan, form="graph")
        cost, dense = graph.cost(plan), graph.cost()
        gone = percent(1 - cost.params / dense.params)
        return f"{count(dense.params)} → {count(cost.params)} params, {gone} gone, as a {type(found[0]).__name__}"

    findings = [_try("a cut is exact", exact)]
    if found:
        findings += [
            _try("the plan's cost is the smaller model's", lambda: laws.check_cost(graph, plan, found[0])),
            _try("the smaller model trains, saves, loads, is cut again",
                 lambda: laws.check_lives(graph, plan, found[0]))]
    return findings


def _gradients(graph: Graph) -> Finding:
    law = "the graph has the model's gradients"
    lacks = laws.without_backward(graph, training=False)
    if lacks:
        return Finding(law, None, lacks)
    found = _try(law, lambda: laws.check_gradients(graph))
    own = "" if found.holds else laws.own_backward_fails(graph, training=False)
    return Finding(law, None, own) if own else found


def _same(model: Any, before: str) -> None:
    assert laws.bits(model) == before, "parameters, modes or attributes changed"


def _try(law: str, check: Callable[[], object]) -> Finding:
    """A law that raises anything at all does not hold: what is judged is code of ours and of a stranger's."""
    try:
        said = check()
    except Exception as error:
        return Finding(law, False, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    return Finding(law, True, said if isinstance(said, str) else "yes")
