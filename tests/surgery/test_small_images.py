"""A smaller model is tried on smaller images first; what these cannot tell, the traced ones do."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

import prunelab as pl
from prunelab.surgery import GraphLayer, compact
from prunelab.testing import laws

IMAGES = (1, 3, 128, 128)


class Chooses(nn.Layer):
    """A branch on a width that the cut changes: no operator shows it."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2D(3, 8, 3, stride=4), nn.Conv2D(8, 4, 1)

    def forward(self, x):
        h = self.a(x)
        return self.b(F.relu(h) if h.shape[1] == 8 else F.tanh(h)).mean([2, 3])


class Spells(Chooses):
    """A size of the image that the forward spells, so that no other can be tried."""

    def forward(self, x):
        return self.b(F.relu(self.a(x).reshape([-1, self.a.weight.shape[0], 1024]).unsqueeze(2)))


def cut(model):
    model = laws.stir(model).eval()
    graph = pl.trace(model, IMAGES)
    return laws.check_exact(graph, laws.half_of_every_group(graph))


def test_a_branch_on_a_width_is_found():
    assert type(cut(Chooses())) is GraphLayer


def test_a_size_that_is_spelled_is_tried_as_it_was_traced():
    assert type(cut(Spells())) is Spells


def test_large_images_are_not_computed(monkeypatch):
    seen = []
    small = compact.__globals__["random_inputs"]
    monkeypatch.setitem(compact.__globals__, "random_inputs",
                        lambda specs, place: seen.append(specs[0].shape[2:]) or small(specs, place))
    assert isinstance(cut(paddle.vision.models.resnet18()), paddle.vision.models.ResNet)
    assert seen[0] == (32, 32)
    assert len(seen) == 1
