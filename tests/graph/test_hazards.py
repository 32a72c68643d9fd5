"""Networks whose obvious cut would be wrong: each is cut rightly or frozen, and says why."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from prunelab.errors import InputError
from prunelab.testing import laws


class Wide(nn.Layer):
    """A linear layer of eight units, then what a test does with them."""

    def __init__(self, then, n=8):
        super().__init__()
        self.a, self.out, self.then = nn.Linear(6, 8), nn.Linear(n, 3), then

    def forward(self, x):
        return self.out(self.then(self.a(x)))


class Overwritten(Wide):
    """A value that is not zero, repeated over units."""

    def __init__(self, step):
        super().__init__(None, 1)
        self.step, self.value = step, self.create_parameter([1, 1], default_initializer=nn.initializer.Constant(0.7))

    def forward(self, x):
        h = self.a(x)
        h[:, 2:6 : self.step] = self.value
        return self.out(h.sum(1, keepdim=True))


class Permuted(Wide):
    """A buffer of numbers by which units are read: where the numbers are cut, the first unit would be read."""

    def __init__(self):
        super().__init__(None, 1)
        self.register_buffer("order", paddle.to_tensor([3, 1, 0, 2, 7, 6, 5, 4]))

    def forward(self, x):
        return self.out(paddle.index_select(self.a(x), self.order, axis=1).sum(1, keepdim=True))


class Maps(nn.Layer):
    """Units that stand where a layer expects positions in space or steps in time."""

    def __init__(self, layer, last):
        super().__init__()
        self.a, self.layer, self.out, self.last = nn.Linear(9, 8), layer, nn.Linear(last, 3), last

    def forward(self, x):
        h = self.layer(self.a(x))
        return self.out(F.relu(h).sum(2) if self.last == 4 else h)


class Steps(nn.Layer):
    def __init__(self, kind):
        super().__init__()
        self.a, self.rnn, self.out = nn.Conv2D(1, 8, 3, padding=1), kind(64, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.out(self.rnn(self.a(x).flatten(2))[0][:, -1])


class Norm(nn.Layer):
    def __init__(self, use_global_stats):
        super().__init__()
        self.a, self.out = nn.Conv2D(3, 8, 3), nn.Linear(8, 3)
        self.n = nn.BatchNorm2D(8, use_global_stats=use_global_stats)

    def forward(self, x):
        return self.out(F.relu(self.n(self.a(x))).mean([2, 3]))


class Named(nn.Layer):
    """Parameters whose names a layer of ours might use itself; a constant; a forward that spells its width."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)
        self.origin, self._constant_0 = self.create_parameter([8]), self.create_parameter([8])
        self.hidden = [paddle.randn([8])]

    def forward(self, x):
        return self.b(F.relu(self.a(x)).reshape([-1, 8]) * self.hidden[0] + self._constant_0 + self.origin)


class Sampled(nn.Layer):
    """Heads folded into the batch, each read at places of its own: where a head goes, its places go."""

    def __init__(self):
        super().__init__()
        self.a, self.places, self.out = nn.Conv2D(3, 8, 1), nn.Linear(3, 4 * 5 * 2), nn.Linear(8, 3)

    def forward(self, x):
        n = x.shape[0]
        heads = self.a(x).reshape([n * 4, 2, 6, 6])
        grid = F.tanh(self.places(x.mean([2, 3]))).reshape([n * 4, 5, 1, 2])
        return self.out(F.grid_sample(heads, grid).reshape([n, 8, 5]).mean(2))


class Transformed(nn.Layer):
    """The image itself is read at places that are learnt, where Paddle's own backward would end the process."""

    def __init__(self):
        super().__init__()
        self.a, self.places, self.out = nn.Conv2D(1, 8, 3, stride=2), nn.Linear(8, 6), nn.Conv2D(1, 3, 3)

    def forward(self, x):
        grid = F.affine_grid(self.places(F.relu(self.a(x)).mean([2, 3])).reshape([-1, 2, 3]), x.shape)
        return self.out(F.grid_sample(x, grid))


HAZARDS = {
    "an image read at places": (Transformed, (1, 1, 8, 8)),
    "places of each head": (Sampled, (1, 3, 6, 6)),
    "one atom on two axes": (
        lambda: Wide(lambda h: (F.relu(h).unsqueeze(2) * F.sigmoid(h).unsqueeze(1)).sum(2)), (1, 6)),
    "a value repeated over units": (lambda: Overwritten(1), (1, 6)),
    "every second unit overwritten": (lambda: Overwritten(2), (1, 6)),
    "a roll over all axes": (lambda: Wide(lambda h: paddle.roll(h, 1)), (1, 6)),
    "units read by a buffer": (Permuted, (1, 6)),
    "a sum of exponentials": (
        lambda: Wide(lambda h: paddle.logsumexp(h.unsqueeze(2).tile([1, 1, 3]), 2).sum(1, keepdim=True), 1), (1, 6)),
    "a threshold with a value": (
        lambda: Wide(lambda h: F.thresholded_relu(h, 0.5, value=0.3).sum(1, keepdim=True), 1), (1, 6)),
    "units as space of an instance norm": (lambda: Maps(nn.InstanceNorm1D(4), 8), (1, 4, 9)),
    "units as space of a batch norm": (lambda: Maps(nn.BatchNorm1D(4), 4), (1, 4, 9)),
    "units as steps of an LSTM": (lambda: Steps(nn.LSTM), (1, 1, 8, 8)),
    "units as steps of a GRU": (lambda: Steps(nn.GRU), (1, 1, 8, 8)),
    "names of ours": (Named, (1, 6)),
    "division by what is zero for zero": (lambda: Wide(lambda h: h / (F.sigmoid(h) - 0.5)), (1, 6)),
    "a root of what is zero for zero": (lambda: Wide(lambda h: paddle.rsqrt(F.relu(F.sigmoid(h) - 0.5))), (1, 6)),
}


@pytest.mark.parametrize("name", HAZARDS)
def test_no_wrong_cut(name):
    make, inputs = HAZARDS[name]
    found = laws.check_all(laws.stir(make()), inputs)
    assert all(g.prunable or g.reason for g in found["graph"].groups)


def test_places_go_with_their_head():
    graph = laws.trace(Sampled().eval(), (1, 3, 6, 6))
    assert {m.parameter for m in graph.group("a:channel").members} >= {"a.weight", "places.weight", "out.weight"}


@pytest.mark.parametrize("use_global_stats", [True, False, None])
def test_a_batch_norm_keeps_its_own_mind_about_statistics(use_global_stats):
    model = laws.stir(Norm(use_global_stats))
    x = paddle.randn([4, 3, 8, 8])
    for training in (False, True):
        model.train() if training else model.eval()
        graph = laws.trace(model, (1, 3, 8, 8))
        before = model.n._mean.numpy().copy()
        theirs = model(x)
        after = model.n._mean.numpy().copy()
        with paddle.no_grad():
            paddle.assign(paddle.to_tensor(before), output=model.n._mean)
        assert bool((graph.run(x) - theirs).abs().max() < 1e-6)
        assert (model.n._mean.numpy() == after).all()


class Centred(Wide):
    """The batch as a number: no width tells it."""

    def __init__(self):
        super().__init__(None)

    def forward(self, x):
        h = F.relu(self.a(x))
        return self.out(h - h.sum(0, keepdim=True) / x.shape[0]), paddle.zeros([x.shape[0], 4])


def test_a_batch_that_is_more_than_a_width_is_the_given_one():
    model = Centred()
    for n in (1, 4):
        graph = laws.trace(model, (n, 6))
        assert graph.input_specs[0].batch_axis is None
        x = paddle.randn([n, 6])
        assert all(bool((a == b).all()) for a, b in zip(graph.run(x), model(x), strict=True))
        with pytest.raises(InputError, match="was traced for"):
            graph.run(paddle.randn([n + 1, 6]))


DIVISORS = {
    "1 + exp": (lambda h: h / (1 + paddle.exp(-h)), 8), "softplus": (lambda h: h / F.softplus(h), 8),
    "epsilon": (lambda h: h / (h.abs() + 1e-3), 8), "root": (lambda h: h * paddle.rsqrt(h * h + 1e-3), 8),
    "clip": (lambda h: h / paddle.clip(h, 0.1, 2.0), 8), "maximum": (lambda h: h / paddle.maximum(
        h, paddle.full([1], 0.3)), 8),
    "of both signs": (lambda h: h / (-F.sigmoid(h) - 0.2), 8), "a square": (lambda h: h / (h**2 + 0.1), 8),
    "over units": (lambda h: h / (h.abs() + (h * h).mean(-1, keepdim=True) + 0.1), 8),
    "products of exponentials": (lambda h: h / (paddle.exp(h.unsqueeze(-1) * paddle.ones([3])) @ paddle.exp(
        h.sum(-1).reshape([-1, 1, 1]) * paddle.ones([3, 1]))).squeeze(-1), 8),
    "an einsum of exponentials": (lambda h: h / paddle.einsum("bc,b->bc", paddle.exp(h), paddle.exp(h.sum(-1))), 8),
    "a product of any sign": (lambda h: h / (paddle.exp(h.unsqueeze(-1) * paddle.ones([3])) @ h.sum(-1).reshape(
        [-1, 1, 1]).expand([-1, 3, 1])).squeeze(-1), 0),
    "products with units of their own": (lambda h: h / (paddle.exp(h) + (F.sigmoid(h).unsqueeze(2) * F.sigmoid(
        h).unsqueeze(1) @ h.unsqueeze(2)).squeeze(2)), 0),
    "over units, of any sign": (lambda h: h / (h.sum(-1, keepdim=True) + F.sigmoid(h)), 0),
    "a difference": (lambda h: h / (F.sigmoid(h) - 0.5), 0), "cosine minus one": (lambda h: h / (paddle.cos(h) - 1), 0),
}


@pytest.mark.parametrize("name", DIVISORS)
def test_what_may_divide(name):
    """A divisor that is known to be no zero where cut leaves the units free; one that may be freezes them."""
    then, units = DIVISORS[name]
    graph = laws.trace(laws.stir(Wide(then)).eval(), (1, 6))
    found = sum(g.units for g in graph.prunable if "a" in g.layers)
    assert found == units
    if units:
        laws.check_exact(graph, laws.half_of_every_group(graph))
    else:
        assert "may be zero where cut" in graph.group("a").reason


class Lengths(nn.Layer):
    def __init__(self, kind, lengths):
        super().__init__()
        self.rnn, self.out, self.lengths = kind(6, 8), nn.Linear(8, 3), lengths

    def forward(self, x, mask):
        return self.out(self.rnn(x, sequence_length=self.lengths(mask).astype("int32"))[0])


MASKED = [(2, 5, 6), (2, 5)]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_a_mask_in_the_place_of_lengths_is_refused(kind):
    """Paddle takes it, and writes beyond the end of what it has."""
    with pytest.raises(InputError, match=r"takes lengths of shape \(2,\), .* gets \(2, 5\); of a mask give .*sum\(1\)"):
        laws.trace(Lengths(kind, lambda mask: mask), MASKED)
    assert laws.trace(Lengths(kind, lambda mask: mask.sum(1)), MASKED).group("rnn").prunable
