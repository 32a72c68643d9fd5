"""Products of matrices and their kin, as ONNX nodes."""

from __future__ import annotations

from prunelab.export.onnx.builder import Builder, Entry, Value
from prunelab.export.translate import CannotSay


def _turned(g: Builder, x: Value) -> Value:
    perm = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
    return g.Transpose(x, perm=perm) if x.rank > 1 else x


def _matmul(g: Builder, x: Value, y: Value, transpose_x: bool, transpose_y: bool) -> Value:
    return g.MatMul(_turned(g, x) if transpose_x else x, _turned(g, y) if transpose_y else y)


def _added(g: Builder, input: Value, x: Value, y: Value, beta: float, alpha: float) -> Value:
    return g.Add(g.Mul(input, float(beta)), g.Mul(g.MatMul(x, y), float(alpha)))


def _dot(g: Builder, x: Value, y: Value) -> Value:
    return g.ReduceSum(g.Mul(x, y), [-1], keepdims=0)


def _einsum(g: Builder, x: list[Value], equation: str) -> Value:
    return g.Einsum(*x, equation=equation.replace(" ", ""))


def _bilinear(g: Builder, x: Value, y: Value, weight: Value, bias: Value | None) -> Value:
    # bd(i,(o,j)) instead of a three-operand einsum, which would make (batch, out, i, j)
    o, i, j = (g.static(weight, k, "a bilinear form") for k in range(3))
    by_out = g.reshape(g.Transpose(weight, perm=[1, 0, 2]), [i, o * j])
    half = g.Reshape(g.MatMul(x, by_out), [-1, o, j])
    out = g.ReduceSum(g.Mul(half, g.Unsqueeze(y, [1])), [-1], keepdims=0)
    return out if bias is None else g.Add(out, bias)


def _chain(g: Builder, x: list[Value]) -> Value:
    out = x[0]
    for each in x[1:]:
        out = g.MatMul(out, each)
    return out


def _kron(g: Builder, x: Value, y: Value) -> Value:
    rank = max(x.rank, y.rank)
    a, b = ([*[1] * (rank - v.rank), *v.sizes] for v in (x, y))
    left = g.reshape(x, [n for m in a for n in (m, 1)])
    right = g.reshape(y, [n for m in b for n in (1, m)])
    return g.reshape(g.Mul(left, right), [n * m for n, m in zip(a, b, strict=True)])


def _cross(g: Builder, x: Value, y: Value, axis: int) -> Value:
    if axis > x.rank:  # Paddle's mark for "the first axis of three"
        axis = next(k for k, n in enumerate(x.sizes) if n == 3)

    def turned(v: Value, by: int) -> Value:
        return g.Concat(g.slice(v, axis, by), g.slice(v, axis, 0, by), axis=axis)
    return g.Sub(g.Mul(turned(x, 1), turned(y, 2)), g.Mul(turned(x, 2), turned(y, 1)))


def _power(g: Builder, x: Value, n: int) -> Value:
    if n < 1:
        raise CannotSay("a matrix to a power below one")
    return _chain(g, [x] * n)


def _reduce_as(g: Builder, x: Value, target: Value) -> Value:
    lead = x.rank - target.rank
    out = g.ReduceSum(x, list(range(lead)), keepdims=0) if lead else x
    ones = [k for k, (n, m) in enumerate(zip(x.sizes[lead:], target.sizes, strict=True)) if m == 1 and n != 1]
    return g.ReduceSum(out, ones, keepdims=1) if ones else out


def _loss(g: Builder, value: Value, reduction: str) -> Value:
    if reduction == "none":
        return value
    if reduction == "batchmean":
        return g.Div(g.ReduceSum(value, keepdims=0), g.cast(g.Gather(g.Shape(value), 0), value.dtype))
    return (g.ReduceMean if reduction == "mean" else g.ReduceSum)(value, keepdims=0)


def _bce(g: Builder, input: Value, label: Value) -> Value:
    at_least = 1e-12
    first = g.Mul(label, g.Log(g.Max(input, at_least)))
    second = g.Mul(g.Sub(1.0, label), g.Log(g.Max(g.Sub(1.0, input), at_least)))
    return g.Neg(g.Add(first, second))


def _huber(g: Builder, input: Value, label: Value, delta: float) -> tuple[Value, Value]:
    rest = g.Sub(label, input)
    size = g.Abs(rest)
    linear = g.Mul(g.Sub(size, delta / 2), float(delta))
    return g.Where(g.LessOrEqual(size, delta), g.Mul(g.Mul(rest, rest), 0.5), linear), rest


def _kl(g: Builder, x: Value, label: Value, reduction: str, log_target: bool) -> Value:
    if log_target:
        return _loss(g, g.Mul(g.Exp(label), g.Sub(label, x)), reduction)
    known = g.Max(label, 1e-30)
    return _loss(g, g.Where(g.Greater(label, 0.0), g.Mul(label, g.Sub(g.Log(known), x)), 0.0), reduction)


def _log_loss(g: Builder, input: Value, label: Value, epsilon: float) -> Value:
    yes = g.Mul(label, g.Log(g.Add(input, epsilon)))
    no = g.Mul(g.Sub(1.0, label), g.Log(g.Add(g.Sub(1.0, input), epsilon)))
    return g.Neg(g.Add(yes, no))


def _sigmoid_cross_entropy(g: Builder, x: Value, label: Value, pos_weight: Value | None, normalize: bool,
                           ignore_index: int) -> Value:
    if normalize or pos_weight is not None:
        raise CannotSay("a sigmoid cross entropy that is normalized or weighted")
    out = g.Add(g.Sub(g.Relu(x), g.Mul(x, label)), g.Softplus(g.Neg(g.Abs(x))))
    return g.Where(g.Equal(label, float(ignore_index)), 0.0, out)


TABLE: dict[str, Entry] = {
    "addmm": _added,
    "baddbmm": _added,
    "bce_loss": _bce,
    "bilinear": _bilinear,
    "bmm": lambda g, x, y: g.MatMul(x, y),
    "cross": _cross,
    "dot": _dot,
    "einsum": _einsum,
    "huber_loss": _huber,
    "kldiv_loss": _kl,
    "kron": _kron,
    "log_loss": _log_loss,
    "matmul": _matmul,
    "matrix_power": _power,
    "multi_dot": _chain,
    "mv": lambda g, x, vec: g.MatMul(x, vec),
    "reduce_as": _reduce_as,
    "sigmoid_cross_entropy_with_logits": _sigmoid_cross_entropy,
}
