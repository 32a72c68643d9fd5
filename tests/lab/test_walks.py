"""Random walks through a history: wherever one goes, everything is to the last bit what it was, hashes say."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from lab_nets import batched, bits, data, everything, lab, net, random_bits

import prunelab as pl
from prunelab import errors

LAYERS = st.sampled_from(["0", "3"])
FRACTION = st.floats(0, 1, exclude_max=True)


def whole(opened: pl.Lab) -> str:
    """The hash of everything, and what an optimizer has gathered."""
    gathered = opened._bench.gathered()
    told = hashlib.sha256(everything(opened).encode())
    for name in sorted(gathered):
        told.update(name.encode() + gathered[name].tobytes())
    return told.hexdigest()


class Walk(RuleBasedStateMachine):
    """``hashes``: of every state, taken when it was made. ``forgotten``: states without weights."""

    @initialize(on_disk=st.booleans(), keep=st.booleans(), seed=st.integers(0, 3))
    def open(self, on_disk: bool, keep: bool, seed: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.on_disk = on_disk
        self.keep = keep
        self.lab = lab(workspace=self.folder / "run" if on_disk else None, seed=seed, keep_optimizer=keep)
        self.lab.on_progress.append(lambda progress: None)
        self.hashes = {"s0": whole(self.lab)}
        self.without_weights: set[str] = set()
        self.names: dict[str, str] = {}
        self.n_branches = 0

    def teardown(self) -> None:
        if hasattr(self, "lab"):
            if self.on_disk:
                assert pl.doctor(self.folder / "run").ok
            self.lab.close()
            shutil.rmtree(self.folder)

    @invariant()
    def everything_is_as_it_was(self) -> None:
        if hasattr(self, "lab"):
            assert whole(self.lab) == self.hashes[self.lab.state.id]
            assert [s.id for s in self.lab.states] == sorted(self.hashes, key=lambda name: int(name[1:]))

    def _made(self) -> None:
        self.hashes[self.lab.state.id] = whole(self.lab)

    def _ratio(self, layer: str) -> float:
        return (len(self.lab.plan.removed(layer)) + 1.001) / self.lab.graph.group(layer).units

    @rule(layer=LAYERS, epochs=st.integers(0, 1), criterion=st.sampled_from(["l1_weight", "random"]))
    def step(self, layer: str, epochs: int, criterion: str) -> None:
        if self._ratio(layer) < 0.9:
            self.lab.step(layer, ratio=self._ratio(layer), finetune=epochs, criterion=criterion)
            self._made()

    @rule(layer=LAYERS)
    def step_twice(self, layer: str) -> None:
        """From one state the same step gives the same bits."""
        if self._ratio(layer) < 0.9:
            here, ratio = self.lab.state, self._ratio(layer)
            contents = []
            for _ in range(2):
                self.lab.goto(here)
                state = self.lab.step(layer, ratio=ratio, finetune=1, criterion="random")
                self._made()
                contents.append((state.metrics, state.plan, self.lab._bench._bits(state.id).tensors))
            assert contents[0] == contents[1]

    @rule()
    def finetune(self) -> None:
        self.lab.finetune(1)
        self._made()

    @rule(layer=LAYERS)
    def adopt(self, layer: str) -> None:
        if layer not in [g.name for g in self.lab.plan.groups if g.n_removed]:
            path = {state.id for state in self.lab.path()}
            if not path & self.without_weights:
                self.lab.adopt({layer: [1, 2]})
                self._made()

    @rule(seed=st.integers(0, 1))
    def search(self, seed: int) -> None:
        """Which leaves the bits as they are, and is gone on with where it was done before."""
        before, n = (bits(self.lab.model), random_bits()), len(self.lab.states)
        self.lab.search(sampler="random", trials=2, seed=seed)
        assert (bits(self.lab.model), random_bits()) == before
        if len(self.lab.states) > n:
            self._made()

    @rule(layer=LAYERS)
    def fail(self, layer: str) -> None:
        with pytest.raises(errors.UnknownNameError):
            self.lab.step(layer, ratio=0.95, criterion="none")

    @rule()
    def back(self) -> None:
        parent = self.lab.state.parent
        if parent is not None and parent not in self.without_weights:
            self.lab.back()

    @rule(where=FRACTION)
    def goto(self, where: float) -> None:
        there = sorted(self.hashes.keys() - self.without_weights)
        self.lab.goto(there[int(where * len(there))])

    @rule(name=st.sampled_from(["a", "b"]))
    def tag(self, name: str) -> None:
        self.lab.tag(name, move=True)
        self.names[name] = self.lab.state.id

    @precondition(lambda self: self.names)
    @rule(where=FRACTION)
    def goto_tag(self, where: float) -> None:
        name = sorted(self.names)[int(where * len(self.names))]
        assert self.lab.goto(name).id == self.names[name]

    @rule()
    def branch(self) -> None:
        self.n_branches += 1  # and not how many there are: thinning out forgets some
        self.lab.branch(f"b{self.n_branches}")

    @precondition(lambda self: self.on_disk)
    @rule()
    def reopen(self) -> None:
        here, states = self.lab.state, self.lab.states
        self.lab.close()
        self.lab = pl.Lab(net(), train=batched(), val=data(12, 1), workspace=self.folder / "run",
                          keep_optimizer=self.keep)
        assert self.lab.state == here
        assert self.lab.states == states

    @rule(n=st.integers(1, 4))
    def thin_out(self, n: int) -> None:
        told = self.lab.prune_history(keep=n)
        for name in told.forgotten:
            del self.hashes[name]
        self.without_weights = (self.without_weights - set(told.forgotten)) | set(told.let_go)
        self.lab.vacuum()

    @rule()
    def compare(self) -> None:
        self.lab.compare("s0")


Walk.TestCase.settings = settings(max_examples=8, stateful_step_count=12)
TestWalk = Walk.TestCase


class LongWalk(Walk):
    """The same, longer and more often."""


LongWalk.TestCase.settings = settings(max_examples=300, stateful_step_count=40)
TestLongWalk = pytest.mark.slow(LongWalk.TestCase)
