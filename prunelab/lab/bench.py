"""The bench: one model and its history, changed by whole states only.

Whatever is done to the model between `begin` and `end` either ends in a recorded state or is undone: parameters,
buffers, random states. The store decides which: a state whose `Store.add` returned exists, and nothing else does.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import paddle

from prunelab.errors import StateError, WorkspaceError
from prunelab.graph import Graph, trace
from prunelab.graph.model_copy import copy_of
from prunelab.lab.gathered import is_gathered
from prunelab.lab.nodes import Nodes
from prunelab.lab.randomness import RandomState
from prunelab.lab.snapshot import Array, Change, LiveBits, Snapshot, digest_of, tensors_of
from prunelab.lab.state import State
from prunelab.lab.store import Entry, Store
from prunelab.lab.store.base import Name
from prunelab.plan import Plan

Seeded = tuple[int, Mapping[str, Any]]  # a seed, and the random states right after it was set


class Bench:
    """A traced model, the store of its history, and the current state."""

    def __init__(self, graph: Graph, store: Store) -> None:
        self.graph, self.store = graph, store
        self.live = LiveBits(lambda: tensors_of(graph))
        self.nodes = Nodes(store)
        self._gathered: dict[str, str] = {}  # the digests of what an optimizer has gathered
        self._dense: tuple[str, Any] | None = None
        self._clean = True

    # opening

    def reopen(self) -> bool:
        """Go on with what the store holds; False where it holds nothing.

        Where the arrays of the current state are damaged, from the nearest state whose arrays are not, with a warning.

        Raises:
            WorkspaceError: a workspace of another model, with the differences; one that has no state left.
        """
        identity = self.store.identity()
        if identity is None:
            return False
        dense = Plan.from_json(identity["plan"], place=f"the workspace {self.store.name}")
        apart = self.graph.apart(dense)
        if apart:
            raise WorkspaceError(f"the workspace {self.store.name} holds the history of another model: {apart}; "
                                 f"open it with that model ({dense.model}), or choose another folder")
        self.nodes.read()
        try:
            self._restore()
        except WorkspaceError as error:
            self._restore_nearest(error)
        return True

    def _restore_nearest(self, why: WorkspaceError) -> None:
        """The nearest state before the current one, or the newest of the others, becomes the current one."""
        lost = self.nodes.state
        before = self.nodes.path(lost)[-2::-1]
        others = [state for state in reversed(self.nodes.states.values()) if state is not lost and state not in before]
        for state in (*before, *others):
            with contextlib.suppress(WorkspaceError, StateError):
                self.go(state, state.branch)
                self._clean = True
                warnings.warn(f"{lost.id} cannot be opened: {why}; the Lab is in {state.id}, and pl.doctor tells what "
                              "else is damaged", RuntimeWarning, stacklevel=5)
                return
        raise why

    @property
    def state(self) -> State:
        """The current state."""
        return self.nodes.state

    # changing

    def begin(self) -> None:
        """Work begins: until `end` or `undo` the model may be anything."""
        if not self._clean:  # the end of earlier work was interrupted
            self.undo()
        self._clean = False

    def end(self) -> None:
        """Work ended in a recorded state."""
        self._clean = True

    def undo(self) -> None:
        """Put the model into the state that the store calls current."""
        if self.nodes.current or self.store.current()[0]:
            self.nodes.read()
            self._restore()

    def record(self, draft: State, plan: Plan, seeded: Seeded, identity: Mapping[str, Any] | None = None,
               gathered: Mapping[str, Array] | None = None) -> State:
        """Record the model as it is, as a new state, whose id is given here.

        ``gathered`` is what an optimizer has gathered, None for what it had before.
        """
        state = self._numbered(draft, plan)
        digests, fresh = self.live.record()
        optimizer = self._gathered
        if gathered is not None:
            optimizer = {name: digest_of(array) for name, array in gathered.items()}
            fresh.update({optimizer[name]: Change(array) for name, array in gathered.items()})
        digests.update(optimizer)
        bits = Snapshot(digests, RandomState.now(seeded))
        entry = Entry(facts=_facts(state), plan=plan.to_json(), bits=bits, fresh=fresh, identity=identity)
        state = self._add(state, entry)
        self.live.recorded()
        self._gathered = optimizer
        return state

    def note(self, draft: State) -> State:
        """Record a state with the bits and the plan of the current one, which the model is left in."""
        here, plan = self.state, self.state.plan
        state = self._numbered(draft, plan)
        return self._add(state, Entry(facts=_facts(state), plan=plan.to_json(), bits=self._bits(here.id)))

    def _numbered(self, draft: State, plan: Plan) -> State:
        return replace(draft, id=f"s{self.store.next_number()}", branch=self.nodes.branch, _read_plan=lambda: plan)

    def _add(self, state: State, entry: Entry) -> State:
        state = replace(state, stored_bytes=self.store.add(entry))
        self.nodes.states[state.id] = state
        self.nodes.current = state.id
        return state

    def go(self, state: State, branch: str) -> None:
        """Put the model into that state, bit for bit, and make it the current one."""
        self._put(state.id)
        self.store.move(state.id, branch)
        self.nodes.current, self.nodes.branch = state.id, branch

    def visit(self, state: State) -> None:
        """Put the model into that state and stay where the history is: only between `begin` and `end`."""
        self._put(state.id)

    def name(self, name: Name) -> None:
        """Name a state; a branch is the current one from then on."""
        self.store.set_name(name)
        self.nodes.read()

    def unname(self, name: str) -> None:
        """Take a name back."""
        self.store.drop_name(name)
        self.nodes.read()

    def _restore(self) -> None:
        self._put(self.nodes.current)
        self._clean = True

    def _put(self, state: str) -> None:
        snapshot = self._bits(state)
        self.live.restore(of_model(snapshot), self.store.get)
        self._gathered = {name: digest for name, digest in snapshot.tensors.items() if is_gathered(name)}
        snapshot.random.restore()

    def gathered(self) -> dict[str, Array]:
        """What an optimizer has gathered up to the current state."""
        return {name: self.store.get(digest) for name, digest in self._gathered.items()}

    def _bits(self, state: str) -> Snapshot:
        found = self.store.snapshot(state)
        if found is None:
            raise StateError(f"the weights of {state} were let go by prune_history; lab.replay('{state}') makes them "
                             "again on a fresh Lab")
        return found

    def forget(self, states: Sequence[str], bits: Sequence[str]) -> None:
        """Forget states, and the weights of others."""
        self.store.forget(states, bits)
        self.nodes.read()

    # reading states

    def copy_of(self, state: State) -> Any:
        """A model of its own, as it was in that state."""
        graph = trace(copy_of(self.graph.model), list(self.graph.input_specs))
        LiveBits(lambda: tensors_of(graph)).restore(of_model(self._bits(state.id)), self.store.get)
        return graph.model

    def dense(self, state: State) -> Any:
        """The uncut model that a state came of, of its own: where it was trained before the first cut, as trained.

        Kept, since every repair looks at it.
        """
        uncut = [s for s in self.nodes.path(state) if not s.plan and self.store.snapshot(s.id) is not None]
        if self._dense is None or self._dense[0] != uncut[-1].id:
            self._dense = uncut[-1].id, self.copy_of(uncut[-1])
        return self._dense[1]

    def take_over(self, other: Any) -> None:
        """Set the model's parameters and buffers to those of a copy, where they differ."""
        theirs = {**dict(other.named_buffers()), **dict(other.named_parameters())}
        ours = tensors_of(self.graph)
        with paddle.no_grad():
            for name, tensor in theirs.items():
                if name in ours and tensor._is_initialized():
                    paddle.assign(tensor, output=ours[name])

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


def _facts(state: State) -> dict[str, Any]:
    """What is told of it, but for its size on disk, which the store finds out."""
    return {name: value for name, value in state.to_json().items() if name != "stored_bytes"}


def of_model(snapshot: Snapshot) -> dict[str, str]:
    """The tensors of a state that are the model's."""
    return {name: digest for name, digest in snapshot.tensors.items() if not is_gathered(name)}
