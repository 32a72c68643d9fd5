"""Names of Paddle that have no row: where they are tested, why they cannot be, or that they are refused."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from operators.rows import tokens, vector

_NETWORKS, _SEQUENCES, _RANDOM = "tests/networks.py", "tests/sequence_networks.py", "tests/random_networks.py"
# name -> the row, or the file, that has it
ELSEWHERE = {
    **{f"{kind}{n}d": f"{kind}{n}D" for kind in ("Conv", "AdaptiveMaxPool", "CircularPad", "ConstantPad",
                                                 "ReflectionPad", "ReplicationPad") for n in (1, 2, 3)},
    "LPPool1d": "LPPool1D", "LPPool2d": "LPPool2D",
    **{f"MaxUnPool{n}D": f"max_pool{n}d and unpool" for n in (1, 2, 3)},
    **{f"max_unpool{n}d": f"max_pool{n}d and unpool" for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": f"AdaptiveAvgPool{n}D" for n in (1, 2, 3)},
    "adaptive_max_pool1d": "AdaptiveMaxPool1D", "avg_pool2d": "AvgPool2D", "max_pool3d": "MaxPool3D",
    "fractional_max_pool2d": "FractionalMaxPool2D", "fractional_max_pool3d": "FractionalMaxPool3D",
    "BCEWithLogitsLoss": "bce with logits", "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "bce with logits", "CTCLoss": "ctc_loss", "CrossEntropyLoss": "cross_entropy",
    "CosineEmbeddingLoss": "cosine_embedding_loss", "HSigmoidLoss": "hsigmoid_loss", "L1Loss": "l1_loss",
    "HingeEmbeddingLoss": "hinge_embedding_loss", "KLDivLoss": "kl_div", "MSELoss": "mse_loss",
    "GaussianNLLLoss": "gaussian_nll_loss", "MarginRankingLoss": "margin_ranking_loss",
    "MultiLabelSoftMarginLoss": "multi_label_soft_margin_loss", "MultiMarginLoss": "multi_margin_loss",
    "NLLLoss": "nll_loss", "PoissonNLLLoss": "poisson_nll_loss", "RNNTLoss": "rnnt_loss",
    "SmoothL1Loss": "smooth_l1_loss", "SoftMarginLoss": "soft_margin_loss",
    "TripletMarginLoss": "triplet_margin_loss",
    "TripletMarginWithDistanceLoss": "triplet_margin_with_distance_loss",
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "GRUCell", "Embedding", "embedding", "Sequential",
                     "TransformerEncoder", "TransformerEncoderLayer", "Transformer", "Layer"), _NETWORKS),
    **dict.fromkeys(("RNN", "BiRNN", "LSTMCell", "MultiHeadAttention", "TransformerDecoder",
                     "TransformerDecoderLayer"), _SEQUENCES),
    **dict.fromkeys(("SimpleRNNCell", "Bilinear", "LayerDict", "LayerList"), _RANDOM),
    **dict.fromkeys(("ParameterList", "ParameterDict"), "tests/vision_networks.py"),
}
_NO_KERNEL = "Paddle has no kernel for it on the CPU"
_A_NAME = "another name of Layer and its kin"
# name -> why nothing is traced
UNTRACED = {
    **dict.fromkeys(("margin_cross_entropy", "rms_norm", "sparse_attention", "moe_permute", "moe_unpermute",
                     "flash_attention_v3_varlen", "flash_attn_varlen_qkvpacked", "flashmask_attention", "SyncBatchNorm",
                     "class_center_sample"), _NO_KERNEL),
    **dict.fromkeys(("Module", "ModuleDict", "ModuleList", "Parameter"), _A_NAME),
    **dict.fromkeys(("ClipGradByGlobalNorm", "ClipGradByNorm", "ClipGradByValue"), "it acts on gradients"),
    **dict.fromkeys(("zeropad2d", "softmax_with_cross_entropy"), "it warns that it is deprecated"),
    "RNNCellBase": "it computes nothing",
    **dict.fromkeys(("BeamSearchDecoder", "dynamic_decode"), "Paddle's program of it has a loop"),
    **dict.fromkeys(("MultiLabelMarginLoss", "multi_label_margin_loss"), "it writes to a tensor that it reads on"),
}


def _classes(h):
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 5, [3])
    return layer(h, paddle.zeros([h.shape[0]], "int64"))[0]


# what Paddle's to_static does not read
REFUSED = {
    "as_strided": vector(lambda h: paddle.as_strided(h, [2, 4], [8, 2])),
    "tensor unfold": tokens(lambda h: paddle.unfold(h, 1, 2, 1)),
    "uniform_": vector(lambda h: h + 0 * (h + 0).uniform_()),
    "adaptive_log_softmax_with_loss": vector(lambda h: F.adaptive_log_softmax_with_loss(
        h, paddle.zeros([h.shape[0]], "int64"), paddle.ones([8, 4]), [], [3, 5])[0]),
    "AdaptiveLogSoftmaxWithLoss": vector(_classes),
}
