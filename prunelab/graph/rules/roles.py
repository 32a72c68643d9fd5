"""What an axis of a weight is for, also where the weight is computed from the model's tensors.

A one-dimensional convolution reshapes its weight, others standardise or transpose it: the axes of the tensors behind it
make and read the same units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prunelab.graph.dims import find
from prunelab.graph.solver import Step

MOST_STEPS = 32  # a weight is a few operators away from its tensors; what is further is no weight


def note_roles(step: Step, argument: str | int, roles: Mapping[int, str]) -> None:
    """Note the roles of a weight's axes (``axis -> role``) on the tensors of the model that it is made of."""
    if step.is_held(argument):
        for axis, role in roles.items():
            step.role(argument, axis, role)
        return
    meant = [(find(step.dims(argument)[axis]), role) for axis, role in roles.items()]
    solution = step.solution
    for value in _behind(step, step.value(argument)):
        for axis, dim in enumerate(solution.dims[value]):
            for d, role in meant:
                if find(dim) is d and d.size > 1:
                    solution.roles.setdefault((value, axis), role)


def _behind(step: Step, value: int | None) -> Iterator[int]:
    """The model's tensors that a value is computed from, if it is from nothing else."""
    program, held = step.solution.program, step.solution.held
    todo, found = [value], dict[int, None]()
    for _ in range(MOST_STEPS):
        if not todo:
            yield from found
            return
        v = todo.pop()
        if v is None:
            continue
        if v in held:
            found[v] = None
        elif v in program.producers:
            todo += program.producers[v].inputs
        else:
            return
