"""The graph in a form that has gradients in eval mode too.

Paddle's recurrent operator has none while it is told to test.
"""

from __future__ import annotations

import weakref
from dataclasses import replace

from prunelab.graph.program import Program
from prunelab.graph.rules import RULES
from prunelab.graph.run import Executor
from prunelab.graph.structure import Structure

_KNOWN: weakref.WeakKeyDictionary[Structure, Executor] = weakref.WeakKeyDictionary()


def differentiable(structure: Structure) -> Executor:
    """An executor of the whole network that computes the same in eval mode, and has a backward there too."""
    if not any(op.name == "rnn" for op in structure.program.ops):
        return structure.executor
    if structure not in _KNOWN:
        _KNOWN[structure] = Executor(with_backward(structure.program), structure.solution, RULES)
    return _KNOWN[structure]


def with_backward(program: Program) -> Program:
    """The program with recurrent operators that do not know they are tested."""
    return replace(program, ops=tuple(
        replace(op, attributes={**op.attributes, "is_test": False, "dropout_prob": 0.0}) if op.name == "rnn" else op
        for op in program.ops))
