"""Saved programs and ONNX files as layers that train: the same numbers, the same groups, the laws."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import prunelab as pl
from prunelab.data.saved.onnx.layer import TABLE
from prunelab.errors import DataError, OptionError
from prunelab.testing import laws


class Images(nn.Layer):
    """What image networks have."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2D(3, 8, 3, 2, 1), nn.BatchNorm2D(8)
        self.depth, self.wide = nn.Conv2D(8, 8, 3, padding=1, groups=8), nn.Conv2D(8, 16, 1)
        self.pool, self.up, self.head = nn.MaxPool2D(3, 2, 1), nn.Conv2DTranspose(16, 8, 2, 2), nn.Linear(8, 4)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        x = self.pool(F.hardswish(self.norm(self.stem(x))))
        x = F.relu6(self.up(F.silu(self.wide(self.depth(x) + x))))
        gate = F.sigmoid(F.adaptive_avg_pool2d(x, 1))
        return self.head(self.drop((x * gate).mean([2, 3])))


class Words(nn.Layer):
    """What text networks have."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, activation="gelu")
        self.words, self.encoder, self.head = nn.Embedding(20, 8), nn.TransformerEncoder(layer, 2), nn.Linear(8, 3)

    def forward(self, ids):
        return self.head(self.encoder(self.words(ids))[:, 0])


class Recurrent(nn.Layer):
    def __init__(self):
        super().__init__()
        self.words, self.rnn, self.gru = nn.Embedding(20, 6), nn.LSTM(6, 5, direction="bidirect"), nn.GRU(10, 7)
        self.head = nn.Linear(7, 3)

    def forward(self, ids):
        return self.head(self.gru(self.rnn(self.words(ids))[0])[0].mean(1))


IMAGES, IDS = [paddle.zeros([1, 3, 16, 16])], [paddle.zeros([1, 6], "int64")]
NETWORKS = {"images": (Images, IMAGES), "words": (Words, IDS), "recurrent": (Recurrent, IDS)}


def saved(name, form, folder):
    make, inputs = NETWORKS[name]
    paddle.seed(1)
    model = laws.stir(make()).eval()
    if form == "onnx":
        pl.export(model, folder / "out", formats=("onnx",), inputs=inputs)
        return model, folder / "out" / "model.onnx"
    spec = [paddle.static.InputSpec([-1, *x.shape[1:]], str(x.dtype).rpartition(".")[2], name=f"x{k}")
            for k, x in enumerate(inputs)]
    paddle.jit.save(model, str(folder / "m"), input_spec=spec)
    return model, folder / "m.json"


@pytest.mark.parametrize("form", ["paddle", "onnx"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_model_is_traced_cut_and_trained_as_the_model_is(name, form, tmp_path):
    model, path = saved(name, form, tmp_path)
    loaded = pl.load_model(path)
    assert loaded.training
    loaded.eval()
    _, inputs = NETWORKS[name]
    rng = np.random.default_rng(0)
    for batch in (1, 5):
        shape = [batch, *inputs[0].shape[1:]]
        x = paddle.to_tensor(rng.integers(20, size=shape) if "int" in str(inputs[0].dtype) else
                             rng.normal(size=shape).astype("float32"))
        np.testing.assert_allclose(loaded(x).numpy(), model(x).numpy(), rtol=1e-4, atol=1e-5)
    dense, graph = pl.trace(model, inputs), pl.trace(loaded, inputs)
    assert (graph.cost().params, graph.cost().macs) == (dense.cost().params, dense.cost().macs)
    assert sorted(g.units for g in graph.prunable) == sorted(g.units for g in dense.prunable)
    plan = pl.propose(graph, sparsity=0.5)
    laws.check_cost(graph, plan, laws.check_exact(graph, plan))
    before = loaded(x).numpy()
    pl.finetune(loaded, [(x, paddle.zeros([5], "int64"))], epochs=2, lr=0.01)
    assert np.abs(loaded(x).numpy() - before).max() > 1e-3
    assert pl.evaluate(loaded, [(x, paddle.zeros([5], "int64"))])["loss"] > 0


def test_batch_norm_and_dropout_follow_the_mode_again(tmp_path):
    _, path = saved("images", "paddle", tmp_path)
    loaded = pl.load_model(path)
    mean = next(t for n, t in loaded.named_buffers() if n.endswith("w_1"))
    before, x = mean.numpy().copy(), paddle.rand([4, 3, 16, 16])
    assert np.abs(loaded(x).numpy() - loaded(x).numpy()).max() > 0
    assert np.abs(mean.numpy() - before).max() > 0
    loaded.eval()
    np.testing.assert_array_equal(loaded(x).numpy(), loaded(x).numpy())


def test_what_prunelab_exported_and_its_smaller_model_comes_back(tmp_path):
    model = laws.stir(Words()).eval()
    plan = pl.propose(pl.trace(model, IDS), sparsity=0.5)
    small = pl.compact(model, plan)
    pl.export(small, tmp_path / "out", formats=("paddle", "onnx"), inputs=IDS)
    x = paddle.randint(0, 20, [3, 6])
    for name in ("model.json", "model.pdiparams", "model.onnx"):
        loaded = pl.load_model(tmp_path / "out" / name)
        loaded.eval()
        np.testing.assert_allclose(loaded(x).numpy(), small(x).numpy(), rtol=1e-4, atol=1e-5)
        lab = pl.Lab(loaded, inputs=IDS)
        assert lab.step(ratio=0.5).cost.params < plan.cost.params


def test_files_that_are_missing_damaged_or_old(tmp_path):
    _, path = saved("words", "paddle", tmp_path)
    with pytest.raises(OptionError, match="is a saved model; it takes no arguments"):
        pl.load_model(path, 3)
    path.with_suffix(".pdiparams").rename(tmp_path / "away")
    with pytest.raises(DataError, match=r"there is no file '.*m\.pdiparams'"):
        pl.load_model(path)
    (tmp_path / "away").rename(path.with_suffix(".pdiparams"))
    path.write_text("{}")
    with pytest.raises(DataError, match="cannot be read as a program of Paddle 3"):
        pl.load_model(path)
    for name, says in (("a.onnx", "is no ONNX file"), ("a.pdmodel", "is a program of Paddle 2")):
        (tmp_path / name).write_bytes(b"no")
        with pytest.raises((DataError, OptionError), match=says):
            pl.load_model(tmp_path / name)
    with pytest.raises(DataError, match="there is no file"):
        pl.load_model(tmp_path / "b.onnx")


def test_an_int8_file_says_why_it_does_not_train(tmp_path):
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    pl.export(model, tmp_path / "out", formats=("onnx-int8",), inputs=(1, 6),
              data=[(paddle.rand([64, 6]), paddle.zeros([64], "int64"))])
    with pytest.raises(OptionError, match=r"has nodes of DequantizeLinear, .*which have no form that trains"):
        pl.load_model(tmp_path / "out" / "model_int8.onnx")


def one_node(folder, op, inputs, constants=(), opset=17, **attributes):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    names = [f"x{k}" for k in range(len(inputs))]
    held = [numpy_helper.from_array(c, f"c{k}") for k, c in enumerate(constants)]
    weight = numpy_helper.from_array(np.ones((1, inputs[0].shape[-1]), "float32"), "w")
    nodes = [helper.make_node("Mul", [names[0], "w"], ["y0"], "scale"),
             helper.make_node(op, ["y0", *names[1:], *[f"c{k}" for k in range(len(constants))]], ["out"], "node",
                              **attributes)]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(x.shape))
                                           for n, x in zip(names, inputs, strict=True)],
                              [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)], [weight, *held])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, str(folder / "n.onnx"))
    return folder / "n.onnx"


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 4, 6, 6)).astype("float32"), RNG.normal(size=(2, 4, 6, 6)).astype("float32")


def ints(*n):
    return np.array(n, "int64")


# operator -> (inputs, known inputs, attributes): beside what the networks above hold
NODES = {
    **{name: ([X], (), {}) for name in ("Elu Selu Softplus Softsign Tanh Erf Exp Abs Neg Floor Ceil Sin Cos Sign "
                                        "LeakyRelu Celu HardSigmoid HardSwish GlobalMaxPool LogSoftmax").split()
       },
    **{name: ([X, Y], (), {}) for name in ("Sub", "Div", "Min", "Max", "Sum")},
    **{name: ([X], (), {"axes": [1, 2], "keepdims": 0}) for name in ("ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2",
                                                                     "ReduceMean")},
    "ReduceSum": ([X], (ints(1, -1),), {}),
    "Clip": ([X], (np.array(-0.5, "float32"), np.array(0.5, "float32")), {}),
    "PRelu": ([X], (np.array([[[0.1]], [[0.2]], [[0.3]], [[0.4]]], "float32"),), {}),
    "Pow": ([X], (np.array(2, "float32"),), {}),
    "Pad": ([X], (ints(0, 0, 1, 2, 0, 0, 3, 0),), {}),
    "Resize": ([X], (np.array([], "float32"), np.array([1, 1, 2, 2], "float32")),
               {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}),
    "Transpose": ([X], (), {"perm": [0, 2, 3, 1]}),
    "Flatten": ([X], (), {"axis": 2}),
    "Slice": ([X], (ints(5, 1), ints(-100, 3), ints(3, 1), ints(-2, 1)), {}),
    "Gather": ([X], (ints(2, 0),), {"axis": -1}),
    "Expand": ([X[:, :1]], (ints(2, 3, 6, 6),), {}),
    "Tile": ([X], (ints(1, 1, 2, 1),), {}),
    "Squeeze": ([X[:, :1]], (ints(1),), {}),
    "Unsqueeze": ([X], (ints(0, 2),), {}),
    "Reshape": ([X], (ints(0, -1, 3),), {}),
    "DepthToSpace": ([X], (), {"blocksize": 2, "mode": "CRD"}),
    "AveragePool": ([X], (), {"kernel_shape": [3, 3], "pads": [1, 0, 1, 1], "strides": [2, 1]}),
    "MaxPool": ([X], (), {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "Einsum": ([X, Y], (), {"equation": "abcd,abed->abce"}),
    "InstanceNormalization": ([X], (np.arange(4, dtype="float32"), np.ones(4, "float32")), {}),
    "LayerNormalization": ([X], (np.arange(6, dtype="float32"), np.ones(6, "float32")), {}),
    "Conv": ([X], (RNG.normal(size=(4, 2, 3, 3)).astype("float32"),),
             {"auto_pad": "SAME_LOWER", "group": 2, "strides": [2, 2]}),
}


@pytest.mark.parametrize("op", NODES)
def test_a_node_computes_what_onnx_runtime_does(op, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    inputs, constants, attributes = NODES[op]
    path = one_node(tmp_path, op, inputs, constants, **attributes)
    layer = pl.load_model(path)
    layer.eval()
    theirs = onnxruntime.InferenceSession(str(path)).run(None, {f"x{k}": x for k, x in enumerate(inputs)})[0]
    found = layer(*map(paddle.to_tensor, inputs)).numpy()
    assert found.shape == theirs.shape
    np.testing.assert_allclose(found, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("op", "constants", "attributes", "says"), [
    ("DepthToSpace", (), {"blocksize": 2}, "in the mode DCR"),
    ("Resize", (np.array([], "float32"), np.array([1, 1, 1.5, 1.5], "float32")), {"mode": "cubic"}, "it is cubic"),
    ("Hardmax", (), {}, "has nodes of Hardmax"),
    ("Floor", (), {}, None),
])
def test_a_form_that_does_not_train_is_named(op, constants, attributes, says, tmp_path):
    path = one_node(tmp_path, op, [X], constants, **attributes)
    if says is None:
        assert op in TABLE
        pl.load_model(path)
        return
    with pytest.raises(OptionError, match=f"cannot be made trainable again: .*{says}"):
        pl.load_model(path)


@pytest.mark.parametrize(("op", "attributes", "says"), [
    ("GRU", {}, "its reset gate comes before the product"),
    ("LSTM", {"direction": "reverse"}, "it runs backwards only"),
    ("LSTM", {"activations": ["Relu", "Tanh", "Tanh"]}, "its activations are Relu, Tanh, Tanh"),
])
def test_a_recurrent_form_that_paddle_does_not_have_is_named(op, attributes, says, tmp_path):
    gates = {"GRU": 3, "LSTM": 4}[op]
    w, r = (RNG.normal(size=(1, gates * 2, 2)).astype("float32") for _ in range(2))
    path = one_node(tmp_path, op, [RNG.normal(size=(3, 1, 2)).astype("float32")], (w, r), hidden_size=2, **attributes)
    with pytest.raises(OptionError, match=f"cannot be made trainable again: of a recurrent node, {says}"):
        pl.load_model(path)
