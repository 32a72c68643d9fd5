"""Activations, and arithmetic on one value."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from operators.rows import last, made, maps, tokens, vector, weighted

LAYERS = {
    "CELU": vector(made(nn.CELU, 0.7)),
    "ELU": vector(made(nn.ELU, 0.7)),
    "GELU": vector(made(nn.GELU)),
    "GELU, approximate": vector(made(nn.GELU, True)),
    "GLU": vector(made(nn.GLU)),
    "Hardshrink": vector(made(nn.Hardshrink)),
    "Hardsigmoid": vector(made(nn.Hardsigmoid)),
    "Hardswish": vector(made(nn.Hardswish)),
    "Hardtanh": vector(made(nn.Hardtanh)),
    "Hardtanh, above zero": vector(made(nn.Hardtanh, 0.2, 1.0)),
    "Identity": vector(made(nn.Identity)),
    "LeakyReLU": vector(made(nn.LeakyReLU, 0.2)),
    "LogSigmoid": vector(made(nn.LogSigmoid)),
    "LogSoftmax": vector(made(nn.LogSoftmax)),
    "LogSoftmax, other axis": tokens(made(nn.LogSoftmax, 1)),
    "Maxout": maps(made(nn.Maxout, 2)),
    "Maxout, last axis": last(made(nn.Maxout, 4, axis=-1)),
    "Mish": vector(made(nn.Mish)),
    "PReLU": maps(made(nn.PReLU)),
    "PReLU, a slope each": maps(made(nn.PReLU, 8)),
    "PReLU, channels last": last(made(nn.PReLU, 8, data_format="NHWC")),
    "PReLU, vector": vector(made(nn.PReLU, 8)),
    "RReLU": maps(made(nn.RReLU)),
    "ReLU": vector(made(nn.ReLU)),
    "ReLU6": vector(made(nn.ReLU6)),
    "SELU": vector(made(nn.SELU)),
    "Sigmoid": vector(made(nn.Sigmoid)),
    "SiLU": vector(made(nn.SiLU)),
    "Silu": vector(made(nn.Silu)),
    "Softmax": vector(made(nn.Softmax)),
    "Softmax, other axis": tokens(made(nn.Softmax, 1)),
    "Softmax2D": maps(made(nn.Softmax2D)),
    "Softplus": vector(made(nn.Softplus)),
    "Softshrink": vector(made(nn.Softshrink)),
    "Softsign": vector(made(nn.Softsign)),
    "Swish": vector(made(nn.Swish)),
    "Tanh": vector(made(nn.Tanh)),
    "Tanhshrink": vector(made(nn.Tanhshrink)),
    "ThresholdedReLU": vector(made(nn.ThresholdedReLU)),
    "ThresholdedReLU, with a value": vector(made(nn.ThresholdedReLU, 0.5, 0.3)),
}

FUNCTIONS = {
    "celu": vector(F.celu), "elu": vector(F.elu), "elu_": vector(lambda h: F.elu_(h + 0)), "gelu": vector(F.gelu),
    "glu": vector(F.glu), "glu, other axis": maps(lambda h: F.glu(h, axis=2)),
    "glu, channels": maps(lambda h: F.glu(h, axis=1)),
    "hardshrink": vector(F.hardshrink), "hardsigmoid": vector(F.hardsigmoid), "hardswish": vector(F.hardswish),
    "hardtanh": vector(F.hardtanh), "hardtanh_": vector(lambda h: F.hardtanh_(h + 0)),
    "leaky_relu": vector(F.leaky_relu), "leaky_relu_": vector(lambda h: F.leaky_relu_(h + 0)),
    "log_sigmoid": vector(F.log_sigmoid), "logsigmoid": vector(F.logsigmoid),
    "log_softmax": vector(F.log_softmax), "maxout": maps(lambda h: F.maxout(h, 4)),
    "mish": vector(F.mish), "prelu": maps(weighted(F.prelu, [8])),
    "relu": vector(F.relu), "relu6": vector(F.relu6), "relu_": vector(lambda h: F.relu_(h + 0)),
    "rrelu": maps(lambda h: F.rrelu(h, training=False)), "selu": vector(F.selu), "sigmoid": vector(F.sigmoid),
    "silu": vector(F.silu), "softmax": vector(F.softmax), "softmax_": vector(lambda h: F.softmax_(h + 0)),
    "softplus": vector(lambda h: F.softplus(h, 2.0, 5.0)), "softshrink": vector(F.softshrink),
    "softsign": vector(F.softsign), "swiglu": vector(F.swiglu),
    "swiglu, two": vector(lambda h: F.swiglu(h, h)), "swish": vector(F.swish), "tanh": vector(F.tanh),
    "tanh_": vector(lambda h: F.tanh_(h + 0)), "tanhshrink": vector(F.tanhshrink),
    "thresholded_relu": vector(F.thresholded_relu),
    "thresholded_relu_": vector(lambda h: F.thresholded_relu_(h + 0)),
    "gumbel_softmax": vector(lambda h: F.gumbel_softmax(h) * 0),
    "label_smooth": vector(lambda h: F.label_smooth(h)),
}

MATHS = {
    name: vector(getattr(paddle, name)) for name in
    "abs asinh atan ceil cos erf exp expm1 floor neg round sign sgn sin sinh cosh square tan tanh trunc rad2deg deg2rad "
    "digamma lgamma gammaln i0 i0e i1 i1e frac isnan isinf isfinite isneginf isposinf signbit nan_to_num sinc positive "
    "isreal angle conj is_empty".split()
}
MATHS |= {
    "acos": vector(lambda h: paddle.acos(F.sigmoid(h))), "asin": vector(lambda h: paddle.asin(F.tanh(h))),
    "acosh": vector(lambda h: paddle.acosh(h * h + 1)), "atanh": vector(lambda h: paddle.atanh(F.tanh(h) * 0.5)),
    "sqrt": vector(lambda h: paddle.sqrt(h * h)), "rsqrt": vector(lambda h: paddle.rsqrt(h * h + 1)),
    "rsqrt of units": vector(lambda h: paddle.rsqrt(h * h)),
    "reciprocal": vector(lambda h: paddle.reciprocal(F.sigmoid(h))),
    "log": vector(lambda h: paddle.log(h * h + 1)), "log2": vector(lambda h: paddle.log2(F.sigmoid(h))),
    "log10": vector(lambda h: paddle.log10(F.sigmoid(h))), "log1p": vector(lambda h: paddle.log1p(h * h)),
    "log of units": vector(lambda h: paddle.log(h * h)),
    "logit": vector(lambda h: paddle.logit(F.sigmoid(h))), "logit, eps": vector(lambda h: paddle.logit(F.sigmoid(h), 1e-3)),
    "erfinv": vector(lambda h: paddle.erfinv(F.tanh(h) * 0.5)),
    "polygamma": vector(lambda h: paddle.polygamma(h * h + 1, 2)), "multigammaln": vector(
        lambda h: paddle.multigammaln(h * h + 3, 2)),
    "pow": vector(lambda h: h**2), "pow, half": vector(lambda h: (h * h) ** 0.5), "pow, zero": vector(lambda h: h**0),
    "pow, negative": vector(lambda h: (h * h + 1) ** -1), "pow, of two": vector(lambda h: 2**h),
    "scale": vector(lambda h: paddle.scale(h, 2.0)), "scale and bias": vector(lambda h: 2 * h + 1),
    "scale, bias first": vector(lambda h: paddle.scale(h, 2.0, 1.0, bias_after_scale=False)),
    "stanh": vector(paddle.stanh),
    "clip": vector(lambda h: h.clip(-0.5, 0.5)), "clip, above zero": vector(lambda h: h.clip(0.1, 0.5)),
    "clip, one side": vector(lambda h: h.clip(min=0.0)), "clip by a tensor": vector(weighted(
        lambda h, low: paddle.clip(h, low.abs().sum() * 0 - 1, paddle.to_tensor(1.0)), [1])),
    "cast": vector(lambda h: h.astype("float64")), "cast to whole numbers": vector(lambda h: (4 * h).astype("int32")),
    "to bool": vector(lambda h: h.astype("bool")), "nan_to_num of units": vector(lambda h: paddle.nan_to_num(h, 1.0)),
    "isin": vector(lambda h: paddle.isin(h.round(), paddle.to_tensor([0.0, 1.0]))),
    "frexp": vector(lambda h: paddle.frexp(h)[0]), "renorm": vector(lambda h: paddle.renorm(h, 2.0, 0, 1.0)),
    "assign": vector(paddle.assign), "clone": vector(lambda h: h.clone()), "detach": vector(lambda h: h.detach()),
    "exp_": vector(lambda h: (h + 0).exp_()), "sqrt_": vector(lambda h: (h * h).sqrt_()),
    "rsqrt_": vector(lambda h: (h * h + 1).rsqrt_()), "scale_": vector(lambda h: (h + 0).scale_(2.0)),
    "clip_": vector(lambda h: (h + 0).clip_(-1.0, 1.0)), "add_": vector(lambda h: (h + 0).add_(h)),
    "multiply_": vector(lambda h: (h + 0).multiply_(h)), "sigmoid_": vector(lambda h: (h + 0).sigmoid_()),
    "square_": vector(lambda h: (h + 0).square_()), "floor_": vector(lambda h: (h + 0).floor_()),
    "bitwise_not": vector(lambda h: paddle.bitwise_not((4 * h).astype("int32"))),
    "logical_not": vector(lambda h: paddle.logical_not(h > 0)),
    "dropout, downscale": vector(lambda h: F.dropout(h, 0.3, training=False, mode="downscale_in_infer")),
    "dropout1d": tokens(lambda h: F.dropout1d(h, training=False)), "dropout2d": maps(lambda h: F.dropout2d(h, training=False)),
    "dropout3d": maps(lambda h: F.dropout3d(h.unsqueeze(-1), training=False).squeeze(-1)),
    "alpha_dropout": vector(lambda h: F.alpha_dropout(h, training=False)),
    "feature_alpha_dropout": maps(lambda h: F.feature_alpha_dropout(h, training=False)),
    "dropout in training": vector(lambda h: F.dropout(h, 0.0, training=True)),
    "alpha_dropout in training": vector(lambda h: F.alpha_dropout(h, 1e-9, training=True)),
    "dropout over an axis": tokens(lambda h: F.dropout(h, 0.5, axis=1, training=False)),
}
TABLE = {**LAYERS, **FUNCTIONS, **MATHS}
