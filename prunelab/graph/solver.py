"""Runs the operators' rules over a program: the dims of every tensor, and what cannot be cut.

A rule sees one operator through a `Step`. It reads the dims of the operands, ties some of them (`tie`), fixes others
(`fix`) and gives the dims of the results (`give`).

**Zero where cut.** In the masked model a cut unit's weights are zero, so most values are zero at cut positions. Where
two computed values are contracted (attention's scores, a sum over an axis) the cut is exact only if one of them is.
Each value therefore carries its *dirty* dims: those at whose cut positions it may be something else than zero (a
sigmoid makes all of its dims dirty). What a contraction needs is checked at the end, when all dims have found what they
are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prunelab.graph.dims import Dim, atom, find, fix, leaves, tag
from prunelab.graph.experts import EXPERT, Gate, find_gates, follow_numbers, settle_experts
from prunelab.graph.program import Op, Program
from prunelab.graph.regions import SPATIAL, is_space, open_space, settle_regions, sums_up
from prunelab.graph.signs import is_sure, sign_at
from prunelab.graph.unifying import split, unify
from prunelab.graph.vocabulary import VOCABULARY, is_vocabulary, tie_scores
from prunelab.graph.windows import Window

Dims = list[Dim]
Dirty = frozenset[Dim]
CLEAN: Dirty = frozenset()


@dataclass(frozen=True)
class Rule:
    """What prunelab knows of one kind of operator.

    ``widths`` ties the dims; ``rewrite`` says which numbers of the operator change with the widths (``name -> value``);
    ``macs`` gives products of dims whose sum is its multiply-accumulates. ``owned`` names the rewritten numbers that a
    layer of Paddle holds as an attribute (a convolution's groups), so that the layer's own forward follows.
    """

    widths: Callable[[Step], None]
    rewrite: Callable[[Step, Widths], Mapping[str, Any]] | None = None
    macs: Callable[[Step], Iterable[Sequence[Dim]]] | None = None
    owned: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Operand:
    """In what a rewrite gives: another value of the program, which the new operator reads."""

    value: int


class Widths:
    """Sizes under a plan, as a rewrite asks for them (see `prunelab.graph.widths`)."""

    missing: Mapping[int, frozenset[int]] = {}  # places that lists lack, by the operator that makes them

    def size(self, dim: Dim) -> Any:
        raise NotImplementedError

    def number(self, dim: Dim) -> int:
        raise NotImplementedError

    def ratio(self, dim: Dim) -> float:
        raise NotImplementedError

    def before(self, dim: Dim, position: int) -> Any:
        raise NotImplementedError

    def changes(self, dim: Dim) -> bool:
        raise NotImplementedError

    def positions(self, dim: Dim) -> Any:
        raise NotImplementedError


@dataclass
class Solution:
    """The dims of all values, and the notes that rules took on parameters."""

    program: Program
    dims: dict[int, Any] = field(default_factory=dict)
    dirty: dict[int, Any] = field(default_factory=dict)
    constants: dict[int, Any] = field(default_factory=dict)
    # (parameter's value, axis) -> "out", "in", "norm", "kernel"
    roles: dict[tuple[int, int], str] = field(default_factory=dict)
    obligations: list[tuple[Dim, tuple[Dirty, ...], str]] = field(default_factory=list)
    hazards: list[tuple[Dim, Dirty, str, int | None]] = field(default_factory=list)
    # (operator, name) -> what its rule wants to find again
    notes: dict[tuple[int, str], Any] = field(default_factory=dict)
    held: frozenset[int] = frozenset()
    batch: Dim | None = None
    # granularities whose groups are free: those that change what the model takes or gives
    opened: frozenset[str] = frozenset()
    # an input of ids -> the dim that they count
    counted: dict[int, Dim] = field(default_factory=dict)
    # (dim, position, the user's line): positions that the forward spells, which stay
    spelled: list[tuple[Dim, int, str]] = field(default_factory=list)
    # of mixtures: the gates by their logits, values that hold numbers of experts, the least that have to be there,
    # values that are zero where one expert is silent, and lists (their operators) of one value an expert
    gates: dict[int, Gate] = field(default_factory=dict)
    pointing: dict[int, Dim] = field(default_factory=dict)
    least: list[tuple[Dim, int]] = field(default_factory=list)
    shares: list[tuple[int, Dim, int]] = field(default_factory=list)
    stacks: dict[int, Dim] = field(default_factory=dict)
    # of regions: inputs' axes in space, how others come from them, and what stands outside of a region for an operator
    # that reads several positions (NaN: too low to count)
    maps: list[tuple[int, int, Dim]] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    mixed: dict[int, float] = field(default_factory=dict)


class Step:
    """One operator, as its rule sees it."""

    __slots__ = ("op", "solution")

    def __init__(self, solution: Solution, op: Op) -> None:
        self.solution, self.op = solution, op

    # reading

    def value(self, argument: str | int) -> int | None:
        """The value id of an operand, by name or by place."""
        return self.op.operand(argument) if isinstance(argument, str) else self.op.inputs[argument]

    def has(self, argument: str | int) -> bool:
        value = self.value(argument)
        return value is not None and value in self.solution.dims

    def dims(self, argument: str | int = 0) -> Any:
        """The dims of an operand (for a list of tensors, a list of their dims)."""
        return self.solution.dims[self.value(argument)]  # type: ignore[index]

    def dirty(self, argument: str | int = 0) -> Any:
        return self.solution.dirty[self.value(argument)]  # type: ignore[index]

    def constant(self, argument: str) -> Any:
        """A number or a list that is known before running: an attribute, or an operand that a constant feeds."""
        if argument in self.op.attributes:
            return self.op.attributes[argument]
        value = self.op.operand(argument)
        return None if value is None else self.solution.constants.get(value)

    def attribute(self, name: str, default: Any = None) -> Any:
        return self.op.attributes.get(name, default)

    def shape(self, output: int = 0) -> tuple[int, ...]:
        """The traced shape of a result."""
        return self.solution.program.shapes[self.op.outputs[output]] or ()

    def is_held(self, argument: str | int) -> bool:
        """Whether an operand is one of the model's own tensors, whose slices a mask can zero."""
        return self.value(argument) in self.solution.held

    # writing

    def tie(self, a: Dim, b: Dim) -> None:
        unify(a, b, self.op.name)

    def fix(self, dim: Dim, reason: str) -> None:
        fix(dim, reason)

    def fix_all(self, dims: Iterable[Dim], reason: str) -> None:
        for d in dims:
            fix(d, reason)

    def tag(self, dim: Dim, name: str) -> None:
        tag(dim, name)

    def role(self, argument: str | int, axis: int, role: str) -> None:
        """Note what an axis of a parameter is for: ``out`` makes units, ``in`` reads them, ``norm`` scales them."""
        self.roles(argument, {axis: role})

    def roles(self, argument: str | int, roles: Mapping[int, str]) -> None:
        """`role` of several axes."""
        value = self.value(argument)
        if value is not None:
            for axis, role in roles.items():
                place = axis if axis >= 0 else axis + len(self.solution.dims[value])
                self.solution.roles.setdefault((value, place), role)

    def note(self, name: str, value: Any) -> None:
        """Keep something for `rewrite`, which must tie nothing: the dims are solved then."""
        self.solution.notes[self.op.index, name] = value

    def noted(self, name: str) -> Any:
        """What `note` kept."""
        return self.solution.notes[self.op.index, name]

    def need_zero(self, dim: Dim, *dirty: Dirty, reason: str) -> None:
        """``dim`` can be cut only where one of the operands (given by their dirty dims) is zero where cut."""
        if SPATIAL in self.solution.opened:
            sums_up(self, dim)
        if all(dirty):  # what is dirty nowhere is zero wherever something is cut
            self.solution.obligations.append((dim, dirty, reason))

    def need_nonzero(self, dim: Dim, dirty: Dirty, reason: str, divisor: str | int | None = None) -> None:
        """``dim`` can be cut only where this operand is something else than zero at its cut positions.

        Of a ``divisor`` (an operand's name or place) that has to be known, of others it must only be possible.
        """
        self.solution.hazards.append((dim, dirty, reason, None if divisor is None else self.value(divisor)))

    def give(self, dims: Any, dirty: Any = CLEAN, output: int = 0) -> None:
        value = self.op.outputs[output]
        self.solution.dims[value] = dims
        self.solution.dirty[value] = dirty

    def give_new(self, reason: str, output: int = 0) -> None:
        """A result whose dims are tied to nothing, and fixed."""
        value = self.op.outputs[output]
        shape = self.solution.program.shapes[value]
        self.give([] if shape is None else [atom(n, reason) for n in shape], CLEAN, output)

    def given(self, output: int = 0) -> Any:
        """The dims that a result was given."""
        return self.solution.dims[self.op.outputs[output]]

    def give_rest(self, reason: str = "a by-product") -> None:
        """Results that the rule has not given (indices, saved statistics, reshape's old shape), where anything asks for
        them."""
        for k, value in enumerate(self.op.outputs):
            if value not in self.solution.dims and value in self.solution.program.asked_for:
                self.give_new(reason, k)

    def freeze(self, reason: str) -> None:
        """An operator that must see all of its operands: everything it touches is fixed."""
        for value in self.op.inputs:
            if value is not None and value in self.solution.dims:
                fix_nested(self.solution.dims[value], reason)
        for k in range(len(self.op.outputs)):
            self.give_new(reason, k)

    def split(self, dim: Dim, sizes: Sequence[int]) -> list[Dim]:
        return split(dim, sizes)


def fix_nested(dims: Any, reason: str) -> None:
    """Fix all dims of a value; for a list of tensors, of each of them."""
    for d in dims:
        fix_nested(d, reason) if isinstance(d, list) else fix(d, reason)


def free(dims: Iterable[Dim]) -> Dirty:
    """The dims that are not fixed yet: what a value that is nowhere known to be zero is dirty at."""
    return frozenset(leaf for d in dims for leaf in leaves(d) if not leaf.reason)


def solve(program: Program, rules: Mapping[str, Rule], watch: Callable[[Solution, Op], object] | None = None,
          opened: frozenset[str] = frozenset()) -> Solution:
    """Give every value its dims.

    ``rules`` maps an operator's name to its rule; one without a rule freezes its operands. ``watch`` is called after
    each operator. ``opened`` are granularities that are frozen unless somebody asks for them.
    """
    solution = Solution(program, held=frozenset(p.value for p in program.parameters), opened=opened)
    for p in program.parameters:
        solution.dims[p.value] = [atom(n) for n in p.shape]
        solution.dirty[p.value] = CLEAN
    _give_inputs(program, solution)
    if EXPERT in opened:
        solution.gates = find_gates(program, solution.held)
    for op in program.ops:
        step = Step(solution, op)
        rule = rules.get(op.name)
        if rule is None:
            step.freeze(f"no rule for the operator {op.name}")
        else:
            rule.widths(step)
        if solution.pointing:
            follow_numbers(solution, op)
        if watch is not None:
            watch(solution, op)
    _fix_outputs(solution)
    settle_experts(solution)
    settle_regions(solution)
    _check(solution)
    _hand_roles_back(solution)
    return solution


def _fix_outputs(solution: Solution) -> None:
    """What the model gives stays; but the scores of words go with their vocabulary, where that is opened."""
    outputs = [solution.dims[v] for v in solution.program.output_values if v in solution.dims]
    if VOCABULARY in solution.opened:
        for dims in outputs:
            tie_scores(solution, dims)
        outputs = [[d for d in dims if isinstance(d, list) or not is_vocabulary(d)] for dims in outputs]
    for dims in outputs:
        fix_nested([d for d in dims if isinstance(d, list) or not is_space(d)], "the model's output")


def _hand_roles_back(solution: Solution) -> None:
    """A weight that is computed from parameters (weight norm, a sum of matrices) hands its axes' roles to them."""
    of_parameters: set[int | None] = {None, *solution.held}
    made_by = {}
    for op in solution.program.ops:
        if of_parameters.issuperset(op.inputs):
            of_parameters.update(op.outputs)
            made_by.update(dict.fromkeys(op.outputs, op))
    for (value, axis), role in [*solution.roles.items()]:
        if value not in made_by:
            continue
        mine = {id(leaf) for leaf in leaves(solution.dims[value][axis])}
        for source in _sources(value, made_by):
            for k, d in enumerate(solution.dims[source] if source in solution.held else ()):
                if mine.intersection(id(leaf) for leaf in leaves(d)):
                    # a gain or a bias among them scales what the others make
                    gain = role == "out" and len(solution.dims[source]) == 1
                    solution.roles.setdefault((source, k), "norm" if gain else role)


def _sources(value: int, made_by: Mapping[int, Op]) -> set[int]:
    found: set[int] = set()
    todo = [value]
    while todo:
        v = todo.pop()
        if v not in found:
            found.add(v)
            reads = made_by[v].inputs if v in made_by else ()
            # what is assigned is read, not what it is assigned to
            todo += [u for u in (reads[:1] if v in made_by and made_by[v].name == "assign_out_" else reads)
                     if u is not None]
    return found


def _give_inputs(program: Program, solution: Solution) -> None:
    for value, spec in zip(program.inputs, program.specs, strict=False):
        dims = [atom(n, "the model's input") for n in program.shapes[value] or ()]
        if spec.batch_axis is not None and dims:
            if solution.batch is None:
                solution.batch = dims[spec.batch_axis]
                solution.batch.batch, solution.batch.reason = True, "the batch"
            dims[spec.batch_axis] = solution.batch
        open_space(solution, value, dims)
        solution.dims[value] = dims
        solution.dirty[value] = CLEAN


def _check(solution: Solution) -> None:
    """Fix what a contraction or a division could not bear.

    Fixing one can only make others harmless, so once is enough.
    """
    for dim, operands, reason in solution.obligations:
        live = [leaf for leaf in leaves(dim) if not leaf.reason]
        if live:
            dirty = [{leaf for d in operand for leaf in leaves(d)} for operand in operands]
            for leaf in live:
                # what a region leaves out is made zero where it is added up
                if all(leaf in one for one in dirty) and not is_space(leaf):
                    fix(leaf, reason)
    for dim, operand, reason, divisor in solution.hazards:
        live = [leaf for leaf in leaves(dim) if not leaf.reason]
        if live:
            dirty_leaves = {leaf for d in operand for leaf in leaves(d)}
            for leaf in live:
                possible = leaf in dirty_leaves
                sure = possible and (divisor is None or is_sure(sign_at(solution, divisor, leaf)))
                if not sure and not is_space(leaf):
                    fix(leaf, reason.replace("is zero", "may be zero") if possible else reason)


def same(a: Dim, b: Dim) -> bool:
    """Whether two dims have turned out to be one."""
    return find(a) is find(b)
