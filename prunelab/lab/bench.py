"""The bench: one model and its history, changed by whole states only.

Whatever is done to the model inside `atomic` either ends in a recorded state or is undone: parameters, buffers, random
states. The store decides which: a state whose `Store.add` returned exists, and nothing else does.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import paddle

from prunelab.errors import PlanError, StateError, WorkspaceError, unknown_name
from prunelab.graph import Graph, trace
from prunelab.lab.randomness import RandomState
from prunelab.lab.snapshot import LiveBits, Snapshot, tensors_of
from prunelab.lab.state import State
from prunelab.lab.store import Entry, Store
from prunelab.plan import Plan

Seeded = tuple[int, Mapping[str, Any]]  # a seed, and the random states right after it was set


class Bench:
    """A traced model, the store of its history, and the current state."""

    def __init__(self, graph: Graph, store: Store) -> None:
        self.graph, self.store = graph, store
        self.live = LiveBits(lambda: tensors_of(graph))
        self.states: dict[str, State] = {}
        self._current = ""
        self.branch = "main"
        self._clean = True

    # opening

    def reopen(self) -> bool:
        """Go on with what the store holds; False where it holds nothing.

        Raises:
            WorkspaceError: a workspace of another model, with the differences.
        """
        identity = self.store.identity()
        if identity is None:
            return False
        try:
            self.graph.check(Plan.from_json(identity["plan"], place=f"the workspace {self.store.name}"))
        except PlanError as error:
            raise WorkspaceError(f"the workspace {self.store.name} holds the history of another model: {error}; "
                                 "open it with that model, or choose another folder") from error
        self._read_states()
        self._restore()
        return True

    def _read_states(self) -> None:
        for facts in self.store.states():
            if facts["id"] not in self.states:
                self.states[facts["id"]] = State.from_json(facts, self._plan_reader(facts["id"]))
        self._current, self.branch = self.store.current()

    def _plan_reader(self, state: str) -> Any:
        return lambda: Plan.from_json(self.store.plan(state), place=f"the plan of {state}")

    # the tree

    @property
    def state(self) -> State:
        """The current state."""
        return self.states[self._current]

    def find(self, state: str | State) -> State:
        """The state of that id.

        Raises:
            StateError: there is none; the nearest id is in the message.
        """
        name = state.id if isinstance(state, State) else str(state)
        if name not in self.states:
            raise StateError(str(unknown_name("state", name, self.states, place="the history")))
        return self.states[name]

    def path(self, state: State) -> list[State]:
        """The states from the dense one to ``state``."""
        found = [state]
        while found[-1].parent is not None:
            found.append(self.states[found[-1].parent])
        return found[::-1]

    # changing

    @contextlib.contextmanager
    def atomic(self) -> Iterator[None]:
        """Whatever is raised inside leaves the model in the state that the store calls current."""
        if not self._clean:  # an earlier undoing was itself interrupted
            self._restore()
        self._clean = False
        try:
            yield
        except BaseException:
            if self._current or self.store.current()[0]:
                self._read_states()
                self._restore()
            raise
        self._clean = True

    def record(self, draft: State, plan: Plan, seeded: Seeded, identity: Mapping[str, Any] | None = None) -> State:
        """Record the model as it is, as a state under the current one (its id is given here)."""
        state = replace(draft, id=f"s{self.store.next_number()}", branch=self.branch, _read_plan=lambda: plan)
        digests, fresh = self.live.record()
        bits = Snapshot(digests, RandomState.now(seeded))
        self.store.add(Entry(facts=state.to_json(), plan=plan.to_json(), bits=bits, fresh=fresh, identity=identity))
        self.states[state.id] = state
        self._current = state.id
        return state

    def go(self, state: State) -> None:
        """Put the model into that state, bit for bit, and make it the current one; to be called in `atomic`."""
        self._put(state.id)
        self.store.move(state.id, state.branch)
        self._current, self.branch = state.id, state.branch

    def _restore(self) -> None:
        self._put(self._current)
        self._clean = True

    def _put(self, state: str) -> None:
        snapshot = self._bits(state)
        self.live.restore(snapshot.tensors, self.store.get)
        snapshot.random.restore()

    def _bits(self, state: str) -> Snapshot:
        found = self.store.snapshot(state)
        if found is None:
            raise StateError(f"the weights of {state} were let go by prune_history; lab.replay('{state}') makes them "
                             "again on a fresh Lab")
        return found

    # reading states

    def copy_of(self, state: State) -> Any:
        """A model of its own, as it was in that state."""
        graph = trace(copy.deepcopy(self.graph.model), list(self.graph.input_specs))
        LiveBits(lambda: tensors_of(graph)).restore(self._bits(state.id).tensors, self.store.get)
        return graph.model

    def recorded(self, group: str, state: State | None = None) -> Graph:
        """A graph that holds the recorded weights that make a group's units: of the current state, or another one."""
        digests = None if state is None else self._bits(state.id).tensors
        held = {}
        for member in self.graph.group(group).members:
            parameter = self.graph.structure.parameters[member.parameter]
            array = self.live.known(parameter.name) if digests is None else self.store.get(digests[parameter.name])
            dtype = self.graph.tensor(parameter.name).dtype
            held[parameter.value] = paddle.to_tensor(array, dtype=dtype, place=paddle.CPUPlace())
        return Graph(self.graph.model, self.graph.structure, held)
