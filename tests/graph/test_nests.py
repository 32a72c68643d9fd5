"""Forwards that take dicts and lists of tensors, and tensors by keyword only."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import prunelab as pl
from prunelab.evaluate.memory import peak_memory
from prunelab.evaluate.network_latency import NetworkLatency
from prunelab.export import benchmark
from prunelab.export.examples import load_examples
from prunelab.surgery import GraphLayer
from prunelab.testing import laws


class Detector(nn.Layer):
    """A dict of tensors, as PaddleDetection's networks take it."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(8, 8, 1), nn.Conv2D(8, 2, 1)

    def features(self, image):
        return F.relu(self.b(F.relu(self.a(image))))

    def forward(self, inputs):
        h = self.features(inputs["image"])
        return {"map": self.out(h), "scale": inputs["scale_factor"] * inputs["image"].mean()}


class Spelled(Detector):
    """So that only a graph can be smaller."""

    def features(self, image):
        return F.relu(self.b(F.relu(self.a(image)).reshape([0, 2, 4, 6, 6]).reshape([0, 8, 6, 6])))


class Deep(Detector):
    def forward(self, x, more, *, scale=None):
        h = self.features(x) + self.features(more["images"][0]) * more["images"][1].mean()
        return self.out(h if scale is None else h * scale)


class Two(nn.Layer):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, more, more_images):
        return self.fc(more["images"][0]) + self.fc(more_images[0])


IMAGES = {"inputs": {"image": (1, 3, 6, 6), "scale_factor": (1, 2)}}
DEEP = {"x": (1, 3, 6, 6), "more": {"images": [(1, 3, 6, 6), (1, 4)]}, "scale": (1, 1, 1, 1)}


@pytest.mark.parametrize(("cls", "inputs"), [
    (Detector, IMAGES), (Detector, [IMAGES["inputs"]]), (Spelled, IMAGES), (Deep, DEEP),
    (Deep, [DEEP["x"], DEEP["more"]])])
def test_all_laws_hold_of_nests(cls, inputs):
    found = laws.check_all(laws.stir(cls()), inputs)
    assert found["gone"] > 0.4
    assert (found["form"] == cls.__name__) == (cls is not Spelled)


@pytest.mark.parametrize("cls", [Detector, Spelled])
def test_graph_and_smaller_model_take_what_the_model_takes(cls):
    model = laws.stir(cls()).eval()
    graph = pl.trace(model, IMAGES)
    assert [s.name for s in graph.input_specs] == ["inputs.image", "inputs.scale_factor"]
    batch = {"scale_factor": paddle.rand([2, 2]), "image": paddle.rand([2, 3, 6, 6])}  # in another order
    plan = pl.propose(graph, sparsity=0.5)
    small = pl.compact(model, pl.Plan.from_json(plan.to_json()))
    assert isinstance(small, GraphLayer) == (cls is Spelled)
    with pl.mask(model, plan):
        masked = model(batch)
    for ours, theirs in ((graph.run(batch), model(batch)), (small(batch), masked), (small(inputs=batch), masked)):
        assert ours.keys() == theirs.keys()
        assert all(paddle.allclose(ours[k], theirs[k], atol=1e-5) for k in ours)


def test_time_and_memory_of_nests():
    assert pl.latency(Detector(), IMAGES, runs=2, warmup=1).median_ms > 0
    assert peak_memory(Detector(), IMAGES).peak_bytes > 0


@pytest.mark.parametrize("cls", [Detector, Spelled])
def test_what_stands_in_a_nest_is_an_input_of_its_own_in_a_file(cls, tmp_path):
    model = laws.stir(cls()).eval()
    small = pl.compact(model, pl.propose(pl.trace(model, IMAGES), sparsity=0.5))
    given = {"inputs": {"image": paddle.rand([2, 3, 6, 6]), "scale_factor": paddle.rand([2, 2])}}
    out = pl.export(small, tmp_path / "out", formats=("paddle", "onnx"), inputs=given)
    said = out.manifest["formats"]["onnx"]["inputs"]
    assert [i["name"] for i in said] == ["inputs_image", "inputs_scale_factor"]
    assert max(out.parity.values()) < 1e-5
    examples = load_examples(tmp_path / "out", [i["name"] for i in said])
    np.testing.assert_array_equal(examples[2].inputs["inputs_image"], given["inputs"]["image"].numpy())
    assert "forward" not in vars(small)


class Sentences(nn.Layer):
    """A mask by name, since what stands before it is left out."""

    def __init__(self):
        super().__init__()
        self.embed, self.up, self.out = nn.Embedding(9, 4), nn.Linear(4, 8), nn.Linear(8, 2)

    def hidden(self, input_ids):
        return F.relu(self.up(self.embed(input_ids)))

    def forward(self, input_ids, token_type_ids=None, mask=None):
        return self.out((self.hidden(input_ids) * mask.unsqueeze(-1)).mean(1))


class SpelledSentences(Sentences):
    def hidden(self, input_ids):
        return super().hidden(input_ids).reshape([0, 6, 2, 4]).reshape([0, 6, 8])


SENTENCES = {"mask": (1, 6), "input_ids": paddle.static.InputSpec([1, 6], "int64")}


def test_what_is_left_out_before_an_input_is_its_default():
    model = laws.stir(Sentences()).eval()
    graph = pl.trace(model, {**SENTENCES, "token_type_ids": None})
    ids, mask = paddle.to_tensor([[1, 2, 3, 4, 5, 6]]), paddle.rand([1, 6])
    assert [s.name for s in graph.input_specs] == ["mask", "input_ids"]
    assert paddle.equal_all(graph.run(mask, ids), model(ids, mask=mask))
    with pytest.raises(pl.PrunelabError, match=r"leaves out 'input_ids', which Sentences\.forward requires"):
        pl.trace(model, {"mask": (1, 6)})


def test_a_file_of_inputs_by_name_takes_any_length(tmp_path):
    lengths = {"input_ids": 1, "mask": 1}
    out = pl.export(laws.stir(Sentences()), tmp_path / "out", formats=("paddle", "onnx"), inputs=SENTENCES,
                    lengths=lengths)
    assert max(out.parity.values()) < 1e-5
    model = laws.stir(SpelledSentences()).eval()
    plan = pl.propose(pl.trace(model, SENTENCES), sparsity=0.5)
    small = pl.compact(model, plan)
    assert isinstance(small, GraphLayer)
    with pytest.raises(pl.PrunelabError, match="SpelledSentences takes mask in a nest or by name, and is a GraphLayer"):
        pl.export(small, tmp_path / "none", formats=("onnx",), dense=model, plan=plan, lengths=lengths)


def test_runtimes_and_clocks_take_nests():
    table = benchmark(Detector(), IMAGES, runs=2, warmup=1)
    assert {m.runtime for m in table.rows} == {"dygraph", "paddle"}
    clock = NetworkLatency(pl.trace(Detector(), IMAGES))
    assert clock.measured(pl.Plan.empty(clock.graph), runs=2).median_ms > 0


def test_inputs_of_one_name_are_refused(tmp_path):
    with pytest.raises(pl.PrunelabError, match=r"more\.images\.0 and more_images\.0 would both be called more_"):
        pl.export(Two(), tmp_path / "out", formats=("onnx",),
                  inputs={"more": {"images": [(1, 3)]}, "more_images": [(1, 3)]})


class Scene(Detector):
    def forward(self, inputs):
        return self.out(self.features(inputs["image"]) * inputs["scale_factor"].mean()).mean([2, 3])


def test_a_model_that_runs_as_its_graph_while_it_is_masked_takes_the_same_batches():
    shapes = {"image": (1, 3, 8, 8), "scale_factor": (1, 2)}
    model = laws.stir(Scene()).eval()
    plan = pl.propose(pl.trace(model, [shapes]), granularity="spatial", sparsity=0.5)
    batch = {"scale_factor": paddle.rand([4, 2]), "image": paddle.rand([4, 3, 8, 8])}, paddle.to_tensor([0, 1, 1, 0])
    with pl.mask(model, plan):
        masked = pl.evaluate(model, [batch])
    assert pl.evaluate(pl.compact(model, plan), [batch]) == pytest.approx(masked, rel=1e-5)
    assert pl.evaluate(model, [batch])["loss"] != masked["loss"]


def test_what_a_nest_lacks_is_told():
    graph = pl.trace(Detector(), IMAGES)
    with pytest.raises(pl.PrunelabError, match=r"no inputs\.scale_factor"):
        graph.run({"image": paddle.rand([1, 3, 6, 6])})
    with pytest.raises(pl.PrunelabError, match=r"'image', which Detector.*give {'inputs': {...}}"):
        pl.trace(Detector(), IMAGES["inputs"])
    with pytest.raises(pl.PrunelabError, match="'picture', which Deep"):
        pl.trace(Deep(), {"picture": {"a": (1, 3)}})
    with pytest.raises(pl.PrunelabError, match=r"'inputs' holds str"):
        pl.trace(Detector(), {"inputs": {"image": "large"}})
