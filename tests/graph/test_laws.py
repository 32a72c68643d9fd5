"""Laws 1, 2, 5, 6 and 8 on small networks, on Paddle's own families, and on random networks."""

from __future__ import annotations

import paddle
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from networks import NETWORKS
from random_networks import networks

from prunelab.testing import laws

# What a plain written-out prototype of the algebra removes at half of every group: the least that may be gone.
FAMILIES = {
    "alexnet": (224, 0.733), "vgg11": (64, 0.742), "resnet18": (64, 0.738), "resnext50_32x4d": (64, 0.829),
    "wide_resnet50_2": (64, 0.742), "mobilenet_v1": (64, 0.685), "mobilenet_v2": (64, 0.651),
    "mobilenet_v3_small": (64, 0.641), "mobilenet_v3_large": (64, 0.63),
    "squeezenet1_0": (64, 0.643), "squeezenet1_1": (64, 0.64), "densenet121": (64, 0.714), "googlenet": (224, 0.682),
    "inception_v3": (107, 0.72), "shufflenet_v2_x0_25": (64, 0.495), "shufflenet_v2_swish": (64, 0.5),
}
SLOW = {
    "vgg16": (64, 0.74), "resnet34": (64, 0.73), "resnet50": (64, 0.73), "resnet101": (64, 0.73),
    "densenet161": (64, 0.71), "resnext101_64x4d": (64, 0.8), "wide_resnet101_2": (64, 0.73),
    "shufflenet_v2_x1_0": (64, 0.5), "densenet201": (64, 0.7),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_small_networks(name):
    make, inputs = NETWORKS[name]
    found = laws.check_all(laws.stir(make()), inputs)
    assert found["groups"] > 0


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
