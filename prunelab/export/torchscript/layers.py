"""Norms, products, recurrent nets and losses, as torch's functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from prunelab.export.translate import CannotSay

Entry = Any


def _batch_norm(x: Any, mean: Any, variance: Any, scale: Any, bias: Any, epsilon: float, data_format: str) -> Any:
    last = x.dim() > 2 and data_format[1] != "C"
    y = F.batch_norm(x.movedim(-1, 1) if last else x, mean, variance, scale, bias, False, 0.0, epsilon)
    return y.movedim(1, -1) if last else y


def _layer_norm(x: Any, scale: Any, bias: Any, epsilon: float, begin_norm_axis: int) -> Any:
    shape = [int(n) for n in x.shape[begin_norm_axis:]]
    gain, shift = (v if v is None else v.reshape(shape) for v in (scale, bias))
    return F.layer_norm(x, shape, gain, shift, epsilon)


def _group_norm(x: Any, scale: Any, bias: Any, epsilon: float, groups: int, data_format: str) -> Any:
    last = data_format[-1] == "C"
    y = F.group_norm(x.movedim(-1, 1) if last else x, groups, scale, bias, epsilon)
    return y.movedim(1, -1) if last else y


def _instance_norm(x: Any, scale: Any, bias: Any, epsilon: float) -> Any:
    return F.group_norm(x, int(x.shape[1]), scale, bias, epsilon)  # instance_norm refuses one position in training


def _renorm(x: Any, p: float, axis: int, max_norm: float) -> Any:
    return torch.renorm(x, p, axis, max_norm)


def _label_smooth(label: Any, prior_dist: Any, epsilon: float) -> Any:
    prior = epsilon / int(label.shape[-1]) if prior_dist is None else prior_dist * epsilon
    return label * (1 - epsilon) + prior


# products


def _matmul(x: Any, y: Any, transpose_x: bool, transpose_y: bool) -> Any:
    x = x.transpose(-1, -2) if transpose_x and x.dim() > 1 else x
    y = y.transpose(-1, -2) if transpose_y and y.dim() > 1 else y
    return torch.matmul(x, y)


def _added(input: Any, x: Any, y: Any, beta: float, alpha: float) -> Any:
    return beta * input + alpha * torch.matmul(x, y)


def _bilinear(x: Any, y: Any, weight: Any, bias: Any) -> Any:
    return F.bilinear(x, y, weight, None if bias is None else bias.reshape([-1]))


def _cross(x: Any, y: Any, axis: int) -> Any:
    if axis > x.dim():  # Paddle's mark for "the first axis of three"
        axis = next(k for k, n in enumerate(x.shape) if int(n) == 3)
    return torch.linalg.cross(x, y, dim=axis)


def _chain(x: list[Any]) -> Any:
    out = x[0]
    for each in x[1:]:
        out = out @ each
    return out


def _reduce_as(x: Any, target: Any) -> Any:
    return x.sum_to_size(target.shape)


# recurrent nets


def _rnn(x: Any, pre_state: list[Any], weight_list: list[Any], sequence_length: Any, is_bidirec: bool, input_size: int,
         hidden_size: int, num_layers: int, mode: str) -> Any:
    """X is (time, batch, features); torch's gates stand in Paddle's order."""
    half = len(weight_list) // 2
    weights = [w for k in range(0, half, 2) for w in (*weight_list[k: k + 2], *weight_list[half + k: half + k + 2])]
    function = getattr(torch._VF, mode.lower())
    state = tuple(pre_state) if mode == "LSTM" else pre_state[0]
    more = (weights, True, num_layers, 0.0, False, is_bidirec)
    if sequence_length is None:
        out, *last = function(x, state, *more, False)
        return out, None, last, None
    packed = pack_padded_sequence(x, sequence_length.long(), enforce_sorted=False)
    order, back = packed.sorted_indices, packed.unsorted_indices
    state = tuple(s.index_select(1, order) for s in pre_state)
    data, *last = function(packed.data, packed.batch_sizes, state if mode == "LSTM" else state[0], *more)
    again = torch.nn.utils.rnn.PackedSequence(data, packed.batch_sizes, order, back)
    out = pad_packed_sequence(again, total_length=x.shape[0])[0]
    return out, None, [s.index_select(1, back) for s in last], None


# Fourier transforms

def _fft_r2c(x: Any, axes: Sequence[int], normalization: str, forward: bool, onesided: bool) -> Any:
    out = (torch.fft.rfftn if onesided else torch.fft.fftn)(x, dim=list(axes), norm=normalization)
    return out if forward else out.conj()


def _fft_c2r(x: Any, axes: Sequence[int], normalization: str, forward: bool, last_dim_size: int) -> Any:
    n = last_dim_size or 2 * (int(x.shape[axes[-1]]) - 1)
    sizes = [int(x.shape[a]) for a in axes[:-1]] + [n]
    return torch.fft.irfftn(x.conj() if forward else x, s=sizes, dim=list(axes), norm=normalization)


# losses


def _reduced(value: Any, reduction: str) -> Any:
    if reduction == "batchmean":
        return value.sum() / value.shape[0]
    return {"none": lambda: value, "mean": value.mean, "sum": value.sum}[reduction]()


def _bce(input: Any, label: Any) -> Any:
    return -(label * torch.log(input.clamp(min=1e-12)) + (1 - label) * torch.log((1 - input).clamp(min=1e-12)))


def _huber(input: Any, label: Any, delta: float) -> Any:
    return F.huber_loss(input, label, reduction="none", delta=delta), label - input


def _kl(x: Any, label: Any, reduction: str, log_target: bool) -> Any:
    return _reduced(F.kl_div(x, label, reduction="none", log_target=log_target), reduction)


def _log_loss(input: Any, label: Any, epsilon: float) -> Any:
    return -(label * torch.log(input + epsilon) + (1 - label) * torch.log(1 - input + epsilon))


def _sigmoid_cross_entropy(x: Any, label: Any, pos_weight: Any, normalize: bool, ignore_index: int) -> Any:
    if normalize:
        raise CannotSay("a sigmoid cross entropy that is normalized")
    out = F.binary_cross_entropy_with_logits(x, label, reduction="none", pos_weight=pos_weight)
    return torch.where(label == ignore_index, torch.zeros_like(out), out)


TABLE: dict[str, Entry] = {
    "addmm": _added,
    "baddbmm": _added,
    "batch_norm": _batch_norm,
    "bce_loss": _bce,
    "bilinear": _bilinear,
    "bmm": lambda x, y: torch.bmm(x, y),
    "cholesky_solve": lambda x, y, upper: torch.cholesky_solve(x, y, upper),
    "cross": _cross,
    "det": lambda x: torch.linalg.det(x),
    "dot": lambda x, y: (x * y).sum(-1),
    "einsum": lambda x, equation: torch.einsum(equation.replace(" ", ""), *x),
    "fft_c2r": _fft_c2r,
    "fft_r2c": _fft_r2c,
    "group_norm": _group_norm,
    "huber_loss": _huber,
    "instance_norm": _instance_norm,
    "inverse": lambda x: torch.linalg.inv(x),
    "kldiv_loss": _kl,
    "kron": lambda x, y: torch.kron(x, y),
    "label_smooth": _label_smooth,
    "layer_norm": _layer_norm,
    "log_loss": _log_loss,
    "matmul": _matmul,
    "matrix_power": lambda x, n: torch.linalg.matrix_power(x, n),
    "multi_dot": _chain,
    "mv": lambda x, vec: torch.mv(x, vec),
    "reduce_as": _reduce_as,
    "renorm": _renorm,
    "rnn": _rnn,
    "sigmoid_cross_entropy_with_logits": _sigmoid_cross_entropy,
    "solve": lambda x, y: torch.linalg.solve(x, y),
    "sync_batch_norm": _batch_norm,
    "triangular_solve": lambda x, y, upper, transpose, unitriangular: torch.linalg.solve_triangular(
        x.transpose(-1, -2) if transpose else x, y, upper=upper != transpose, unitriangular=unitriangular),
}
