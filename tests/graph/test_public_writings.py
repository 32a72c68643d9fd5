"""Small networks of the shapes that were found in public code, and not read, or frozen too widely, or told wrong."""

from __future__ import annotations

import sys

import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import prunelab as pl
from prunelab.testing import laws


class LooksOnly(nn.Layer):
    """A head whose result nobody gets, behind a width that is spelled (K-Net)."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(8, 12, 3, padding=1), nn.Conv2D(12, 4, 1)
        self.aux = nn.Conv2D(12, 6, 3, padding=1)

    def forward(self, x):
        h = F.relu(self.b(F.relu(self.a(x)).reshape([-1, 2, 4, 6, 6]).reshape([-1, 8, 6, 6])))
        self.aux(h).sum()
        return self.out(h)


class Attends(nn.Layer):
    """Attention in space, by the mean and the maximum of all channels (CBAM)."""

    def __init__(self):
        super().__init__()
        self.a, self.look, self.out = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(2, 1, 3, padding=1), nn.Conv2D(8, 4, 1)

    def forward(self, x):
        h = self.a(x)
        seen = paddle.concat([h.mean(1, keepdim=True), h.max(1, keepdim=True), h.min(1, keepdim=True) * 0], 1)
        return self.out(h * F.sigmoid(self.look(seen[:, :2])))


class Pools(nn.Layer):
    """Channels are pooled to fewer (UHRNet)."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2D(3, 16, 3, padding=1), nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(8, 4, 1)

    def forward(self, x):
        h = F.relu(self.a(x)).unsqueeze(1)
        return self.out(F.relu(self.b(x)) + F.avg_pool3d(h, kernel_size=[2, 1, 1], stride=[2, 1, 1]).squeeze(1))


class Gates(nn.Layer):
    """A gate that is a convolution over tokens, each feature by itself (gMLP)."""

    def __init__(self):
        super().__init__()
        self.up, self.down, self.norm = nn.Linear(6, 16), nn.Linear(8, 6), nn.LayerNorm(8)
        self.over = nn.Conv1D(5, 5, 1)

    def forward(self, x):
        u, v = F.gelu(self.up(x)).chunk(2, axis=-1)
        return x + self.down(u * self.over(self.norm(v)))


class Hides(nn.Layer):
    """A mask of what comes later, filled as Paddle's own examples fill it (NRTR)."""

    def __init__(self):
        super().__init__()
        self.a, self.out = nn.Linear(6, 8), nn.Linear(8, 4)

    def forward(self, x):
        n = x.shape[1]
        later = paddle.triu(paddle.full([n, n], "-inf", dtype="float32"), 1)
        h = F.relu(self.a(x))
        return self.out(F.softmax(h @ h.transpose([0, 2, 1]) + later) @ h)


class Widens(nn.Layer):
    """A shortcut whose missing channels are zeros (ResNets for CIFAR)."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(8, 12, 3, 2, 1), nn.Conv2D(12, 4, 1)

    def forward(self, x):
        h = F.relu(self.a(x))
        shortcut = F.pad(h[:, :, ::2, ::2], [0, 0, 2, 2, 0, 0, 0, 0])
        return self.out(F.relu(self.b(h) + shortcut))


def test_zeros_beside_a_shortcut_go_with_its_channels():
    found = laws.check_all(laws.stir(Widens()), (1, 3, 6, 6))
    assert {g.reason for g in found["graph"].groups} == {"", "the model's output"}
    assert sum(g.units for g in found["graph"].prunable) == 12


@pytest.mark.parametrize(("cls", "inputs", "gone"), [
    (LooksOnly, (1, 3, 6, 6), 0.5), (Attends, (1, 3, 6, 6), 0.4), (Pools, (1, 3, 6, 6), 0.4), (Gates, (1, 5, 6), 0.4),
    (Hides, (1, 5, 6), 0.4)])
def test_it_is_cut_exactly(cls, inputs, gone):
    assert laws.check_all(laws.stir(cls()), inputs)["gone"] > gone


def test_a_maximum_goes_on_meeting_zeros_in_every_form():
    """All channels are less than zero here, and the zeros of those that are cut are the largest: no single input of a
    network whose channels are now more, now less would always show it."""
    model = Attends().eval()
    model.a.bias.set_value(paddle.full([8], -9.0))
    graph = pl.trace(model, (1, 3, 6, 6))
    small = laws.check_exact(graph, laws.half_of_every_group(graph))
    assert type(small) is not Attends


class Refuses(nn.Layer):
    """Its own forward runs on these inputs: they are not what Paddle cannot read."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 8)

    def forward(self, x):
        wrong = self.a.bias if paddle.in_dynamic_mode() else self.a.bias.reshape([3, 3])
        return self.a(x) + wrong


def test_inputs_that_a_forward_takes_are_not_blamed():
    with pytest.raises(pl.PrunelabError) as refused:
        pl.trace(Refuses(), (1, 6))
    assert "does not take the inputs" not in str(refused.value)
    assert "test_public_writings.py" in str(refused.value)


class Answers(nn.Layer):
    """It answers to any name with what its configuration has, which is None for most (PaddleNLP's OPT)."""

    def __init__(self):
        super().__init__()
        self.a, self.out = nn.Linear(6, 8), nn.Linear(8, 4)

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return None

    def forward(self, x):
        return self.out(F.relu(self.a(x)))


class AsksOther(nn.Layer):
    def __init__(self):
        super().__init__()
        self.body, self.out = Answers(), nn.Linear(4, 2)

    def forward(self, x):
        return self.out(F.relu(self.body(x)))


def test_a_layer_that_answers_to_any_name_is_rewritten_as_others_are(monkeypatch):
    """Without the second try, at which Paddle rewrites nothing."""
    monkeypatch.delattr(sys.modules["prunelab.graph.trace"], "as_plain_python")
    assert laws.check_all(laws.stir(AsksOther()), (1, 6))["gone"] > 0.4


class Boxes(nn.Layer):
    """Boxes about each position of a map come of its size, not of what is in it (SSD)."""

    def __init__(self):
        super().__init__()
        self.a, self.out = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(8, 4, 1)

    def forward(self, x):
        h = F.relu(self.a(x))
        boxes, spread = paddle.vision.ops.prior_box(h, x, min_sizes=[2.0], aspect_ratios=[1.0, 2.0])
        return self.out(h), boxes, spread


def test_a_maps_size_is_not_its_channels():
    assert laws.check_all(laws.stir(Boxes()), (1, 3, 6, 6))["gone"] > 0.4


class Shuffles(nn.Layer):
    """Halves of an odd number of channels are shuffled again and again (ShuffleNet v2 at its published widths)."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2D(3, 14, 3, padding=1)
        self.steps = nn.LayerList([nn.Conv2D(7, 7, 3, padding=1) for _ in range(4)])
        self.out = nn.Conv2D(14, 4, 1)

    def forward(self, x):
        h = F.relu(self.a(x))
        for step in self.steps:
            stays, goes = paddle.split(h, 2, axis=1)
            h = paddle.concat([stays, F.relu(step(goes))], axis=1)
            b, c, height, width = h.shape
            h = h.reshape([b, 2, c // 2, height, width]).transpose([0, 2, 1, 3, 4]).reshape([b, c, height, width])
        return self.out(h)


def test_rows_that_are_cut_through_freeze_only_themselves():
    graph = laws.check_all(laws.stir(Shuffles()), (1, 3, 6, 6))["graph"]
    made = [g for g in graph.groups if any(m.parameter == "a.weight" and m.axis == 0 for m in g.members)]
    assert sum(g.units for g in made if g.prunable) >= 3
    assert {g.units for g in made if not g.prunable} <= {1}


class Stacked(nn.Layer):
    """Weights that are kept apart, and stacked when they are used."""

    def __init__(self):
        super().__init__()
        self.weights = nn.ParameterList([self.create_parameter([6, 8]) for _ in range(3)])
        self.share, self.out = nn.Linear(6, 3), nn.Linear(8, 3)

    def forward(self, x):
        shares = F.sigmoid(self.share(x)).reshape([-1, 3, 1, 1])
        weights = (paddle.stack(list(self.weights)).unsqueeze(0) * shares).sum(1)
        return self.out(F.gelu(x.unsqueeze(1) @ weights).squeeze(1))


def test_the_models_own_tensors_are_stacked():
    assert laws.check_all(laws.stir(Stacked()), (1, 6))["gone"] > 0.4


class Fills(nn.Layer):
    """``h[mask] = value``: one value for all that a mask names."""

    def __init__(self, fill):
        super().__init__()
        self.a, self.out, self.fill = nn.Linear(6, 8), nn.Linear(8, 3), fill
        self.token = self.create_parameter([8])

    def forward(self, x):
        h = self.a(x)
        self.fill(self, h)
        return self.out(h)


def _clears(self, h):
    h[h < 0.1] = 0.0


def _sets(self, h):
    h[F.sigmoid(h) < 0.6] = 2.0


def _hides_tokens(self, h):
    h[h.sum(-1) > 0] = self.token


def _adds_to_tokens(self, h):
    h[h.sum(-1) > 0] += self.token


@pytest.mark.parametrize("fill", [_clears, _sets, _hides_tokens, _adds_to_tokens])
def test_what_a_mask_names_is_filled_unit_by_unit(fill):
    found = laws.check_all(laws.stir(Fills(fill)), (2, 5, 6))
    assert max(g.units for g in found["graph"].prunable) == 8


def _scales_chosen(self, h):
    chosen = h < 0.1
    h[chosen] = h[chosen] * 0.1


def test_values_in_the_order_of_a_mask_stay():
    """Each value belongs to one place: how many come before it is a matter of all."""
    graph = laws.check_all(laws.stir(Fills(_scales_chosen)), (2, 5, 6))["graph"]
    assert graph.group("a").reason == "positions that are chosen by their values"


class Responds(nn.Layer):
    """Each channel's norm over its map, against the mean of all (ConvNeXt V2); over two axes Paddle's norm with p=2 is
    the largest singular value of each map."""

    def __init__(self):
        super().__init__()
        self.a, self.out = nn.Conv2D(3, 8, 3, padding=1), nn.Linear(8, 4)
        self.gain = self.create_parameter([8], default_initializer=nn.initializer.Constant(0.5))

    def forward(self, x):
        h = F.gelu(self.a(x)).transpose([0, 2, 3, 1])
        response = paddle.linalg.norm(h, p=2, axis=(1, 2), keepdim=True)
        return self.out(self.gain * h * (response / (response.mean(-1, keepdim=True) + 1e-6)) + h)


def test_matrices_are_taken_apart_each_by_itself():
    assert laws.check_all(laws.stir(Responds()), (1, 3, 6, 6))["gone"] > 0.4


class Standardised(nn.Conv2D):
    """A weight whose filters have no mean and one spread (weight standardisation)."""

    def __init__(self, n_in, n_out, spread):
        super().__init__(n_in, n_out, 3, padding=1)
        self.spread = spread

    def forward(self, x):
        mean = self.weight.mean(1, keepdim=True).mean(2, keepdim=True).mean(3, keepdim=True)
        weight = self.weight - mean
        return F.conv2d(x, weight / (self.spread(weight) + 1e-5), self.bias, padding=1)


class Standardises(nn.Layer):
    def __init__(self, spread):
        super().__init__()
        self.a, self.b = Standardised(3, 8, spread), Standardised(8, 12, spread)
        self.out = nn.Conv2D(12, 4, 1)

    def forward(self, x):
        return self.out(F.relu(self.b(F.relu(self.a(x)))))


SPREADS = {
    "over the rest": lambda w: w.std([1, 2, 3], keepdim=True),
    "flat": lambda w: w.reshape([w.shape[0], -1]).std(1).reshape([-1, 1, 1, 1]),
    "by hand": lambda w: paddle.sqrt((w - w.mean([1, 2, 3], keepdim=True)).pow(2).mean([1, 2, 3], keepdim=True)),
}


@pytest.mark.parametrize("name", SPREADS)
def test_a_standardised_weight_goes_on_counting_what_is_gone(name):
    found = laws.check_all(laws.stir(Standardises(SPREADS[name])), (1, 3, 6, 6))
    assert {g.reason for g in found["graph"].groups} == {"", "the model's output"}
    assert found["gone"] > 0.6


def test_a_mean_over_other_positions_is_no_spread_about_it():
    """Filters lessened by their means over space are not lessened by those over all."""
    def spread(w):
        return (w - w.mean([2, 3], keepdim=True)).pow(2).mean([1, 2, 3], keepdim=True) + w.mean([1, 2, 3], keepdim=True)

    laws.check_all(laws.stir(Standardises(spread)), (1, 3, 6, 6))
