"""Layers with weights, over space; losses, random numbers, constants."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from operators.rows import last, line, made, maps, tokens, vector, volume, weighted


def zeros(h, kind="float32", n=None):
    """Labels."""
    return paddle.zeros([h.shape[0], n or h.shape[1]], kind)



class Spectral(nn.Layer):
    """A convolution whose weight is divided by its largest singular value."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2D(8, 6, 3), nn.SpectralNorm([6, 8, 3, 3], dim=0, power_iters=2)

    def forward(self, h):
        return F.conv2d(h, self.norm(self.conv.weight), self.conv.bias)



CONVOLUTIONS = {
    "Conv2D, depthwise": maps(made(nn.Conv2D, 8, 8, 3, groups=8)),
    "Conv1DTranspose": line(made(nn.Conv1DTranspose, 8, 6, 3, 2)),
    "Conv1DTranspose, depthwise": line(made(nn.Conv1DTranspose, 8, 8, 3, groups=8)),
    "Conv3DTranspose": volume(made(nn.Conv3DTranspose, 8, 6, 3)),
}

NORMS = {
    "BatchNorm": maps(made(nn.BatchNorm, 8)),
    "GroupNorm": maps(made(nn.GroupNorm, 4, 8), 4, "a group norm's statistics"),
    "GroupNorm, one": maps(made(nn.GroupNorm, 1, 8)),
    "GroupNorm, one, last": last(made(nn.GroupNorm, 1, 8, data_format="NHWC")),
    "InstanceNorm1D": line(made(nn.InstanceNorm1D, 8)),
    "LayerNorm": tokens(made(nn.LayerNorm, 8)),
    "LocalResponseNorm": maps(made(nn.LocalResponseNorm, 3), 0, "positions in space"),
}

POOLS = {
    "AvgPool1D": line(made(nn.AvgPool1D, 2)),
    "AdaptiveMaxPool1D": line(made(nn.AdaptiveMaxPool1D, 2)),
    "AdaptiveMaxPool3D": volume(made(nn.AdaptiveMaxPool3D, 2)),
    "LPPool1D": line(made(nn.LPPool1D, 2, 2)),
    "FractionalMaxPool2D": maps(made(nn.FractionalMaxPool2D, 3, random_u=0.3)),
    "FractionalMaxPool3D": volume(made(nn.FractionalMaxPool3D, 2, random_u=0.3)),
    "max_pool1d and unpool": line(lambda h: F.max_unpool1d(*F.max_pool1d(h, 2, 2, return_mask=True), 2, 2)),
    "max_pool3d and unpool": volume(lambda h: F.max_unpool3d(*F.max_pool3d(h, 2, 2, return_mask=True), 2, 2)),
    "Upsample": maps(made(nn.Upsample, scale_factor=2)),
    "UpsamplingBilinear2D": maps(made(nn.UpsamplingBilinear2D, size=[9, 9])),
    "interpolate, bicubic": maps(lambda h: F.interpolate(h, [8] * 2, mode="bicubic", data_format="NCHW")),
    "interpolate, linear": line(lambda h: F.interpolate(h, [8], mode="linear", data_format="NCW")),
    "interpolate, trilinear": volume(lambda h: F.interpolate(h, [8] * 3, mode="trilinear", data_format="NCDHW")),
    "grid_sample": maps(weighted(lambda h, g: F.grid_sample(h, F.tanh(g).expand([h.shape[0], 4, 4, 2])), [1, 4, 4, 2])),
    "affine_grid": maps(weighted(lambda h, t: F.grid_sample(h, F.affine_grid(t.expand([h.shape[0], 2, 3]),
        [h.shape[0], 8, 4, 4])), [1, 2, 3])),
    "deform_conv2d": maps(weighted(lambda h, w, to, m: paddle.vision.ops.deform_conv2d(
        h, F.tanh(F.conv2d(h, to, padding=1)), w, padding=1, mask=F.sigmoid(F.conv2d(h, m, padding=1))),
        [8, 8, 3, 3], [18, 8, 3, 3], [9, 8, 3, 3])),
    "deform_conv2d, groups": maps(weighted(lambda h, w, to: paddle.vision.ops.deform_conv2d(
        h, F.conv2d(h, to, padding=1), w, padding=1, groups=4, deformable_groups=2), [8, 2, 3, 3], [36, 8, 3, 3]), 4,
        "groups of channels with offsets of their own"),
    "deform_conv2d, each": maps(weighted(lambda h, w, to: paddle.vision.ops.deform_conv2d(
        h, to.expand([h.shape[0], 16, *h.shape[2:]]), w, deformable_groups=8), [16, 8, 1, 1], [1, 16, 1, 1]), 0,
        "groups of channels with offsets of their own"),
    "roi_align": maps(lambda h: paddle.vision.ops.roi_align(
        h, paddle.to_tensor([[0.0, 1.0, 3.0, 4.0]]).expand([h.shape[0], 4]), paddle.ones([h.shape[0]], "int32"), 2)),
    "grid from units": vector(lambda h: F.affine_grid(h[:, :6].reshape([-1, 2, 3]), [h.shape[0], 8, 4, 4]), 2,
        "a grid of places"),
}

ATTENTION = {
}

LOSSES = {
    "BCELoss": vector(lambda h: F.binary_cross_entropy(F.sigmoid(h), zeros(h)), 0,
        "a mean_all over values that are not zero where cut"),
    "bce with logits": vector(lambda h: F.binary_cross_entropy_with_logits(h, zeros(h)), 0,
        "a mean_all over values that are not zero where cut"),
    "cross_entropy": vector(lambda h: F.cross_entropy(h, zeros(h, "int64", 1)), 0,
        "a loss that knows the number of classes"),
    "nll_loss": vector(lambda h: F.nll_loss(F.log_softmax(h), zeros(h, "int64", 1)[:, 0]), 0, "a softmax over it"),
    "smooth_l1_loss": vector(weighted(lambda h, w: F.smooth_l1_loss(h, w.expand_as(h)), [8]), 0,
        "a mean over values that are not zero where cut"),
    "kl_div": vector(lambda h: F.kl_div(F.log_softmax(h), F.softmax(h)), 0, "a softmax over it"),
    "log_loss": vector(lambda h: F.log_loss(F.sigmoid(h[:, :1]), zeros(h, n=1)).mean(), 7),
    "gaussian_nll_loss": vector(lambda h: F.gaussian_nll_loss(h, zeros(h), h * h + 1), 0, "a all over it"),
    "dice_loss": tokens(lambda h: F.dice_loss(F.softmax(h), paddle.zeros([h.shape[0], 5, 1], "int64")), 0, "classes"),
    "sigmoid_focal_loss": vector(lambda h: F.sigmoid_focal_loss(h, zeros(h)), 0, "its size is read as a number"),
    "ctc_loss": tokens(lambda h: F.ctc_loss(h.transpose([1, 0, 2]), paddle.ones([h.shape[0], 2], "int32"),
        paddle.full([h.shape[0]], 5, "int64"), paddle.full([h.shape[0]], 2, "int64")), 0,
        "a loss that knows the number of classes"),
    "rnnt_loss": tokens(lambda h: F.rnnt_loss(h.unsqueeze(2).tile([1, 1, 3, 1]), paddle.ones([h.shape[0], 2],
        "int32"), paddle.full([h.shape[0]], 5, "int32"), paddle.full([h.shape[0]], 2, "int32")), 0,
        "a loss that knows the number of classes"),
    "hsigmoid_loss": vector(weighted(lambda h, w: F.hsigmoid_loss(h, zeros(h, "int64", 1), 5, w), [4, 8]), 0,
        "a loss that knows the number of classes"),
}

RANDOM = {
    "bernoulli": vector(lambda h: paddle.bernoulli(F.sigmoid(h) * 0), 0,
        "random numbers, which another width would draw anew"),
    "poisson": vector(lambda h: paddle.poisson(h * h * 0), 0, "random numbers, which another width would draw anew"),
    "multinomial": vector(lambda h: paddle.multinomial(F.softmax(h), 8).astype("float32") * 0, 0, "a softmax over it"),
    "randn": vector(lambda h: h + 0 * paddle.randn([8]), 0, "a constant"),
    "randint": vector(lambda h: h + paddle.randint(0, 1, [8]).astype("float32"), 0, "a constant"),
    "randperm": vector(lambda h: h + 0 * paddle.randperm(8).astype("float32"), 0, "a constant"),
    "standard_gamma": vector(lambda h: h + 0 * paddle.standard_gamma(h * h + 1), 0,
        "random numbers, which another width would draw anew"),
    "binomial": vector(lambda h: h + 0 * paddle.binomial(paddle.full([8], 3).astype("int32"), paddle.full([8],
        0.5)).astype("float32"), 0, "random numbers, which another width would draw anew"),
    "exponential_": vector(lambda h: h + 0 * (h * 0 + 1).exponential_(), 0,
        "random numbers, which another width would draw anew"),
}

CONSTANTS = {
    "linspace": vector(lambda h: h + paddle.linspace(0, 1, 8), 0, "a constant"),
    "linspace, longer": vector(lambda h: h + paddle.fft.rfft(paddle.linspace(0, 1, 8), n=14).real(), 0, "frequencies"),
    "logspace": vector(lambda h: h + paddle.logspace(0, 1, 8), 0, "a constant"),
    "tril_indices": vector(lambda h: h + paddle.tril_indices(4, 4, 0).sum().astype("float32")),
    "triu_indices": vector(lambda h: h + paddle.triu_indices(4, 4, 0).sum().astype("float32")),
}

SPECTRAL = {
    "SpectralNorm": maps(made(Spectral)),
}

# what repeats operators of the rows above in other settings: `make slow` runs these
MORE = {
    "Conv1D": line(made(nn.Conv1D, 8, 6, 3)),
    "Conv1D, grouped": line(made(nn.Conv1D, 8, 6, 3, groups=2), 6),
    "Conv1D, depthwise": line(made(nn.Conv1D, 8, 8, 3, groups=8)),
    "Conv1D, channels last": tokens(made(nn.Conv1D, 8, 6, 3, data_format="NLC")),
    "Conv1D, circular": line(made(nn.Conv1D, 8, 6, 3, padding=1, padding_mode="circular")),
    "Conv2D": maps(made(nn.Conv2D, 8, 6, 3)),
    "Conv2D, grouped": maps(made(nn.Conv2D, 8, 6, 3, groups=2), 6),
    "Conv2D, multiplied": maps(made(nn.Conv2D, 8, 16, 3, groups=8)),
    "Conv2D, reflect": maps(made(nn.Conv2D, 8, 6, 3, padding=1, padding_mode="reflect")),
    "Conv2D, dilated": maps(made(nn.Conv2D, 8, 6, 3, dilation=2, padding="same")),
    "Conv2D, channels last": last(made(nn.Conv2D, 8, 6, 3, data_format="NHWC")),
    "Conv2D, depthwise, channels last": last(made(nn.Conv2D, 8, 8, 3, groups=8, data_format="NHWC")),
    "Conv3D": volume(made(nn.Conv3D, 8, 6, 3)),
    "Conv3D, grouped": volume(made(nn.Conv3D, 8, 6, 3, groups=2), 6),
    "Conv3D, depthwise": volume(made(nn.Conv3D, 8, 8, 3, groups=8)),
    "Conv1DTranspose, grouped": line(made(nn.Conv1DTranspose, 8, 6, 3, groups=2), 6),
    "Conv2DTranspose": maps(made(nn.Conv2DTranspose, 8, 6, 3, 2)),
    "Conv2DTranspose, grouped": maps(made(nn.Conv2DTranspose, 8, 6, 3, groups=2), 6),
    "Conv2DTranspose, depthwise": maps(made(nn.Conv2DTranspose, 8, 8, 3, groups=8)),
    "Conv2DTranspose, channels last": last(made(nn.Conv2DTranspose, 8, 6, 3, data_format="NHWC")),
    "Conv3DTranspose, grouped": volume(made(nn.Conv3DTranspose, 8, 6, 3, groups=2), 6),
    "conv1d over tokens": tokens(weighted(F.conv1d, [4, 5, 1])),
    "conv1d over tokens, wider": tokens(weighted(lambda h, w: F.conv1d(h, w, padding=1), [4, 5, 3]), 0,
                                     "positions in space"),
    "conv1d of what is no zero": tokens(weighted(lambda h, w: F.conv1d(F.sigmoid(h), w).sum(-1), [4, 5, 1]), 0,
                                        "a sum over values that are not zero where cut"),
    "avg_pool3d over channels": maps(lambda h: F.avg_pool3d(h.unsqueeze(1), (2, 1, 1), (2, 1, 1)).squeeze(1), 4,
                                     "neighbours in a window"),
    "max_pool3d over channels": maps(lambda h: F.max_pool3d(h.unsqueeze(1), (2, 1, 1), (2, 1, 1)).squeeze(1), 4,
                                     "neighbours in a window"),
    "max_pool1d over units": tokens(lambda h: F.max_pool1d(h, 3, 1, 1), 0, "positions in space"),
    "conv1d": line(weighted(F.conv1d, [6, 8, 3])),
    "conv2d": maps(weighted(F.conv2d, [6, 8, 3, 3])),
    "conv3d": volume(weighted(F.conv3d, [6, 8, 2, 2, 2])),
    "conv1d_transpose": line(weighted(F.conv1d_transpose, [8, 6, 3])),
    "conv2d_transpose": maps(weighted(F.conv2d_transpose, [8, 6, 3, 3])),
    "conv3d_transpose": volume(weighted(F.conv3d_transpose, [8, 6, 2, 2, 2])),
    "conv2d_transpose, output size": maps(weighted(lambda h, w: F.conv2d_transpose(h, w, stride=2, output_size=[14,
        14]), [8, 6, 3, 3])),
    "conv2d, computed weight": maps(weighted(lambda h, w, s: F.conv2d(h, w * s.reshape([6, 1, 1, 1])), [6, 8, 3, 3],
        [6])),
    "Linear": tokens(made(nn.Linear, 8, 6)),
    "BatchNorm1D": line(made(nn.BatchNorm1D, 8)),
    "BatchNorm1D, vector": vector(made(nn.BatchNorm1D, 8)),
    "BatchNorm1D, last": tokens(made(nn.BatchNorm1D, 8, data_format="NLC")),
    "BatchNorm2D": maps(made(nn.BatchNorm2D, 8)),
    "BatchNorm2D, last": last(made(nn.BatchNorm2D, 8, data_format="NHWC")),
    "BatchNorm2D, plain": maps(made(nn.BatchNorm2D, 8, weight_attr=False, bias_attr=False)),
    "BatchNorm3D": volume(made(nn.BatchNorm3D, 8)),
    "GroupNorm, each": maps(made(nn.GroupNorm, 8, 8)),
    "GroupNorm, plain": maps(made(nn.GroupNorm, 4, 8, weight_attr=False, bias_attr=False), 4,
        "a group norm's statistics"),
    "GroupNorm, last": last(made(nn.GroupNorm, 4, 8, data_format="NHWC"), 4, "a group norm's statistics"),
    "InstanceNorm2D": maps(made(nn.InstanceNorm2D, 8)),
    "InstanceNorm3D": volume(made(nn.InstanceNorm3D, 8)),
    "InstanceNorm2D, plain": maps(made(nn.InstanceNorm2D, 8, weight_attr=False, bias_attr=False)),
    "LayerNorm, maps": maps(made(nn.LayerNorm, [8, 6, 6])),
    "LayerNorm, plain": tokens(made(nn.LayerNorm, 8, weight_attr=False, bias_attr=False)),
    "LayerNorm, space": maps(made(nn.LayerNorm, [6, 6])),
    "local_response_norm": maps(lambda h: F.local_response_norm(h, 3), 0, "positions in space"),
    "batch_norm": maps(weighted(lambda h, m, v: F.batch_norm(h, m, v.abs() + 1), [8], [8])),
    "instance_norm": maps(F.instance_norm),
    "layer_norm": tokens(weighted(lambda h, w, b: F.layer_norm(h, [8], w, b), [8], [8])),
    "group_norm": maps(weighted(lambda h, w, b: F.group_norm(h, 4, 1e-5, w, b), [8], [8]), 4,
        "a group norm's statistics"),
    "rms norm by hand": tokens(weighted(lambda h, w: h * paddle.rsqrt((h * h).mean(-1, keepdim=True) + 1e-6) * w, [8])),
    "layer norm by hand": tokens(lambda h: (h - h.mean(-1, keepdim=True)) / (h.var(-1, keepdim=True) + 1e-5).sqrt()),
    "AvgPool2D": maps(made(nn.AvgPool2D, 2)),
    "AvgPool3D": volume(made(nn.AvgPool3D, 2)),
    "MaxPool1D": line(made(nn.MaxPool1D, 2)),
    "MaxPool2D": maps(made(nn.MaxPool2D, 2)),
    "MaxPool3D": volume(made(nn.MaxPool3D, 2)),
    "AdaptiveAvgPool1D": line(made(nn.AdaptiveAvgPool1D, 2)),
    "AdaptiveAvgPool2D": maps(made(nn.AdaptiveAvgPool2D, 2)),
    "AdaptiveAvgPool3D": volume(made(nn.AdaptiveAvgPool3D, 2)),
    "AdaptiveMaxPool2D": maps(made(nn.AdaptiveMaxPool2D, 2)),
    "AdaptiveAvgPool2D, uneven": maps(made(nn.AdaptiveAvgPool2D, (4, 5))),
    "AdaptiveMaxPool2D, uneven": maps(made(nn.AdaptiveMaxPool2D, (4, 5))),
    "AdaptiveAvgPool2D, to one": maps(made(nn.AdaptiveAvgPool2D, 1)),
    "AvgPool2D, padded": maps(made(nn.AvgPool2D, 3, 2, 1, ceil_mode=True, exclusive=False)),
    "AvgPool2D, divisor": maps(made(nn.AvgPool2D, 3, divisor_override=4)),
    "AvgPool2D, last": last(lambda h: F.avg_pool2d(h, 2, data_format="NHWC")),
    "MaxPool2D, last": last(lambda h: F.max_pool2d(h, 2, data_format="NHWC")),
    "adaptive, last": last(lambda h: F.adaptive_avg_pool2d(h, 2, data_format="NHWC")),
    "LPPool2D": maps(made(nn.LPPool2D, 2, 2)),
    "LPPool2D, infinite": maps(made(nn.LPPool2D, float("inf"), 2)),
    "max_pool2d and unpool": maps(lambda h: F.max_unpool2d(*F.max_pool2d(h, 2, 2, return_mask=True), 2, 2)),
    "max_pool2d, mask": maps(lambda h: F.max_pool2d(h, 2, 2, return_mask=True)[1].astype("float32")),
    "adaptive_max_pool2d, mask": maps(lambda h: F.adaptive_max_pool2d(h, 2, return_mask=True)[0]),
    "adaptive_max_pool3d, mask": volume(lambda h: F.adaptive_max_pool3d(h, 2, return_mask=True)[0]),
    "max_pool1d": line(lambda h: F.max_pool1d(h, 3, 2, 1)),
    "avg_pool1d": line(lambda h: F.avg_pool1d(h, 3, 2, 1)),
    "avg_pool3d": volume(lambda h: F.avg_pool3d(h, 2)),
    "lp_pool1d": line(lambda h: F.lp_pool1d(h * h, 3.0, 2)),
    "lp_pool2d": maps(lambda h: F.lp_pool2d(h * h, 3.0, 2)),
    "UpsamplingNearest2D": maps(made(nn.UpsamplingNearest2D, scale_factor=2)),
    "interpolate, nearest": maps(lambda h: F.interpolate(h, [8] * 2, mode="nearest", data_format="NCHW")),
    "interpolate, bilinear": maps(lambda h: F.interpolate(h, [8] * 2, mode="bilinear", data_format="NCHW")),
    "interpolate, area": maps(lambda h: F.interpolate(h, [8] * 2, mode="area", data_format="NCHW")),
    "interpolate, nearest 3d": volume(lambda h: F.interpolate(h, scale_factor=2, mode="nearest", data_format="NCDHW")),
    "interpolate, aligned": maps(lambda h: F.interpolate(h, scale_factor=[2.0, 1.5], mode="bilinear",
        align_corners=True)),
    "interpolate, last": last(lambda h: F.interpolate(h, scale_factor=2, data_format="NHWC")),
    "interpolate to another's size": maps(lambda h: F.interpolate(F.max_pool2d(h, 2), size=h.shape[2:],
        mode="bilinear") + h),
    "interpolate, computed size": maps(lambda h: F.interpolate(h, size=paddle.shape(h)[2:] * 2, mode="nearest")),
    "upsample": maps(lambda h: F.upsample(h, scale_factor=2)),
    "Dropout": vector(made(nn.Dropout)),
    "Dropout2D": maps(made(nn.Dropout2D)),
    "Dropout3D": volume(made(nn.Dropout3D)),
    "AlphaDropout": vector(made(nn.AlphaDropout)),
    "FeatureAlphaDropout": maps(made(nn.FeatureAlphaDropout)),
    "scaled_dot_product_attention": tokens(lambda h: F.scaled_dot_product_attention(*[h.reshape([-1, 5, 2,
        4])] * 3).flatten(2), 6),
    "attention with a mask": tokens(weighted(lambda h, m: F.scaled_dot_product_attention(*[h.reshape([-1, 5, 2,
        4])] * 3, attn_mask=m).flatten(2), [1, 1, 5, 5]), 6),
    "causal attention": tokens(lambda h: F.scaled_dot_product_attention(*[h.reshape([-1, 5, 2, 4])] * 3,
        is_causal=True).flatten(2), 6),
    "flash_attention": tokens(lambda h: paddle.nn.functional.flash_attention.flash_attention(*[h.reshape([-1, 5, 2,
        4])] * 3)[0].flatten(2), 6),
    "flash_attn_qkvpacked": tokens(lambda h: F.flash_attn_qkvpacked(paddle.stack([h.reshape([-1, 5, 2, 4])] * 3,
        2))[0].flatten(2), 6),
    "bce, weights": vector(weighted(lambda h, w: F.binary_cross_entropy_with_logits(h, zeros(h), w.abs(),
        pos_weight=w.abs()), [8])),
    "cross_entropy, soft": vector(lambda h: F.cross_entropy(h, zeros(h) + 0.125, soft_label=True), 0,
        "a loss that knows the number of classes"),
    "mse_loss": vector(weighted(lambda h, w: F.mse_loss(h, w.expand_as(h)), [8])),
    "l1_loss": vector(weighted(lambda h, w: F.l1_loss(h, w.expand_as(h)), [8])),
    "mse, summed": vector(weighted(lambda h, w: F.mse_loss(h, w.expand_as(h), "sum"), [8])),
    "hinge_embedding_loss": vector(lambda h: F.hinge_embedding_loss(h, zeros(h) + 1), 0,
        "a mean over values that are not zero where cut"),
    "margin_ranking_loss": vector(lambda h: F.margin_ranking_loss(h, F.tanh(h), zeros(h) + 1)),
    "soft_margin_loss": vector(lambda h: F.soft_margin_loss(h, zeros(h) + 1), 0,
        "a mean over values that are not zero where cut"),
    "multi_label_soft_margin_loss": vector(lambda h: F.multi_label_soft_margin_loss(h, zeros(h)), 0,
        "a mean over values that are not zero where cut"),
    "multi_margin_loss": vector(lambda h: F.multi_margin_loss(h, zeros(h, "int64", 1)[:, 0]), 0,
        "positions that are read by their numbers"),
    "cosine_embedding_loss": vector(lambda h: F.cosine_embedding_loss(h, F.tanh(h), zeros(h, "int64", 1)[:, 0] + 1)),
    "triplet_margin_loss": vector(lambda h: F.triplet_margin_loss(h, F.tanh(h), F.sigmoid(h)), 0,
        "a p_norm over values that are not zero where cut"),
    "triplet_margin_with_distance_loss": vector(lambda h: F.triplet_margin_with_distance_loss(h, F.tanh(h), F.sigmoid(
        h)), 0, "a p_norm over values that are not zero where cut"),
    "poisson_nll_loss": vector(lambda h: F.poisson_nll_loss(h, zeros(h)), 0,
        "a mean over values that are not zero where cut"),
    "npair_loss": vector(lambda h: F.npair_loss(h, F.tanh(h), zeros(h, "float32", 1)[:, 0])),
    "label_smooth": vector(lambda h: F.label_smooth(h), 0, "label smoothing over it"),
    "rand": vector(lambda h: h + 0 * paddle.rand([8]), 0, "a constant"),
    "rand_like": vector(lambda h: h + 0 * paddle.rand_like(h), 0, "its size is read as a number"),
    "randn_like": vector(lambda h: h + 0 * paddle.randn_like(h), 0, "its size is read as a number"),
    "normal": vector(lambda h: h + 0 * paddle.normal(0.0, 1.0, [8]), 0, "a constant"),
    "uniform": vector(lambda h: h + 0 * paddle.uniform([8]), 0, "a constant"),
    "gaussian of units": vector(lambda h: paddle.normal(h, 0 * h), 0, "its size is read as a number"),
    "zeros": vector(lambda h: h + paddle.zeros([8])),
    "ones": vector(lambda h: h + paddle.ones([8])),
    "full": vector(lambda h: h + paddle.full([h.shape[0], 8], 2.0)),
    "zeros of the batch": vector(lambda h: paddle.concat([h, paddle.zeros([h.shape[0], 3])], 1)),
    "zeros_like": vector(lambda h: paddle.concat([h, paddle.zeros_like(h)], 1)),
    "ones_like": vector(lambda h: paddle.concat([h, paddle.ones_like(h)], 1)),
    "full_like": vector(lambda h: h + paddle.full_like(h, 2.0)),
    "full of a tensor": vector(lambda h: h * paddle.full([8], paddle.to_tensor(2.0))),
    "unique of units": vector(lambda h: h * paddle.unique(h).sum(), 0, "positions that are chosen by their values"),
    "empty_like": vector(lambda h: h + 0 * paddle.empty_like(h), 0, "a constant"),
    "empty": vector(lambda h: h + 0 * paddle.nan_to_num(paddle.empty([8])), 0, "a constant"),
    "arange": vector(lambda h: h + paddle.arange(8.0)),
    "to_tensor": vector(lambda h: h + paddle.to_tensor([1.0] * 8)),
    "complex numbers": vector(lambda h: (h.astype("complex64") * 2).real()),
    "assign a list": vector(lambda h: h + paddle.assign([2.0] * 8)),
    "eye of the batch": vector(lambda h: paddle.eye(h.shape[0]) @ h),
}
TABLE = {**CONVOLUTIONS, **NORMS, **POOLS, **ATTENTION, **LOSSES, **RANDOM, **CONSTANTS, **SPECTRAL}
