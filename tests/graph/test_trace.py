from __future__ import annotations

import gc

import paddle
import paddle.nn.functional as F
import pytest
from networks import Encoder, NamedOutputs, Residual
from paddle import nn
from paddle.jit.dy2static import program_translator
from paddle.static import InputSpec

import prunelab as pl
from prunelab.errors import InputError, TraceError
from prunelab.testing import laws
from prunelab.testing.laws import bits


class Branches(nn.Layer):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        if x.sum() > 0:
            x = self.fc(x)
        return x


class Loops(Branches):
    def forward(self, x):
        while x.sum() < 10:
            x = x + 1
        return self.fc(x)


class Counts(Branches):
    calls = 0

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.fc(x)


class CountsAnew(Branches):
    """The first call makes the counter, so nothing of it stood there before."""

    def forward(self, x):
        self.n = getattr(self, "n", 0) + 1
        return self.fc(x)


class Accumulates(Branches):
    """A buffer that holds something else after every call."""

    def __init__(self):
        super().__init__()
        self.register_buffer("total", paddle.zeros([4]))

    def forward(self, x):
        paddle.assign(self.what(x), output=self.total)
        return self.fc(x) + self.total

    def what(self, x):
        return self.total + 1


class Averages(Accumulates):
    def what(self, x):
        return x.mean(0)


class Notes(Branches):
    """A number that is the same at every call is no side effect."""

    def forward(self, x):
        self.scale, self.sizes = 4**-0.5, [4, {"out": 4}]
        return self.fc(x) * self.scale


class Caches(Branches):
    """Writes down a constant at its first call, as rotary positions do: the same at every call, so no side effect."""

    def __init__(self):
        super().__init__()
        self.table = None

    def forward(self, x):
        if self.table is None:
            self.table = paddle.arange(4, dtype="float32").cos()
        return self.fc(x) * self.table


class Broken(Branches):
    def forward(self, x):
        return self.fc(x).no_such_method()


class LacksKernel(Branches):
    """Batch norm across devices is none of a CPU's operators."""

    def __init__(self):
        super().__init__()
        self.norm = nn.SyncBatchNorm(4)

    def forward(self, x):
        return self.norm(self.fc(x))


class Rounds(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Quantises(Branches):
    """Rounds as if it did not: no operator has that gradient."""

    def forward(self, x):
        return Rounds.apply(self.fc(x))


class Lazy(Branches):
    """Makes a layer when it knows what comes; the process would end over a parameter that a program made."""

    def __init__(self):
        super().__init__()
        self.out = None

    def forward(self, x):
        h = self.fc(x)
        self.out = self.out or nn.Linear(h.shape[-1], 3)
        return self.out(h)


@pytest.mark.parametrize(("cls", "says"), [
    (Branches, "an if on the values of a tensor (test_trace.py, line"),
    (Loops, "a loop on the values of a tensor (test_trace.py, line"),
    (Counts, "'calls'"),
    (CountsAnew, "'n'"),
    (Accumulates, "depends on what it held before"),
    (Averages, "depends on the inputs"),
    (Broken, "its own forward fails (test_trace.py, line"),
    (Quantises, "a PyLayer with a backward of its own (test_trace.py, line"),
    (Lazy, "its forward makes a Linear with parameters of its own (test_trace.py, line"),
    (LacksKernel, "The kernel `sync_batch_norm` is not registered"),
])
def test_what_cannot_be_read_is_told_with_its_place(cls, says):
    model = cls()
    before = bits(model)
    with pytest.raises(TraceError) as error:
        pl.trace(model, (1, 4))
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert bits(model) == before
    assert getattr(model, "calls", 0) == 0


def test_a_layer_that_is_made_at_the_first_call_is_there_at_the_second():
    model = Lazy()
    model(paddle.randn([2, 4]))
    assert laws.check_all(model, (1, 4))["gone"] > 0.4


class WritesAndFails(Accumulates):
    def forward(self, x):
        self.total.add_(self.fc.bias + 1)
        return self.fc(x).no_such_method()


@pytest.mark.parametrize("cls", [WritesAndFails, Accumulates, Averages])
def test_a_model_that_cannot_be_read_keeps_its_buffers(cls):
    model = cls()
    with pytest.raises(TraceError):
        pl.trace(model, (1, 4))
    assert (model.total.numpy() == 0).all()


def test_a_class_is_no_model():
    with pytest.raises(InputError, match=r"make one: Branches\("):
        pl.trace(Branches, (1, 4))


def test_a_cache_of_constants_is_read_and_left_unwritten():
    model = Caches()
    graph = pl.trace(model, (1, 4))
    assert model.table is None
    x = paddle.randn([3, 4])
    assert bool((graph.run(x) == model(x)).all())


def test_a_number_that_stays_is_no_side_effect():
    model = Notes()
    graph = pl.trace(model, (1, 4))
    assert not hasattr(model, "scale")
    x = paddle.randn([3, 4])
    assert bool((graph.run(x) == model(x)).all())


class Normalised(nn.Layer):
    """A weight that is computed from others at every call, and written over the old one."""

    def __init__(self, kind):
        super().__init__()
        self.a, self.b = kind(nn.Conv2D(3, 8, 3)), kind(nn.Conv2D(8, 4, 1))

    def forward(self, x):
        return self.b(F.relu(self.a(x)))


@pytest.mark.parametrize("kind", [nn.utils.weight_norm, nn.utils.spectral_norm])
def test_a_graph_computes_a_weight_that_is_written_at_every_call(kind):
    model = laws.stir(Normalised(kind))
    for parameter in model.parameters():  # the weight that hangs there is stale now
        parameter.set_value(parameter * 1.5)
    found = laws.check_all(model, (1, 3, 8, 8))
    assert found["groups"] == 1
    assert found["gone"] > 0.4
    assert found["form"] == "Normalised"
    group = found["graph"].group("a")
    assert [str(m) for m in group.makers] in (["a.weight_v[0]"], ["a.weight_orig[0]"])


class Spectral(nn.Layer):
    """The layer that divides a weight by its largest singular value."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.norm = nn.Linear(6, 8), nn.Linear(8, 3), nn.SpectralNorm([6, 8], dim=1, power_iters=2)

    def forward(self, x):
        return self.b(paddle.matmul(x, self.norm(self.a.weight)) + self.a.bias)


def test_a_weight_over_its_largest_singular_value():
    assert laws.check_all(laws.stir(Spectral()), (1, 6))["groups"] == 1


@pytest.mark.parametrize("inputs", [(1, 5, 16, 16), (1, 3, 16), [(1, 3, 16, 16), (1, 3)]])
def test_inputs_the_forward_does_not_take(inputs):
    with pytest.raises((InputError, TraceError)) as error:
        pl.trace(Residual(), inputs)
    assert "give" in str(error.value)


@pytest.mark.parametrize(("inputs", "says"), [
    ("x", "str 'x'"), ((1, 3, None, 16), "(1, 3, None, 16)"), ((1, 0, 4), "at least"), ([], "empty"),
    ({"y": (1, 3)}, "'y'"), (3.5, "3.5"),
])
def test_inputs_that_are_no_inputs(inputs, says):
    with pytest.raises(InputError, match="input") as error:
        pl.trace(Residual(), inputs)
    assert says in str(error.value)


def test_a_model_that_is_no_layer():
    with pytest.raises(InputError, match=r"give a paddle\.nn\.Layer"):
        pl.trace(lambda x: x, (1, 3))


@pytest.mark.parametrize("inputs", [
    (2, 3, 16, 16), [(2, 3, 16, 16)], InputSpec([None, 3, 16, 16]), paddle.zeros([2, 3, 16, 16]),
    {"x": (-1, 3, 16, 16)},
])
def test_the_ways_to_give_inputs(inputs):
    assert pl.trace(Residual(), inputs).input_specs[0].shape[1:] == (3, 16, 16)


def test_the_structure_does_not_depend_on_the_inputs_size():
    model = Residual()
    assert pl.trace(model, (1, 3, 16, 16)).fingerprint == pl.trace(model, (8, 3, 32, 32)).fingerprint


def test_a_paddle_model_and_a_model_in_train_mode():
    net = Encoder()
    net.train()
    graph = pl.trace(paddle.Model(net, InputSpec([1, 7], "int64", "ids")), InputSpec([1, 7], "int64"))
    assert graph.model is net
    assert net.training
    assert net.encoder.layers[0].dropout1.training
    paddle.seed(1)
    theirs = net(paddle.zeros([2, 7], "int64"))
    paddle.seed(1)
    ours = graph.run(paddle.zeros([2, 7], "int64"))
    assert bool((ours == theirs).all()), "dropout draws the same numbers in train mode"


def test_random_states_are_left():
    model = Encoder()
    paddle.seed(3)
    expected = paddle.randn([2])
    paddle.seed(3)
    pl.trace(model, InputSpec([1, 7], "int64"))
    assert bool((paddle.randn([2]) == expected).all())


def test_names_outputs_and_constants_in_the_nest():
    out = pl.trace(NamedOutputs(), [(1, 5), (1, 4)]).run(paddle.randn([2, 5]), paddle.randn([2, 4]))
    assert list(out) == ["classes", "rest"]
    assert out["rest"][1:] == (None, 2)


def test_two_models_of_one_class_do_not_mix():
    a, b = Residual(), Residual()
    x = paddle.randn([2, 3, 16, 16])
    graphs = [pl.trace(m, (1, 3, 16, 16)) for m in (a, b)]
    a.eval(), b.eval()
    assert all(bool((g.run(x) == m(x)).all()) for g, m in zip(graphs, (a, b), strict=True))


def test_a_forward_for_one_sample_only():
    class One(Branches):
        def forward(self, x):
            return self.fc(x.reshape([1, 4]))

    graph = pl.trace(One(), (1, 4))
    assert graph.input_specs[0].batch_axis is None
    assert tuple(graph.run(paddle.randn([1, 4])).shape) == (1, 4)


def test_a_squeeze_of_all_ones_is_read_at_the_batch_given():
    class Squeezes(Branches):
        def forward(self, x):
            return F.relu(self.fc(x)).squeeze()

    model = Squeezes()
    x = paddle.randn([1, 4])
    assert tuple(pl.trace(model, (1, 4)).run(x).shape) == tuple(model(x).shape)


def test_a_model_that_was_made_static_already():
    model = Residual()
    model.eval()
    static = paddle.jit.to_static(model, full_graph=True)
    forward = static.forward
    graph = pl.trace(static, (1, 3, 16, 16))
    assert static.forward is forward
    x = paddle.randn([2, 3, 16, 16])
    assert bool((graph.run(x) - static(x)).abs().max() < 1e-5)


class Twice(Caches):
    def forward(self, x):
        return super().forward(x) * 2


class FourTimes(Twice):
    """Paddle's rewriting of a super().forward over two levels calls itself without end."""

    def forward(self, x):
        return super().forward(x) * 2


def without_source():
    names = {"Branches": Branches}
    exec("class NoSource(Branches):\n    def forward(self, x):\n        return self.fc(x)", names)  # noqa: S102
    return names["NoSource"]()


class LoopsTwice(Branches):
    """A comprehension and a loop of one variable: Paddle's rewriting makes a nonlocal of it that is bound nowhere."""

    def forward(self, x):
        y = sum(self.fc(x) * k for k in range(2))
        for k in range(2):
            y = y + k * y
        return y


@pytest.mark.parametrize("make", [FourTimes, without_source, LoopsTwice])
def test_what_paddle_cannot_rewrite_is_read_as_it_runs(make):
    model = make()
    before = bits(model), dict(vars(type(model).forward))
    graph = pl.trace(model, (1, 4))
    assert (bits(model), dict(vars(type(model).forward))) == before
    x = paddle.randn([3, 4])
    assert bool((graph.run(x) == model(x)).all())


def test_a_branch_in_a_class_without_source_is_refused():
    names = {"Branches": Branches}
    exec("class NoSource(Branches):\n    def forward(self, x):\n        return self.fc(x) if x.sum() > 0 else x",  # noqa: S102
         names)
    with pytest.raises(TraceError, match="cannot be read as a graph"):
        pl.trace(names["NoSource"](), (1, 4))


@pytest.mark.parametrize("bad", [(1, 16, 16), paddle.zeros([1, 3, 16, 16], "int64")])
def test_a_model_can_be_read_after_a_failure(bad):
    """Paddle's own notes of a failed program end the process at the next one, unless they are taken away."""
    model = Residual()
    for _ in range(4):
        with pytest.raises((InputError, TraceError)):
            pl.trace(model, bad)
        gc.collect()
        assert len(pl.trace(model, (1, 3, 16, 16)).prunable) == 2


def test_a_shape_stands_for_floats_of_the_models_type():
    assert pl.trace(Residual().to(dtype="float64"), (1, 3, 16, 16)).input_specs[0].dtype == "float64"


class Deep(nn.Layer):
    def __init__(self, blocks):
        super().__init__()
        self.blocks = nn.LayerList([Block() for _ in range(blocks)])

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class Block(nn.Layer):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return x + F.relu(self.fc(x))


def test_a_forward_is_rewritten_once_for_all_layers_of_its_class(monkeypatch):
    rewritten = []
    cache = program_translator.FunctionCache
    convert = cache._convert
    monkeypatch.setattr(cache, "_convert", lambda self, f: rewritten.append(f.__qualname__) or convert(self, f))
    pl.trace(Deep(9), (1, 4))
    assert rewritten.count("Block.forward") == 1
    assert vars(program_translator._FUNCTION_CACHE).keys().isdisjoint({"convert_with_cache"})


class Chooses(Block):
    """Names its forward itself, as networks with several ways to compute one thing do."""

    def __init__(self):
        super().__init__()
        self.forward = self.forward


def test_a_forward_that_a_layer_names_itself_stays():
    model = nn.Sequential(Chooses(), Chooses()).eval()
    before = bits(model)
    pl.trace(model, (1, 4))
    assert bits(model) == before
    assert all("forward" in vars(layer) for layer in model)
    laws.check_all(model, (1, 4))


class AsksForSizes(nn.Layer):
    """A transformer's block that asks `paddle.shape` for all that it reshapes to."""

    def __init__(self):
        super().__init__()
        self.a, self.qkv, self.out = nn.Conv2D(3, 16, 4, 4), nn.Linear(16, 48), nn.Linear(16, 3)
        self.first = self.create_parameter([1, 1, 16])

    def forward(self, x):
        maps = self.a(x)
        h, w = paddle.shape(maps)[2:]
        x = F.interpolate(maps, size=paddle.shape(maps)[2:] * 2 - 1).flatten(2).transpose([0, 2, 1])
        x = paddle.concat([self.first.expand([paddle.shape(x)[0], 1, 16]), x], 1)
        n = paddle.shape(x).astype("int32")[1]
        q, k, v = self.qkv(x).reshape([paddle.shape(x)[0], n, 3, 4, -1]).transpose([2, 0, 3, 1, 4]).unbind(0)
        x = F.softmax(q @ k.transpose([0, 1, 3, 2]), -1) @ v
        return self.out(x.transpose([0, 2, 1, 3]).reshape([paddle.shape(x)[0], n, -1])[:, 0]) / (h * w)


class AsksForOneSize(nn.Layer):
    """A task head that slices the sizes it reshapes to, one by one (TOOD)."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2D(3, 12, 1), nn.Conv2D(12, 6, 1), nn.Conv2D(6, 2, 1)
        self.scale = self.create_parameter([1, 2, 1, 1, 1])

    def forward(self, x):
        h = F.relu(self.a(x))
        sizes = paddle.shape(h)
        sizes.stop_gradient = True
        batch, height, width = sizes[0:1], sizes[2:3], sizes[3:4]
        h = (h.reshape([batch, 2, 6, height, width]) * self.scale).flatten(1, 2)
        return self.out(F.relu(self.b(h))) / (height * width).astype("int32")[0]


class WantsATensor(AsksForSizes):
    """What takes sizes as a tensor only gets one."""

    def forward(self, x):
        return super().forward(x) * paddle.shape(x)[2].astype("float32")


@pytest.mark.parametrize(("cls", "least"), [(AsksForSizes, 0.6), (AsksForOneSize, 0.5), (WantsATensor, 0.0)])
def test_sizes_that_a_forward_asks_for_are_known(cls, least):
    shape = paddle.shape
    found = laws.check_all(laws.stir(cls()), (1, 3, 16, 16))
    assert found["gone"] >= least
    assert paddle.shape is shape
