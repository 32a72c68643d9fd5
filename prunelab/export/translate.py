"""A listing said in another framework's words: one walk over its statements, for any table of functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from prunelab.errors import ExportError
from prunelab.export.listing import Listing, Statement, draws
from prunelab.export.sizes import is_free
from prunelab.graph.program import Ref, rebuild

Table = Mapping[str, Callable[..., Any]]
# Arguments that change nothing in eval mode: where a value lives, training, a kernel's choice.
SILENT = frozenset("place seed fix_seed seed_tensor is_test momentum use_global_stats trainable_statistics "
                   "infer_flags is_sparse sparse lambda numeric_stable_mode dropout_prob dropout_state_in output "
                   "is_arithmetic".split())
_LISTS = frozenset({"builtin.combine", "builtin.split", "pass", "constant"})


class NoWordsError(ExportError):
    """Operators that a table lacks; another converter may know them."""


class CannotSay(Exception):
    """What a framework has no words for; an entry of a table raises it with the reason."""


def refuse_unknown(listing: Listing, table: Table, framework: str) -> None:
    """Raise NoWordsError for operators that the table lacks, before any work: all of them, with their lines.

    Random numbers are an ExportError: no converter can hold them.
    """
    random = next(filter(draws, listing.statements), None)
    if random is not None:
        raise ExportError(f"{listing.model} draws random numbers in eval mode, by the operator "
                          f"{random.name}{random.line}; a file gives the same each time: take them as an input")
    unknown = {s.name: s.line for s in listing.statements if _entry(table, s) is None and s.name not in _LISTS}
    if not unknown:
        return
    told = ", ".join(f"{name}{line}" for name, line in sorted(unknown.items())[:4])
    more = f" and {len(unknown) - 4} more" if len(unknown) > 4 else ""
    raise NoWordsError(f"{framework} has no words for the operator{'s' if len(unknown) > 1 else ''} {told}{more} of "
                      f"{listing.model}; write {'those lines' if len(unknown) > 1 else 'that line'} with others")


def translate(listing: Listing, table: Table, env: dict[int, Any], *, first: tuple[Any, ...] = (),
              number: Callable[[Any], Any] | None = None, before: Callable[[Statement], Any] | None = None,
              after: Callable[[Statement, Any], Any] | None = None,
              array: Callable[[Any], Any] | None = None) -> None:
    """Run every statement by the table's functions on ``env`` (values by id), which holds inputs and arrays already.

    Args:
        first: what each function takes before the operator's own arguments.
        number: what becomes of a free size; as it is, without.
        before: is told of each statement.
        array: what becomes of an array among the arguments; as it is, without.
        after: is given what a statement gave, and gives what is kept of it.

    Raises:
        ExportError: an attribute that a function does not take, or refuses.
    """
    for statement in listing.statements:
        if before is not None:
            before(statement)
        out = _say(statement, table, env, first, number, array)
        out = after(statement, out) if after is not None and statement.name not in _LISTS else out
        if len(statement.outputs) == 1:
            env[statement.outputs[0]] = out
        else:
            env.update(zip(statement.outputs, out if isinstance(out, (list, tuple)) else [out], strict=False))


def _say(statement: Statement, table: Table, env: Mapping[int, Any], first: tuple[Any, ...],
         number: Callable[[Any], Any] | None, array: Callable[[Any], Any] | None) -> Any:
    def fill(leaf: Any) -> Any:
        if isinstance(leaf, Ref):
            return env.get(leaf.value)
        if array is not None and isinstance(leaf, np.ndarray):
            return array(leaf)
        return number(leaf) if number is not None and is_free(leaf) else leaf

    arguments = {key: rebuild(value, fill) for key, value in statement.arguments.items() if key not in SILENT}
    if statement.name in _LISTS:
        return _list(statement, arguments)
    function = _entry(table, statement)
    if function is None:
        raise ExportError(f"no entry for the operator {statement.name}{statement.line}")
    unsaid = [key for key in arguments if key not in _takes(function)]
    if unsaid:
        raise ExportError(f"the operator {statement.name}{statement.line} has the attribute {unsaid[0]}, which its "
                          "entry in the table does not read; please report the model")
    try:
        return function(*first, **arguments)
    except CannotSay as error:
        raise NoWordsError(f"the operator {statement.name}{statement.line} cannot be said: {error}") from error
    except (TypeError, ValueError, IndexError) as error:  # a size that is free, where a framework wants a number
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise NoWordsError(f"the operator {statement.name}{statement.line} cannot be said with these sizes: "
                           f"{told}") from error


def _entry(table: Table, statement: Statement) -> Callable[..., Any] | None:
    """What writes over a tensor is read as what makes a new one (see `prunelab.graph.writes`)."""
    return table.get(statement.name) or table.get(statement.name.removesuffix("_"))


def _list(statement: Statement, arguments: Mapping[str, Any]) -> Any:
    if statement.name == "builtin.combine":
        return arguments["x"]
    if statement.name == "builtin.split":
        opened = list(arguments["x"][0])
        return opened if len(statement.outputs) > 1 else opened[0]
    return arguments["value"] if statement.name == "constant" else arguments["x"][0]


@cache
def _takes(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)
