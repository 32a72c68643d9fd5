"""Experts of a mixture: what a softmax over the scores of one weight shares out.

An expert goes when its score is so low that the softmax gives it nothing, and the others share all of it. So in the
masked model the score is `silent_score`; in the smaller one the gate, stacked weights and stacks have no such position,
and a sum to which an expert alone adds its share passes the rest on. A choice of the k largest never falls on a silent
score while k experts are left; the numbers it gives are the kept experts', in their order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunelab.graph.dims import ATOM, Dim, find, fix, tag
from prunelab.graph.program import Op, Program

if TYPE_CHECKING:
    from prunelab.graph.solver import Solution, Step

EXPERT = "expert"
_SHARES, _CHOICES = ("softmax", "softmax_"), ("topk", "argmax")
_SCALES = frozenset("scale scale_ divide multiply cast".split())
_LOOKS = frozenset("topk argmax softmax softmax_ shape shape64 less_than less_equal greater_than greater_equal".split())
# numbers of experts are still numbers of experts after these
MOVES = frozenset("cast reshape reshape_ flatten squeeze unsqueeze transpose slice split split_with_num builtin.split "
                  "unbind assign expand tile share_data_".split())
_READERS = {"one_hot": "x", "put_along_axis": "indices", "put_along_axis_": "indices", "gather": "index",
            "take_along_axis": "indices", "embedding": "x", "index_select": "index", "equal": "x"}


def silent_score(dtype: str) -> float:
    """So low that exp of it is zero beside any score, also divided by a temperature; finite, so that nothing that is
    added to it makes NaN of it."""
    return -3e4 if dtype.endswith(("float16",)) and "bfloat" not in dtype else -1e30


@dataclass(frozen=True)
class Gate:
    """The scores of ``n`` experts. Values: the ``bias`` that makes one silent (None: the ``scores`` have to be), and
    ``logits``, all that is scaled or masked of them. ``reason``: why they cannot be silent."""

    bias: int | None
    scores: int
    logits: frozenset[int]
    n: int
    reason: str = ""


def find_gates(program: Program, held: Collection[int]) -> dict[int, Gate]:
    """The gates by each of their logits."""
    found: dict[int, Gate] = {}
    for op in program.ops:
        if op.name in (*_SHARES, *_CHOICES) and op.inputs[0] is not None and _over_last(program, op):
            gate = _gate(program, held, op.inputs[0])
            for value in gate.logits if gate is not None else ():
                known = found.get(value)
                if gate is not None and (known is None or len(known.logits) < len(gate.logits)):
                    found[value] = gate
    return found


def _over_last(program: Program, op: Op) -> bool:
    shape = program.shapes[op.inputs[0]] or ()  # type: ignore[index]
    axis = op.attributes.get("axis")
    if axis is None:
        maker = program.producers.get(op.operand("axis") or -1)
        axis = maker.attributes["value"] if maker is not None and maker.name == "full" else None
    return axis is not None and len(shape) > 0 and int(axis) % len(shape) == len(shape) - 1


def _gate(program: Program, held: Collection[int], logits: int) -> Gate | None:
    """Back from logits to the weight that makes them, through temperatures, noise and masks."""
    seen, value, bias = [logits], logits, None
    while (op := program.producers.get(value)) is not None and op.name not in ("matmul", "mv"):
        step = _before(program, held, op)
        if step is None:
            return None
        value, added = step
        bias = added if added is not None and bias is None else bias
        if added is not None:
            break
        seen.append(value)
    scores = value if bias is None else seen[-1]
    op = program.producers.get(value)
    if op is None or op.name != "matmul" or op.inputs[1] not in held or op.inputs[0] in held:
        return None
    shape = program.shapes[scores] or (0,)
    readers = {r.index for v in seen for r in program.consumers.get(v, ()) if r.name not in _LOOKS}
    inside = {program.producers[v].index for v in seen}
    others = [program.ops[k] for k in sorted(readers - inside)]
    reason = next((f"its scores are read by a {r.name}{r.line}" for r in others if not _hides(program, r, seen)), "")
    if any(v in program.output_values for v in seen):
        reason = "the model's output"
    if bias is not None and len(program.consumers[bias]) > 1:
        bias = None
    return Gate(bias, scores, frozenset(seen), shape[-1], reason)


def _before(program: Program, held: Collection[int], op: Op) -> tuple[int, int | None] | None:
    """The logits that an operator scales, masks or adds to; and the parameter of one number an expert that it adds."""
    if op.name in ("add", "add_", "subtract"):
        x, y = op.inputs
        if y is not None and y in held and len(program.shapes[y] or ()) == 1 and _made_by(program, x, "matmul"):
            return x, y  # type: ignore[return-value]
        return (x, None) if x is not None and program.shapes[x] == program.shapes[op.outputs[0]] else None
    if op.name == "where":
        hidden = _very_low(program, op.inputs[1])
        kept = op.inputs[2 if hidden else 1]
        return (kept, None) if kept is not None and (hidden or _very_low(program, op.inputs[2])) else None
    if op.name in _SCALES and op.inputs[0] is not None and all(
            v is None or _positive(program, v) for v in op.inputs[1:]):
        return op.inputs[0], None
    return None


def _made_by(program: Program, value: int | None, name: str) -> bool:
    op = program.producers.get(value) if value is not None else None
    return op is not None and op.name == name


def _number(program: Program, value: int | None) -> float | None:
    """The one number that a constant holds."""
    op = program.producers.get(value) if value is not None else None
    return float(op.attributes["value"]) if op is not None and op.name == "full" else None


def _positive(program: Program, value: int) -> bool:
    number = _number(program, value)
    # a temperature of more than that would bring a silent score near the others
    return number is not None and 1e-3 <= number <= 1e3


def _very_low(program: Program, value: int | None) -> bool:
    op = program.producers.get(value) if value is not None else None
    if op is not None and op.name == "full_like":
        number = _number(program, op.operand("value"))
    else:
        number = _number(program, value)
    return number is not None and number <= -1e4


def _hides(program: Program, op: Op, logits: Collection[int]) -> bool:
    """Whether an operator only takes their shape, or is a way on to another softmax."""
    return op.name in ("full_like", "zeros_like", "ones_like") or (
        op.name in (*_SCALES, "where", "add", "add_", "subtract") and all(
            r.name in (*_SHARES, *_CHOICES) for v in op.outputs for r in program.consumers.get(v, ())))


# rules


def gate_of(step: Step) -> Gate | None:
    """The gate whose logits an operator looks at along the last axis."""
    value = step.value(0)
    gate = None if value is None else step.solution.gates.get(value)
    return gate if gate is not None and _over_last(step.solution.program, step.op) else None


def open_gate(step: Step, gate: Gate) -> Dim:
    """The experts' dim, free where they can be silent."""
    experts: Dim = step.dims(0)[-1]
    if gate.reason:
        step.fix(experts, gate.reason)
    tag(experts, EXPERT)
    return experts


def chosen_among(step: Step) -> Dim | None:
    """The experts that a choice of the largest falls on: by their scores, or by their shares, which are zero where one
    is silent."""
    gate = gate_of(step)
    if gate is not None:
        return open_gate(step, gate)
    if EXPERT not in step.solution.opened or not _over_last(step.solution.program, step.op):
        return None
    last = step.dims(0)[-1]
    return last if is_expert(last) and find(last) not in {find(d) for d in step.dirty(0)} else None


def is_expert(dim: Dim) -> bool:
    """Whether a dim is the experts of a gate that nothing has fixed."""
    d = find(dim)
    return d.kind == ATOM and EXPERT in d.tags and not d.reason


def experts_of(step: Step, argument: str) -> Dim | None:
    """The experts whose numbers an operand holds."""
    value = step.value(argument)
    return None if value is None else step.solution.pointing.get(value)


def follow_numbers(solution: Solution, op: Op) -> None:
    """Numbers of experts stay so where they only move; one that is compared with a spelled number is a share."""
    source = op.inputs[0] if op.inputs else None
    experts = solution.pointing.get(source) if source is not None else None
    if experts is None:
        return
    if op.name in MOVES:
        solution.pointing.update(dict.fromkeys(op.outputs, experts))
    elif op.name == "equal":
        number = _number(solution.program, op.inputs[1])
        if number is not None and number in range(find(experts).size):
            solution.notes[op.index, "word"] = ("y", int(number), experts)
            solution.shares.append((op.outputs[0], experts, int(number)))


def settle_experts(solution: Solution) -> None:
    """Fix the experts that something reads in a way that no cut can follow."""
    program = solution.program
    for value, experts in solution.pointing.items():
        for op in program.consumers.get(value, ()):
            argument = _READERS.get(op.name)
            reads = op.name in MOVES or (argument is not None and op.operand(argument) == value)
            if not reads or (op.name == "equal" and (op.index, "word") not in solution.notes):
                fix(experts, f"numbers of experts that a {op.name}{op.line} reads")
        if value in program.output_values:
            fix(experts, "numbers of experts that the model gives back")
    for _, experts, _ in solution.shares:
        if find(experts).kind != ATOM:
            fix(experts, "experts that are read in more than one way")
    for stacked in solution.stacks.values():
        if not is_expert(stacked):
            fix(stacked, "stacked tensors")
    for experts in {id(d): d for _, e, _ in solution.shares if (d := find(e)).kind == ATOM and not d.reason}.values():
        n = experts.size
        for cut in (*([k] for k in range(n)), *([j for j in range(n) if j != k] for k in range(n))):
            blocked = vanish(program, shares_of(solution, experts, cut))[1]
            if blocked is not None:
                fix(experts, f"an expert's share that a {blocked.name}{blocked.line} reads")


def shares_of(solution: Solution, experts: Dim, units: Iterable[int]) -> set[int]:
    """The values that are zero when some experts are silent."""
    gone = set(units)
    return {value for value, dim, k in solution.shares if find(dim) is find(experts) and k in gone}


# what follows from zeros

_ZERO_IF_ANY = frozenset("multiply multiply_ matmul bmm einsum logical_and bitwise_and".split())
_ZERO_IF_ALL = frozenset("add add_ subtract add_n builtin.combine concat stack".split())
_ZERO_IF_FIRST = frozenset("divide divide_ scale scale_ dropout sum mean any reshape reshape_ transpose squeeze "
                           "unsqueeze flatten slice strided_slice expand expand_as tile cast assign relu gelu silu "
                           "tanh abs square sqrt builtin.split split split_with_num unbind mean_all".split())


def vanish(program: Program, zeros: set[int]) -> tuple[tuple[dict[int, int], dict[int, frozenset[int]]], Op | None]:
    """What is left out when some values are zero: sums that pass one operand on, and places of lists that are gone.

    Beside them the first operator that reads a zero and is neither, where the outputs need it.
    """
    zero, dropped, missing, blocked = set(zeros), dict[int, int](), dict[int, frozenset[int]](), list[Op]()
    for op in program.ops:
        places = [k for k, v in enumerate(op.inputs) if v in zero]
        if not places:
            continue
        if _is_zero(op, places):
            zero.update(op.outputs)
        elif op.name == "builtin.combine" and all(r.name == "einsum" for r in program.consumers[op.outputs[0]]):
            zero.update(op.outputs)  # a product, which one zero makes zero
        elif op.name in ("add", "add_") or (op.name == "subtract" and places == [1]):
            other = op.inputs[1 - places[0]]
            if other is None or program.shapes[other] != program.shapes[op.outputs[0]]:
                blocked.append(op)
            else:
                dropped[op.index] = other
        elif op.name == "builtin.combine" and all(r.name == "add_n" for r in program.consumers[op.outputs[0]]):
            missing[op.index] = frozenset(places)
        else:
            blocked.append(op)
    if blocked:
        from prunelab.graph.blocks import alive

        living = alive(program, dropped, missing)
        return (dropped, missing), next((op for op in blocked if op.index in living), None)
    return (dropped, missing), None


def _is_zero(op: Op, places: list[int]) -> bool:
    """Whether an operator's result is zero where some operands are."""
    if op.name in _ZERO_IF_ANY:
        return True
    if len(places) == len(op.inputs) and op.name in _ZERO_IF_ALL:
        return True
    return places == [0] and op.name in _ZERO_IF_FIRST and not op.attributes.get("bias", 0.0)


def gates_of(solution: Solution) -> Iterator[tuple[Gate, Dim]]:
    """Each gate once, with its experts."""
    for gate in {id(g): g for g in solution.gates.values()}.values():
        yield gate, solution.dims[gate.scores][-1]


def least_of(least: Iterable[tuple[Dim, int]], experts: Dim) -> int:
    """How many experts are always chosen."""
    return max((k for d, k in least if find(d) is find(experts)), default=1)


def cut_lists(stacks: Mapping[int, Dim], experts: Dim, units: Iterable[int]) -> dict[int, frozenset[int]]:
    """The places that are gone of each list that is stacked to one position an expert."""
    return {index: frozenset(units) for index, d in stacks.items() if find(d) is find(experts)}
