"""One value at a time: activations, arithmetic with broadcasting, casts."""

from __future__ import annotations

from typing import Any

import numpy as np

from prunelab.graph.dims import Dim, find
from prunelab.graph.solver import CLEAN, Dirty, Rule, Step, Widths, free
from prunelab.graph.vocabulary import COMPARISONS

# f(0) == 0: zero where cut stays zero
KEEPS_ZERO = (
    "relu relu_ relu6 leaky_relu leaky_relu_ gelu silu swish hardswish tanh tanh_ elu elu_ selu celu mish "
    "softshrink hardshrink hard_shrink tanh_shrink stanh softsign abs square sqrt sqrt_ sign floor ceil round "
    "trunc sin sinh asin asinh atan atanh tan erf expm1 log1p assign cast share_data_ memcpy_d2h "
    "memcpy_h2d rrelu negative real imag conj nan_to_num isnan isinf angle erfinv i1 i1e square_ abs_ sin_ floor_ "
    "ceil_ round_ trunc_ silu_"
).split()
# f(0) != 0: after it, cut positions hold something
LOSES_ZERO = (
    "sigmoid sigmoid_ hardsigmoid softplus exp exp_ cos cosh acos logsigmoid log_sigmoid logical_not bitwise_not "
    "isfinite i0 i0e exponential increment increment_ shard_index"
).split()
# f(0) is not finite: zero where cut would make the masked model infinite
NEEDS_NONZERO = ("rsqrt rsqrt_ reciprocal reciprocal_ log log2 log10 log_ log2_ log10_ logit logit_ digamma lgamma "
                 "gammaln polygamma acosh").split()

ADDS = (
    "add add_ subtract subtract_ maximum minimum fmax fmin not_equal greater_than less_than logical_or logical_xor "
    "bitwise_or bitwise_xor lerp atan2 heaviside nextafter complex hypot"
).split()
# 0 == 0 is true, and a loss of zeros is something
ALWAYS_DIRTY = "equal greater_equal less_equal isclose bce_loss huber_loss log_loss".split()
MULTIPLIES = "multiply multiply_ logical_and bitwise_and".split()
DIVIDES = "divide divide_ floor_divide remainder fmod".split()
FOLLOWS = "copysign bitwise_left_shift bitwise_right_shift".split()  # zero where the first operand is


def _keep(step: Step) -> None:
    step.give(step.dims(), step.dirty())
    step.give_rest()


def _assign_out(step: Step) -> None:
    """A tensor of the model is named for what is written over it: it shrinks with that."""
    for a, b in zip(step.dims("x"), step.dims("output"), strict=True):
        step.tie(a, b)
    step.give(step.dims("x"), step.dirty("x"))


def _lose(step: Step) -> None:
    dims = step.dims()
    step.give(dims, free(dims))
    step.give_rest()


def _reciprocal(step: Step) -> None:
    dims = step.dims()
    for d in dims:
        step.need_nonzero(d, step.dirty(), f"{step.op.name} of a value that is zero where cut", 0)
    step.give(dims, free(dims))


def _scale(step: Step) -> None:
    """``scale * x + bias``."""
    dims = step.dims()
    step.give(dims, free(dims) if step.attribute("bias", 0.0) else step.dirty())


def _clip(step: Step) -> None:
    low = step.constant("min") if step.constant("min") is not None else step.attribute("t_min")
    high = step.constant("max") if step.constant("max") is not None else step.attribute("t_max")
    known = isinstance(low, (int, float)) and isinstance(high, (int, float)) and low <= 0 <= high
    dims = step.dims()
    step.give(dims, step.dirty() if known else free(dims))


def _thresholded(step: Step) -> None:
    """``x`` above a threshold, a fixed value below."""
    dims = step.dims()
    zero = step.attribute("threshold", 1.0) < 0 or step.attribute("value", 0.0) == 0
    step.give(dims, step.dirty() if zero else free(dims))


def _pow(step: Step) -> None:
    """``x ** y`` with a number y: zero stays zero for y > 0."""
    y = step.attribute("y", step.constant("y"))
    if isinstance(y, (int, float)) and y > 0:
        _keep(step)
    elif isinstance(y, (int, float)) and y < 0:
        _reciprocal(step)
    else:
        _lose(step)


def broadcast(step: Step, arguments: list[int]) -> tuple[list[Dim], list[list[bool]]]:
    """Tie the axes that meet under broadcasting: the result's dims, and for each operand whether it has each axis."""
    dims = [step.dims(k) for k in arguments]
    rank = max(map(len, dims))
    out, has = [], [[False] * rank for _ in dims]
    for axis in range(rank):
        first: Dim | None = None
        lone: Dim | None = None
        for k, own in enumerate(dims):
            at = len(own) - rank + axis
            if at < 0:
                continue
            d = find(own[at])
            if d.size == 1:
                lone = lone or d
                continue
            has[k][axis] = True
            if first is None:
                first = d
            else:
                step.tie(first, d)
        out.append(first if first is not None else lone)
    return out, has  # type: ignore[return-value]


def _operands(step: Step) -> list[int]:
    return [k for k in range(len(step.op.inputs)) if step.has(k)]


def _add(step: Step) -> None:
    """Zero only where all operands are; an operand without an axis repeats along it whatever it holds."""
    which = _operands(step)
    out, has = broadcast(step, which)
    dirty: Dirty = CLEAN
    for k, own in zip(which, has, strict=True):
        dirty |= step.dirty(k)
        if not _is_zero(step, k):
            dirty |= free(d for d, mine in zip(out, own, strict=True) if not mine)
    step.give(out, dirty)


def _is_zero(step: Step, k: int) -> bool:
    value = step.value(k)
    constant = None if value is None else step.solution.constants.get(value)
    return isinstance(constant, (int, float)) and constant == 0


def _always_dirty(step: Step) -> None:
    out, _ = broadcast(step, _operands(step))
    step.give(out, free(out))
    step.give_rest()


def _renumbered(step: Step, widths: Widths) -> dict[str, Any]:
    """A word that ids are compared with has another number where words before it are gone."""
    noted = step.solution.notes.get((step.op.index, "word"))
    if noted is None:
        return {}
    argument, number, vocabulary = noted
    new = widths.before(vocabulary, number)
    dtype = step.solution.program.dtypes[step.value(argument)]  # type: ignore[index]
    return {argument: np.asarray([new], dtype)} if new != number else {}


def _cross_entropy_with_logits(step: Step) -> None:
    _always_dirty(step)
    if step.attribute("normalize"):
        step.fix_all(step.given(), "a loss divided by their number")


def _divergence(step: Step) -> None:
    if step.attribute("reduction") == "none":
        _always_dirty(step)
    else:
        step.freeze("a divergence over all positions")


def _multiply(step: Step) -> None:
    """Zero, along each axis, where any operand that has the axis is. One atom may stand on two axes: each counts."""
    which = _operands(step)
    out, has = broadcast(step, which)
    dirty_of = [{leaf for d in step.dirty(k) for leaf in free([d])} for k in which]
    dirty: Dirty = CLEAN
    for axis, d in enumerate(out):
        leaves = free([d])
        for own, held in zip(has, dirty_of, strict=True):
            if own[axis]:
                leaves &= held
        dirty |= leaves
    step.give(out, dirty)


def _divide(step: Step) -> None:
    """Zero where the dividend is; the divisor must not be."""
    out, has = broadcast(step, [0, 1])
    for d, mine in zip(out, has[1], strict=True):
        if mine:
            step.need_nonzero(d, step.dirty(1), "division by a value that is zero where cut", 1)
    dirty = step.dirty(0) | free(d for d, mine in zip(out, has[0], strict=True) if not mine)
    step.give(out, dirty)


def _follow(step: Step) -> None:
    out, has = broadcast(step, [0, 1])
    step.give(out, step.dirty(0) | free(d for d, mine in zip(out, has[0], strict=True) if not mine))


def _undefined_at_zero(step: Step) -> None:
    """Of two tensors, undefined where both are zero."""
    out, _ = broadcast(step, [0, 1])
    for d in out:
        for k in (0, 1):
            step.need_nonzero(d, step.dirty(k), f"{step.op.name} of a value that is zero where cut")
    step.give(out, free(out))


def _power(step: Step) -> None:
    """``x ** y`` with a number y, or of two tensors, of which nothing is known."""
    if isinstance(step.constant("y"), (int, float)):
        _pow(step)
        return
    out, has = broadcast(step, [0, 1])
    exponent = free(step.dirty(1))
    for d, mine in zip(out, has[0], strict=True):
        if mine:  # 0 ** 0 is 1, 0 ** -1 is not finite
            step.need_nonzero(d, step.dirty(0) | (free([d]) - exponent), "a power of a value that is zero where cut")
    step.give(out, free(out))


def _where(step: Step) -> None:
    """Zero where both choices are."""
    out, has = broadcast(step, [0, 1, 2])
    dirty: Dirty = CLEAN
    for k in (1, 2):
        dirty |= step.dirty(k) | (CLEAN if _is_zero(step, k) else free(
            d for d, mine in zip(out, has[k], strict=True) if not mine))
    step.give(out, dirty)


def _add_n(step: Step) -> None:
    """The sum of a list of tensors of one shape."""
    first, *others = step.dims()
    for other in others:
        for a, b in zip(first, other, strict=True):
            step.tie(a, b)
    step.give(first, frozenset().union(*step.dirty()))


def _multiplex(step: Step) -> None:
    """Each row from one of several tensors of one shape."""
    inputs, rows = step.dims("inputs"), step.dims("index")
    for other in inputs[1:]:
        for a, b in zip(inputs[0], other, strict=True):
            step.tie(a, b)
    step.tie(inputs[0][0], rows[0])
    step.give(inputs[0], frozenset().union(*step.dirty("inputs")))


def _swiglu(step: Step) -> None:
    """``silu(x) * y``; without a y the last axis holds both, end to end."""
    if step.has(1):
        _multiply(step)
        return
    x = step.dims()
    half = find(x[-1]).size // 2
    left, right = step.split(x[-1], [half, half])
    step.tie(left, right)
    step.give([*x[:-1], left], step.dirty())


def _label_smooth(step: Step) -> None:
    """Something is added that counts the classes, the last axis."""
    x = step.dims()
    step.fix(x[-1], "label smoothing over it")
    step.give(x, free(x[:-1]))


def _cross(step: Step) -> None:
    """The cross product along an axis of three; along the others, zero where either is."""
    axis = step.attribute("axis", 9)
    sizes = [find(d).size for d in step.dims()]
    axis = sizes.index(3) if axis == 9 else axis % len(sizes)  # 9 stands for the first axis of three
    step.fix(step.dims()[axis], "a cross product along it")
    _multiply(step)


def _prelu(step: Step) -> None:
    """A slope for all, or one for each channel."""
    dims = step.dims()
    slope = step.dims(1)
    axis = -1 if step.attribute("data_format", "NCHW").endswith("C") and len(dims) > 2 else min(1, len(dims) - 1)
    if slope and find(slope[0]).size > 1 and len(slope) == 1:
        step.tie(dims[axis], slope[0])
        step.role(1, 0, "norm")
    elif len(slope) > 1:
        for a, b in zip(dims[1:], slope[-(len(dims) - 1):], strict=True):
            if find(b).size > 1:
                step.tie(a, b)
    step.give(dims, step.dirty())


def _masked_fill(step: Step) -> None:
    """Some positions become a value: zero where cut only if that value is zero."""
    out, _ = broadcast(step, [0, 1])
    value = step.constant("value")
    step.give(out, step.dirty(0) if value == 0 else free(out))


RULES = {
    **dict.fromkeys(KEEPS_ZERO, Rule(_keep)),
    **dict.fromkeys(LOSES_ZERO, Rule(_lose)),
    **dict.fromkeys(NEEDS_NONZERO, Rule(_reciprocal)),
    **dict.fromkeys(ADDS, Rule(_add)),
    **dict.fromkeys(ALWAYS_DIRTY, Rule(_always_dirty)),
    **{name: Rule(_always_dirty if name in ALWAYS_DIRTY else _add, _renumbered) for name in COMPARISONS},
    **dict.fromkeys(MULTIPLIES, Rule(_multiply)),
    **dict.fromkeys(DIVIDES, Rule(_divide)),
    "assign_out_": Rule(_assign_out),
    **dict.fromkeys(FOLLOWS, Rule(_follow)),
    **dict.fromkeys(("gammaincc", "gammainc"), Rule(_undefined_at_zero)),
    "sigmoid_cross_entropy_with_logits": Rule(_cross_entropy_with_logits),
    "kldiv_loss": Rule(_divergence),
    "multiplex": Rule(_multiplex),
    "swiglu": Rule(_swiglu),
    "label_smooth": Rule(_label_smooth),
    "cross": Rule(_cross),
    "dropout": Rule(_keep),
    "scale": Rule(_scale),
    "scale_": Rule(_scale),
    "clip": Rule(_clip),
    "clip_": Rule(_clip),
    "hardtanh": Rule(_clip),
    "thresholded_relu": Rule(_thresholded),
    "pow": Rule(_pow),
    "pow_": Rule(_pow),
    "elementwise_pow": Rule(_power),
    "where": Rule(_where),
    "add_n": Rule(_add_n),
    "prelu": Rule(_prelu),
    "masked_fill": Rule(_masked_fill),
}
