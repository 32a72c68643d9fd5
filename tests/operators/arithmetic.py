"""Arithmetic, comparisons and choices of two values; reductions; products."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from operators.rows import maps, tokens, vector, weighted

TWO = {name: vector(weighted(getattr(paddle, name), [8])) for name in
       "add subtract multiply maximum minimum fmax fmin atan2 hypot copysign heaviside logaddexp equal not_equal "
       "greater_than greater_equal less_than less_equal nextafter remainder".split()}
TWO |= {f"{name}, itself": vector(lambda h, name=name: getattr(paddle, name)(h, F.tanh(h))) for name in
        "add subtract multiply maximum minimum fmax fmin atan2 hypot copysign heaviside logaddexp equal not_equal "
        "greater_than greater_equal less_than less_equal nextafter isclose".split()}
TWO |= {
    "divide by a parameter": vector(weighted(lambda h, w: h / (w.abs() + 1), [8])),
    "divide by a number": vector(lambda h: h / 4), "number over units": vector(lambda h: 3 / (h * h + 1)),
    "divide by zeros": vector(lambda h: h / (F.relu(h) + 0)),
    "floor_divide": vector(weighted(lambda h, w: paddle.floor_divide(h, w.abs() + 1), [8])),
    "remainder by a parameter": vector(weighted(lambda h, w: paddle.remainder(h, w.abs() + 1), [8])),
    "mod, a number": vector(lambda h: h % 2),
    "floor divide, a number": vector(lambda h: h // 2),
    "elementwise_pow": vector(weighted(lambda h, w: (h * h + 1) ** w, [8])),
    "pow, zero to units": vector(lambda h: (h * h) ** F.sigmoid(h)),
    "ldexp": vector(lambda h: paddle.ldexp(h, (h > 0).astype("int32"))),
    "lerp": vector(lambda h: paddle.lerp(h, F.tanh(h), 0.3)),
    "lerp by a weight": vector(weighted(lambda h, w: paddle.lerp(h, F.tanh(h), w), [8])),
    "lerp to a parameter": vector(weighted(lambda h, w: paddle.lerp(h, w, 0.3), [8])),
    "logical_and": vector(lambda h: (h > 0) & (h < 1)), "logical_or": vector(lambda h: (h > 0) | (h < -1)),
    "logical_xor": vector(lambda h: paddle.logical_xor(h > 0, h < 1)),
    "bitwise_and": vector(lambda h: (9 * h).astype("int32") & paddle.to_tensor([3], "int32")), "bitwise_or": vector(lambda h: (9 * h).astype("int32") | paddle.to_tensor([3], "int32")),
    "bitwise_xor": vector(lambda h: (9 * h).astype("int32") ^ paddle.to_tensor([3], "int32")),
    "left shift": vector(lambda h: (9 * h).astype("int32") << paddle.to_tensor([1], "int32")),
    "right shift": vector(lambda h: (9 * h).astype("int32") >> paddle.to_tensor([1], "int32")),
    "add_n": vector(lambda h: paddle.add_n([h, F.tanh(h), h])),
    "multiplex": vector(lambda h: paddle.multiplex([h, F.tanh(h)], paddle.zeros([h.shape[0], 1], "int32"))),
    "equal_all": vector(lambda h: h * paddle.equal_all(h, h).astype("float32")),
    "allclose": vector(lambda h: h * paddle.allclose(h, h).astype("float32")),
    "is_tensor": vector(lambda h: h * float(paddle.is_tensor(h))),
    "add a token": tokens(weighted(lambda h, w: h + w, [5, 1])), "add a vector": tokens(weighted(lambda h, w: h + w, [8])),
    "add to a wide one": vector(weighted(lambda h, w: h[:, :1] + w, [8]), 1),
    "multiply by maps": maps(weighted(lambda h, w: h * w, [8, 1, 1])),
    "where": vector(lambda h: paddle.where(h > 0, h, F.tanh(h))),
    "where, a number": vector(lambda h: paddle.where(h > 0, h, paddle.zeros([1]))),
    "where, one": vector(lambda h: paddle.where(h > 0, h, paddle.ones([1]))),
    "where, a parameter": vector(weighted(lambda h, w: paddle.where(h > 0, h, w), [8])),
    "where, a wide mask": tokens(weighted(lambda h, w: paddle.where(w > 0, h, F.tanh(h)), [5, 1])),
    "where over units": vector(weighted(lambda h, w: paddle.where(w > 0, h, F.tanh(h)), [8])),
    "where_": vector(lambda h: paddle.where_(h > 0, h + 0, F.tanh(h))),
    "masked_fill": vector(lambda h: h.masked_fill(h > 0, 0.0)), "masked_fill, one": vector(lambda h: h.masked_fill(h > 0, 1.0)),
    "complex": vector(lambda h: paddle.complex(h, h).abs()), "polar": vector(lambda h: paddle.polar(h.abs(), h).real()),
    "cross": vector(lambda h: paddle.cross(h[:, :3], h[:, 3:6])),
    "vander": vector(lambda h: paddle.vander(h[0], 3)),
    "trapezoid": vector(lambda h: paddle.trapezoid(h).unsqueeze(-1)),
    "cumulative_trapezoid": vector(lambda h: paddle.cumulative_trapezoid(h)),
    "diff": vector(lambda h: paddle.diff(h)), "diff, other axis": tokens(lambda h: paddle.diff(h, axis=1)),
    "bucketize": vector(lambda h: paddle.bucketize(h, paddle.to_tensor([-1.0, 0.0, 1.0]))),
    "searchsorted": vector(weighted(lambda h, w: paddle.searchsorted(w.abs().cumsum(), h), [4])),
    "square_error_cost": vector(weighted(lambda h, w: F.square_error_cost(h, w.expand_as(h)), [8])),
    "gammainc": vector(lambda h: paddle.gammainc(h * h + 1, h * h + 2)),
    "rotary": tokens(lambda h: paddle.concat([-h[..., 4:], h[..., :4]], -1)),
}

def reduce(name, h, axis):
    """``any`` and ``all`` are told bools: of floats Paddle's program says another type than it computes."""
    return getattr(paddle, name)(h > 0 if name in ("any", "all") else h, axis=axis)


REDUCE = {f"{name}, tokens": tokens(lambda h, name=name: reduce(name, h, 1)) for name in
          "sum mean max min amax amin prod logsumexp std var median nanmean nansum nanmedian any all argmax argmin "
          "argsort sort cumsum logcumsumexp count_nonzero".split()}
REDUCE |= {f"{name}, units": tokens(lambda h, name=name: reduce(name, h, -1)) for name in
           "sum mean max min amax amin prod logsumexp std var median nanmean nansum nanmedian any all argmax argmin "
           "argsort sort cumsum logcumsumexp count_nonzero".split()}
REDUCE |= {f"{name}, all": vector(lambda h, name=name: getattr(paddle, name)(h) * h) for name in
           "sum mean max min amax amin prod logsumexp std var median norm numel any all argmax".split()
           if name not in ("any", "all", "argmax")}
REDUCE |= {
    "cumprod": tokens(lambda h: paddle.cumprod(h, 1)), "cumprod, units": tokens(lambda h: paddle.cumprod(h, -1)),
    "cummax": tokens(lambda h: paddle.cummax(h, 1)[0]), "cummin": tokens(lambda h: paddle.cummin(h, 1)[0]),
    "cummax, units": tokens(lambda h: paddle.cummax(h, -1)[0]),
    "cumsum, flat": vector(lambda h: paddle.cumsum(h).reshape([-1, 8])),
    "topk": tokens(lambda h: paddle.topk(h, 2, 1)[0]), "topk, units": tokens(lambda h: paddle.topk(h, 2)[0]),
    "topk, indices": tokens(lambda h: paddle.topk(h, 2)[1]),
    "kthvalue": tokens(lambda h: paddle.kthvalue(h, 2, 1)[0]), "mode": tokens(lambda h: paddle.mode(h, 1)[0]),
    "quantile": tokens(lambda h: paddle.quantile(h, 0.5, 1)), "nanquantile": tokens(lambda h: paddle.nanquantile(h, 0.5, 1)),
    "mean, kept": maps(lambda h: h.mean([2, 3], keepdim=True)), "sum of maps": maps(lambda h: h.sum([2, 3])),
    "norm": tokens(lambda h: paddle.linalg.norm(h, axis=1)), "norm, units": tokens(lambda h: paddle.linalg.norm(h, axis=-1, keepdim=True) * h),
    "norm, one": tokens(lambda h: paddle.linalg.norm(h, 1, axis=-1, keepdim=True) * h),
    "norm, infinite": tokens(lambda h: paddle.linalg.norm(h, float("inf"), axis=-1, keepdim=True) * h),
    "norm, minus infinite": tokens(lambda h: paddle.linalg.norm(h, float("-inf"), axis=-1, keepdim=True) * h),
    "norm, zero": tokens(lambda h: paddle.linalg.norm(h, 0, axis=-1, keepdim=True) * h),
    "norm, of a matrix": tokens(lambda h: paddle.linalg.norm(h, "fro", axis=[1, 2], keepdim=True) * h),
    "norm, nuclear": tokens(lambda h: paddle.linalg.norm(h, "nuc", axis=[1, 2], keepdim=True) * h),
    "norm, negative": tokens(lambda h: paddle.linalg.norm(h, -1, axis=-1, keepdim=True) * h),
    "vector_norm": tokens(lambda h: paddle.linalg.vector_norm(h, 3.0, axis=-1, keepdim=True) * h),
    "matrix_norm": tokens(lambda h: paddle.linalg.matrix_norm(h, "fro", axis=[1, 2]).reshape([-1, 1, 1]) * h),
    "dist": vector(weighted(lambda h, w: paddle.dist(h, w, 2) * h, [8])),
    "dist, by a power": vector(weighted(lambda h, w: paddle.dist(h, w, 3.0) * h, [8])),
    "cdist": tokens(lambda h: paddle.cdist(h, F.tanh(h))), "pdist": vector(lambda h: paddle.pdist(h.t()).unsqueeze(-1)),
    "cosine_similarity": tokens(lambda h: F.cosine_similarity(h, F.tanh(h), axis=-1)),
    "cosine_similarity, other axis": tokens(lambda h: F.cosine_similarity(h, F.tanh(h), axis=1)),
    "CosineSimilarity": vector(lambda h: nn.CosineSimilarity()(h, F.tanh(h)).unsqueeze(-1)),
    "pairwise_distance": vector(lambda h: F.pairwise_distance(h, F.tanh(h)).unsqueeze(-1)),
    "PairwiseDistance": vector(lambda h: nn.PairwiseDistance()(h, F.tanh(h)).unsqueeze(-1)),
    "normalize": tokens(lambda h: F.normalize(h, axis=-1)), "normalize, channels": maps(F.normalize),
    "normalize, other axis": tokens(lambda h: F.normalize(h, axis=1)),
    "cov": vector(lambda h: paddle.linalg.cov(h.t())[:1]),
    "histogram": vector(lambda h: h * paddle.histogram(h, 4).sum().astype("float32")),
    "bincount": vector(lambda h: h * paddle.bincount(h.flatten().abs().astype("int32")).sum().astype("float32")),
    "trace": tokens(lambda h: paddle.trace(h, axis1=1, axis2=2).unsqueeze(-1)),
    "reduce_as": tokens(weighted(lambda h, w: paddle.reduce_as(h, w), [5, 8])),
    "reduce_as, one unit": tokens(weighted(lambda h, w: paddle.reduce_as(h, w) + h, [5, 1])),
    "mean, batch": vector(lambda h: h - h.mean(0, keepdim=True)),
    "max, with indices": tokens(lambda h: h.max(1)), "std, kept": tokens(lambda h: h / (h.std(1, keepdim=True) + 1)),
}

PRODUCTS = {
    "matmul": tokens(lambda h: paddle.matmul(h, h, transpose_y=True)),
    "matmul, over tokens": tokens(lambda h: paddle.matmul(h, h, transpose_x=True)),
    "matmul, sigmoid": tokens(lambda h: paddle.matmul(F.sigmoid(h), F.sigmoid(h), transpose_y=True)),
    "matmul, left": tokens(weighted(lambda h, w: paddle.matmul(w, h), [4, 5])),
    "matmul, a vector": tokens(weighted(lambda h, w: paddle.matmul(h, w), [8])),
    "linear": tokens(weighted(lambda h, w, b: F.linear(h, w, b), [8, 5], [5])),
    "mm": vector(weighted(lambda h, w: paddle.mm(h, w), [8, 5])), "mv": vector(weighted(lambda h, w: paddle.mv(h, w).unsqueeze(-1), [8])),
    "bmm": tokens(lambda h: paddle.bmm(h, h.transpose([0, 2, 1]))),
    "addmm": vector(weighted(lambda h, w, b: paddle.addmm(b, h, w, 0.5, 2.0), [8, 5], [5])),
    "baddbmm": tokens(lambda h: paddle.baddbmm(h[:, :, :5], h, h.transpose([0, 2, 1]), 0.5, 2.0)),
    "dot": vector(lambda h: paddle.dot(h, F.tanh(h)).unsqueeze(-1)), "dot, sigmoid": vector(lambda h: paddle.dot(F.sigmoid(h), F.sigmoid(h)).unsqueeze(-1)),
    "inner": tokens(weighted(lambda h, w: paddle.inner(h, w), [4, 8])), "outer": vector(weighted(lambda h, w: paddle.outer(h, w), [4])),
    "outer, units last": vector(weighted(lambda h, w: paddle.outer(w, h[0]), [4])),
    "ger": vector(lambda h: paddle.ger(h[0], h[0])), "kron": vector(weighted(lambda h, w: paddle.kron(h, w), [1, 3])),
    "multi_dot": vector(weighted(lambda h, w, v: paddle.linalg.multi_dot([h, w, v]), [8, 5], [5, 4])),
    "tensordot": tokens(weighted(lambda h, w: paddle.tensordot(h, w, 1), [8, 5])),
    "tensordot, two axes": tokens(weighted(lambda h, w: paddle.tensordot(h, w, [[1, 2], [0, 1]]), [5, 8, 3])),
    "vecdot": tokens(lambda h: paddle.linalg.vecdot(h, F.tanh(h))),
    "einsum": tokens(weighted(lambda h, w: paddle.einsum("btc,cd->btd", h, w), [8, 5])),
    "einsum, ellipsis": tokens(weighted(lambda h, w: paddle.einsum("...c,cd->...d", h, w), [8, 5])),
    "einsum, ellipsis, outer": maps(weighted(lambda h, w: paddle.einsum("bc...,cd->bd...", h, w), [8, 5])),
    "einsum, diagonal": tokens(lambda h: paddle.einsum("bii->bi", h[:, :, :5])),
    "einsum, implicit": vector(weighted(lambda h, w: paddle.einsum("bc,cd", h, w), [8, 5])),
    "einsum, sum": tokens(lambda h: paddle.einsum("btc->bt", h)),
    "einsum, outer": tokens(lambda h: paddle.einsum("btc,bsc->bts", h, F.sigmoid(h))),
    "einsum, of three": tokens(weighted(lambda h, w, v: paddle.einsum("btc,cd,de->bte", h, w, v), [8, 2], [2, 8])),
    "einsum, capitals": tokens(weighted(lambda h, w: paddle.einsum("bTc, cD -> bTD", h, w), [8, 5])),
    "bilinear": vector(weighted(lambda h, w: F.bilinear(h, F.tanh(h), w), [4, 8, 8])),
    "cholesky": vector(weighted(lambda h, w: h @ paddle.linalg.cholesky(w @ w.t() + paddle.eye(8)), [8, 8])),
    "inv": vector(weighted(lambda h, w: h @ paddle.linalg.inv(w + 3 * paddle.eye(8)), [8, 8])),
    "det": vector(weighted(lambda h, w: h * paddle.linalg.det(w), [8, 8])),
    "slogdet": vector(weighted(lambda h, w: h * paddle.linalg.slogdet(w)[1], [8, 8])),
    "solve": vector(weighted(lambda h, w: paddle.linalg.solve(w + 3 * paddle.eye(8), h.t()).t(), [8, 8])),
    "matrix_power": vector(weighted(lambda h, w: h @ paddle.linalg.matrix_power(w, 2), [8, 8])),
    "svd": tokens(lambda h: paddle.linalg.svd(h)[2]), "qr": tokens(lambda h: paddle.linalg.qr(h)[1]),
    "eigh": tokens(lambda h: paddle.linalg.eigh(h.transpose([0, 2, 1]) @ h)[0]),
    "pinv": tokens(lambda h: paddle.linalg.pinv(h)), "lu": tokens(lambda h: paddle.linalg.lu(h.transpose([0, 2, 1]) @ h)[0]),
    "triangular_solve": vector(weighted(lambda h, w: paddle.linalg.triangular_solve(w + 3 * paddle.eye(8), h.t()).t(), [8, 8])),
    "cholesky_solve": vector(weighted(lambda h, w: paddle.linalg.cholesky_solve(h.t(), w + 3 * paddle.eye(8)).t(), [8, 8])),
    "matrix_rank": tokens(lambda h: h * paddle.linalg.matrix_rank(h[0]).astype("float64").astype("float32")),
    "lstsq": tokens(lambda h: paddle.linalg.lstsq(h.transpose([0, 2, 1]), h.transpose([0, 2, 1]))[0] * 0),
    "householder_product": tokens(lambda h: paddle.linalg.householder_product(h.transpose([0, 2, 1]), h[:, :, 0])),
    "fft": tokens(lambda h: paddle.fft.fft(h, axis=1).real()), "fft, units": tokens(lambda h: paddle.fft.fft(h).abs()),
    "rfft": tokens(lambda h: paddle.fft.rfft(h, axis=1).abs()), "irfft": tokens(lambda h: paddle.fft.irfft(paddle.fft.rfft(h, axis=1), n=5, axis=1)),
    "rfft2": maps(lambda h: paddle.fft.irfft2(paddle.fft.rfft2(h))), "as_complex": tokens(lambda h: paddle.as_real(paddle.as_complex(h.reshape([h.shape[0], 5, 4, 2]))).flatten(2)),
}
TABLE = {**TWO, **REDUCE, **PRODUCTS}
