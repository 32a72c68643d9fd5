"""Every family of ``paddle.vision.models``, and cut ones, through the tables."""

from __future__ import annotations

import paddle
import pytest
from table_frameworks import FRAMEWORKS, check, numbers

import prunelab as pl
from prunelab.testing import laws

# family -> its smallest member, and the size of its images
FAMILIES = {
    "LeNet": ("LeNet", 28), "AlexNet": ("alexnet", 224), "VGG": ("vgg11", 64), "ResNet": ("resnet18", 64),
    "ResNeXt": ("resnext50_32x4d", 64), "Wide ResNet": ("wide_resnet50_2", 64), "SqueezeNet": ("squeezenet1_1", 64),
    "DenseNet": ("densenet121", 64), "GoogLeNet": ("googlenet", 224), "Inception": ("inception_v3", 299),
    "ShuffleNet": ("shufflenet_v2_x0_25", 64), "MobileNet v1": ("mobilenet_v1", 64),
    "MobileNet v2": ("mobilenet_v2", 64), "MobileNet v3": ("mobilenet_v3_small", 64),
}


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_computes_what_paddle_does(family: str, framework: str) -> None:
    name, size = FAMILIES[family]
    model = laws.stir(getattr(paddle.vision.models, name)())
    model.eval()
    shape = (1 if family == "LeNet" else 3, size, size)
    check(framework, pl.trace(model, (1, *shape)), lambda n: [numbers((n, *shape))], (1, 2))


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("granularity", ["auto", "width", "layer"])
def test_a_cut_transformer_computes_what_it_did(granularity: str, framework: str) -> None:
    """Layer norms that go on counting cut positions, cut heads, branches that are gone."""
    layer = paddle.nn.TransformerEncoderLayer(16, 4, 32, normalize_before=True)
    model = laws.stir(paddle.nn.Sequential(paddle.nn.Linear(16, 16), paddle.nn.TransformerEncoder(layer, 2),
                                           paddle.nn.Linear(16, 3)))
    graph = pl.trace(model, (1, 5, 16))
    plan = pl.propose(graph, sparsity=0.4, granularity=granularity)
    assert plan.sparsity > 0
    small = pl.compact(model, plan)
    small.eval()
    check(framework, pl.trace(small, (1, 5, 16)), lambda n: [numbers((n, 5, 16))])
