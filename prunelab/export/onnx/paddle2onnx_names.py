"""Which operators of a saved program paddle2onnx does not know: it does not say, and has a list by their old names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

# Paddle's operator -> its old name, by which paddle2onnx knows it, where no rule of `_old_names` gives it.
_OLD = {
    "add_n": "sum",
    "arange": "range",
    "argmax": "arg_max",
    "argmin": "arg_min",
    "divide": "elementwise_div",
    "flatten": "flatten_contiguous_range",
    "floor_divide": "elementwise_floordiv",
    "grid_sample": "grid_sampler",
    "hardsigmoid": "hard_sigmoid",
    "hardswish": "hard_swish",
    "maximum": "elementwise_max",
    "minimum": "elementwise_min",
    "multiply": "elementwise_mul",
    "nonzero": "where_index",
    "remainder": "elementwise_mod",
    "subtract": "elementwise_sub",
    "topk": "top_k_v2",
}
# Frame of every program, not operators to convert.
_FRAME = frozenset({"data", "fetch", "feed", "yield", "if", "while", "has_elements", "assert"})
_DIALECT = "1."  # how a saved program writes "pd_op."


def unsupported(program: Any, known: Collection[str]) -> list[str]:
    """The operators of a saved program (parsed JSON) that are not among ``known``, sorted; none if nothing is known."""
    names = {name.removeprefix(_DIALECT) for name in _operators(program) if name.startswith(_DIALECT)} - _FRAME
    return sorted(name for name in names if known and not _old_names(name) & set(known))


def _operators(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "ops":
                yield from (str(op.get("#", "")) for op in value)
            yield from _operators(value)
    elif isinstance(node, list):
        for value in node:
            yield from _operators(value)


def _old_names(name: str) -> set[str]:
    plain = name.rstrip("_")
    rules = {name, plain, f"elementwise_{plain}", f"reduce_{plain}", f"{plain}_v2", f"{plain}2"}
    return rules | ({_OLD[plain]} if plain in _OLD else set())
