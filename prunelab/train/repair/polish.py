"""The global form: whole blocks, and at last the whole network, brought near by a few steps of Adam.

Least squares solves one operator after the other and sees no activation behind it. A block, from one place where a
single value carries everything to the next, is trained on its output in the dense network, given what the smaller
network feeds it: block reconstruction, as Li, Gong, Tan, Yang, Hu, Zhang, Yu, Wang, Gu: BRECQ, 2021 (arXiv:2102.05426)
does for quantization. No labels are needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from prunelab.graph import Graph
from prunelab.graph.widths import Kept
from prunelab.train.repair.report import RepairedLayer
from prunelab.train.repair.sites import Site
from prunelab.train.repair.solver import kept_part
from prunelab.train.repair.walk import Network, Walk

# A part's inputs, what its block starts from by value id, and what the dense network makes of it
Batch = tuple[tuple[Any, ...], Mapping[int, Any], list[Any]]
# The samples held out are looked at so many times; the best weights are kept.
LOOKS = 4
# A block that no step made better is tried once more with a learning rate so many times lower: near its best, as least
# squares leaves what reads a recurrent layer, Adam's first steps go too far.
_LOWER = 10


@dataclass(frozen=True)
class Block:
    """The operators from ``start`` on that lead to the values ``ends``."""

    start: int
    ends: tuple[int, ...]
    label: str


def find_blocks(small: Network, sites: Sequence[Site]) -> tuple[Block, ...]:
    """The blocks with something in them that is solved, in order, and the whole network after them."""
    program = small.executor.program
    places = [s.op.index for s in sites if s.weighted is not None]
    outputs = tuple(v for v in program.output_values if "float" in program.dtypes[v])
    if not places or not outputs:
        return ()
    narrow, found, start = dict(_narrow(small)), [], 0
    for k, place in enumerate(places):
        later = places[k + 1] if k + 1 < len(places) else len(program.ops)
        between = [p for p in narrow if place < p <= later]
        if between and k + 1 < len(places):
            inside = [s.layer for s in sites if start <= s.op.index < max(between)]
            found.append(Block(start, (narrow[max(between)],), _label(inside)))
            start = max(between)
    found.append(Block(start, outputs, _label([s.layer for s in sites if s.op.index >= start])))
    return (*found, Block(0, outputs, "the whole network")) if len(found) > 1 else tuple(found)


def _label(layers: Sequence[str]) -> str:
    return layers[0] if layers[0] == layers[-1] else f"{layers[0]} – {layers[-1]}"


def _narrow(small: Network) -> Iterator[tuple[int, int]]:
    """The places that one tensor alone crosses, each with that value."""
    program = small.executor.program
    made = {v for call in small.calls for v in call.outputs} | set(program.inputs)
    last = dict.fromkeys((v for v in program.output_values if v in made), len(program.ops))
    for call in small.calls:
        last.update({v: max(call.index, last.get(v, -1)) for _, v, _ in call.tensors if v in made})
    alive = {v for v in program.inputs if v in last}
    for call in small.calls:
        alive = {v for v in (*alive, *call.outputs) if last.get(v, -1) > call.index}
        value = next(iter(alive), -1)
        if len(alive) == 1 and value not in program.inputs and "float" in program.dtypes[value] and (
                program.shapes[value] is not None):
            yield call.index + 1, value


class Polish:
    """Trains one block after the other. ``stays``: by value id, a weight's shape in bool, where weights are masked."""

    def __init__(self, graph: Graph, kept: Kept, walk: Walk, network: Network, stays: Mapping[int, Any], steps: int,
                 lr: float, rng: np.random.Generator) -> None:
        self.graph, self.kept, self.walk, self.network = graph, kept, walk, network
        self.stays, self.steps, self.lr, self.rng = stays, steps, lr, rng
        self.trainable = {p.value for p in graph.program.parameters if p.trainable and "float" in p.dtype}

    def block(self, block: Block) -> RepairedLayer | None:
        """Train a block and put its tensors into the walk's smaller network, if they are any better."""
        fit: list[Batch] = []
        held_out: list[Batch] = []
        for part, targets, _ in self.walk.visit(block.start, block.ends, []):
            aims = [kept_part(self.graph, self.kept, v, t) for v, t in zip(block.ends, targets, strict=True)]
            if part.place == block.start:  # what is read anew at every place is not carried along for long either
                (held_out if part.held_out else fit).append((part.inputs, dict(part.small), aims))
        if not fit:
            return None
        held = self.walk.small.held
        names = self._parameters(block)
        before = {v: held[v] for v in names}
        judge = held_out or fit
        scale = [max(float(np.mean([_variance(aims[k]) for _, _, aims in judge])), 1e-30)
                 for k in range(len(block.ends))]
        first = self._missed(block, judge, scale)
        for lr in (self.lr, self.lr / _LOWER):
            best, found = self._train(block, names, fit, judge, scale, first, lr)
            held.update(before if found is None else found)
            if found is not None:
                break
        rows = sum(aims[0].shape[0] for _, _, aims in (*fit, *held_out))
        return RepairedLayer(block.label, f"{self.steps} steps", first, best, 0.0, rows, 0, len(names),
                             len(names) if found is None else 0)

    def _parameters(self, block: Block) -> list[int]:
        """The trainable tensors that a block reads."""
        wanted, found = set(block.ends), set[int]()
        for call in reversed(self.network.calls):
            if call.index >= block.start and any(v in wanted for v in call.outputs):
                read = {v for _, v, _ in call.tensors}
                found |= read & self.trainable
                wanted |= read
        return sorted(found)

    def _train(self, block: Block, names: Sequence[int], fit: Sequence[Batch], judge: Sequence[Batch],
               scale: Sequence[float], best: float, lr: float) -> tuple[float, dict[int, Any] | None]:
        held, found = self.walk.small.held, None
        own = {v: _parameter(held[v]) for v in names}
        rate = paddle.optimizer.lr.CosineAnnealingDecay(lr, self.steps)
        adam = paddle.optimizer.Adam(rate, parameters=list(own.values()))
        held.update(own)
        for step in range(1, self.steps + 1):
            with paddle.enable_grad():
                self._loss(block, fit[int(self.rng.integers(len(fit)))], scale).backward()
            adam.step()
            adam.clear_grad()
            rate.step()
            self._mask(own)
            self.walk.passed()
            if step % max(1, self.steps // LOOKS) == 0:
                missed = self._missed(block, judge, scale)
                if missed < best:
                    best, found = missed, {v: t.detach().clone() for v, t in own.items()}
        return best, found

    def _mask(self, own: Mapping[int, Any]) -> None:
        for value, stays in self.stays.items():
            if value in own:
                paddle.assign(paddle.where(stays, own[value], paddle.zeros_like(own[value])), output=own[value])

    def _loss(self, block: Block, batch: Batch, scale: Sequence[float]) -> Any:
        inputs, given, aims = batch
        self.network.held = self.walk.small.held
        outputs = self.network.run(inputs, given, block.ends)
        return sum((((a - t) ** 2).mean() / s for a, t, s in zip(outputs, aims, scale, strict=True)), 0.0) / len(aims)

    def _missed(self, block: Block, batches: Sequence[Batch], scale: Sequence[float]) -> float:
        sizes = [int(aims[0].shape[0]) if aims[0].ndim else 1 for _, _, aims in batches]
        with paddle.no_grad():
            return float(np.average([float(self._loss(block, b, scale).item()) for b in batches], weights=sizes))


def _variance(tensor: Any) -> float:
    # Paddle's own var() warns of a promotion from float32 to float64 inside it
    return float((tensor - tensor.mean()).square().mean().item())


def _parameter(tensor: Any) -> Any:
    made = paddle.base.framework.EagerParamBase.from_tensor(tensor.detach().clone())
    made.stop_gradient = False
    return made
