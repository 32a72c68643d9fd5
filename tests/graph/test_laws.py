"""Laws 1, 2, 5, 6 and 8 on small networks, on Paddle's own families, and on random networks."""

from __future__ import annotations

import paddle
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from networks import NETWORKS
from random_networks import networks
from sequence_networks import SEQUENCE
from vision_networks import VISION

from prunelab.testing import laws

# Every constructor of paddle.vision.models: the side of its image, and what a plain prototype of the algebra removes at
# half of every group, which is the least that may be gone.
FAMILIES = {
    "resnet18": (64, 0.738), "resnext50_32x4d": (64, 0.829), "wide_resnet50_2": (64, 0.742),
    "vgg11": (64, 0.742), "mobilenet_v1": (64, 0.685), "mobilenet_v2": (64, 0.651),
    "mobilenet_v3_small": (64, 0.641), "mobilenet_v3_large": (64, 0.685), "densenet121": (64, 0.714),
    "alexnet": (224, 0.733), "inception_v3": (107, 0.728), "squeezenet1_0": (64, 0.643),
    "squeezenet1_1": (64, 0.644), "googlenet": (224, 0.682), "shufflenet_v2_x0_25": (64, 0.495),
    "shufflenet_v2_x0_33": (64, 0.493), "shufflenet_v2_swish": (64, 0.483),
}
SLOW = {
    "resnet34": (64, 0.743), "resnet50": (64, 0.729), "resnet101": (64, 0.737), "resnet152": (64, 0.74),
    "resnext50_64x4d": (64, 0.849), "resnext101_32x4d": (64, 0.848), "resnext101_64x4d": (64, 0.861),
    "resnext152_32x4d": (64, 0.855), "resnext152_64x4d": (64, 0.864), "wide_resnet101_2": (64, 0.745),
    "vgg13": (64, 0.742), "vgg16": (64, 0.742), "vgg19": (64, 0.742), "densenet161": (64, 0.728),
    "densenet169": (64, 0.717), "densenet201": (64, 0.723), "densenet264": (64, 0.726),
    "shufflenet_v2_x0_5": (64, 0.494), "shufflenet_v2_x1_0": (64, 0.483), "shufflenet_v2_x1_5": (64, 0.476),
    "shufflenet_v2_x2_0": (64, 0.478),
}


def test_the_tables_hold_every_constructor():
    made = {name for name in paddle.vision.models.__all__ if name[0].islower()}
    assert made == {*FAMILIES, *SLOW}


@pytest.mark.parametrize("name", NETWORKS)
def test_small_networks(name):
    make, inputs = NETWORKS[name]
    found = laws.check_all(laws.stir(make()), inputs)
    assert found["groups"] > 0


ARCHITECTURES = {**VISION, **SEQUENCE}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures(name):
    make, inputs, least = ARCHITECTURES[name]
    assert laws.check_all(laws.stir(make()), inputs)["gone"] >= least


def check_family(name, size, least):
    model = laws.stir(getattr(paddle.vision.models, name)())
    assert laws.check_all(model, (1, 3, size, size))["gone"] >= least


@pytest.mark.parametrize("name", FAMILIES)
def test_families(name):
    check_family(name, *FAMILIES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_more_families(name):
    check_family(name, *SLOW[name])


# A failing network is small already, and shrinking one takes minutes.
RANDOM = settings(phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=list(HealthCheck),
                  deadline=None)


def check_random(drawn):
    model, inputs = drawn
    paddle.seed(0)
    laws.check_all(laws.stir(model), inputs)


@settings(RANDOM, max_examples=50)
@given(networks())
def test_random_networks(drawn):
    check_random(drawn)


@pytest.mark.slow
@settings(RANDOM, max_examples=500)
@given(networks())
def test_many_random_networks(drawn):
    check_random(drawn)
