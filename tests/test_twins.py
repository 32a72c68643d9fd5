"""A network is the same however its forward takes its inputs: in a row, by name, in dicts and lists. Twins of one
network, on batches of the same numbers in the form that each takes, give the same numbers everywhere."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import prunelab as pl
from prunelab.criteria import score
from prunelab.evaluate.forward import forward, in_mode
from prunelab.evaluate.samples import hold_for
from prunelab.graph.nests import told
from prunelab.lab.repeating import recipe_data
from prunelab.search.objectives import Aims, read_objectives
from prunelab.search.rehearsal import Rehearsal
from prunelab.search.workers.parcel import Parcel, as_bytes

N, CLASSES = 60, 3


class Row(nn.Layer):
    """Two inputs in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(6, 12), nn.Linear(4, 12)
        self.norm, self.drop, self.out = nn.BatchNorm1D(12), nn.Dropout(0.2), nn.Linear(12, CLASSES)

    def join(self, a: Any, b: Any) -> Any:
        return self.out(self.drop(F.relu(self.norm(F.relu(self.left(a)) + self.right(b)))))

    def forward(self, a, b):
        return self.join(a, b)


class Whole(Row):
    def forward(self, batch):
        return self.join(batch["a"], batch["b"])


class Named(Row):
    def forward(self, *, a, b):
        return self.join(a, b)


class Gap(Row):
    def forward(self, a, scale=None, b=None):
        return self.join(a if scale is None else a * scale, b)


class Deep(Row):
    def forward(self, a, more):
        return self.join(a, more["parts"][0])


class Judging(Row):
    """With a loss of its own, as Hugging Face's have."""

    def forward(self, a, b, labels=None):
        scores = self.join(a, b)
        return scores if labels is None else (F.cross_entropy(scores, labels), scores)


class Any_(Row):
    def forward(self, **inputs):
        return self.join(inputs["a"], inputs["b"])


@dataclass(frozen=True)
class Twin:
    """A form of the network, the form of a batch that it takes, and what it is traced with."""

    cls: type[Row]
    form: Callable[[Any, Any, Any], Any]

    def model(self) -> Row:
        paddle.seed(3)
        return self.cls()

    def data(self) -> list[Any]:
        return [self.form(*batch) for batch in rows()]

    def __str__(self) -> str:
        return self.cls.__name__


def rows() -> list[tuple[Any, Any, Any]]:
    """Batches, the last one of which is smaller."""
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(N, 6)).astype("float32"), rng.normal(size=(N, 4)).astype("float32")
    y = (a[:, 0] > 0).astype("int64") + (b[:, 1] > 0)
    return [(a[k : k + 16], b[k : k + 16], y[k : k + 16]) for k in range(0, N, 16)]


def by_name(a: Any, b: Any, y: Any) -> dict[str, Any]:
    return {"labels": y, "b": b, "a": a}  # in another order than the forward's


TWINS = [
    Twin(Row, by_name),
    Twin(Row, lambda a, b, y: ({"b": b, "a": a}, y)),
    Twin(Whole, lambda a, b, y: ({"b": b, "a": a}, y)),
    Twin(Whole, lambda a, b, y: {"batch": {"a": a, "b": b}, "y": y}),
    Twin(Named, by_name),
    Twin(Named, lambda a, b, y: ({"a": a, "b": b}, y)),
    Twin(Gap, by_name),
    Twin(Gap, lambda a, b, y: {"a": a, "b": b, "scale": None, "target": y}),
    Twin(Deep, lambda a, b, y: (a, {"parts": [b]}, y)),
    Twin(Judging, by_name),
    Twin(Any_, by_name),
]
ONE_OF_EACH = [TWINS[k] for k in (0, 2, 4, 6, 8, 9, 10)]
PLAIN = Twin(Row, lambda a, b, y: (a, b, y))


def weights(model: Any) -> Mapping[str, np.ndarray]:
    return {name: t.numpy() for name, t in model.state_dict().items()}


def assert_same(ours: Any, theirs: Any) -> None:
    """Bit for bit, whatever it is made of."""
    if isinstance(theirs, Mapping):
        assert ours.keys() == theirs.keys()
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for x, y in zip(ours, theirs, strict=True):
            assert_same(x, y)
    else:
        np.testing.assert_array_equal(ours, theirs)


def shapes_of(twin: Twin) -> Any:
    """In another order than the batches have, where names allow that."""
    shapes = {"b": (1, 4), "a": (1, 6)}
    if twin.cls is Whole:
        return {"batch": shapes}
    return {"a": (1, 6), "more": {"parts": [(1, 4)]}} if twin.cls is Deep else shapes


def graph_of(twin: Twin, model: Any) -> pl.Graph:
    return pl.trace(model, shapes_of(twin))


def evaluated(twin: Twin) -> Any:
    return pl.evaluate(twin.model(), twin.data(), ("accuracy", "loss", "f1"))


def trained(twin: Twin) -> Any:
    model = twin.model()
    plan = pl.propose(graph_of(twin, model), sparsity=0.5)
    found = pl.finetune(model, twin.data(), 2, seed=1, plan=plan, val=twin.data(), penalty="group_lasso")
    return found.losses, weights(model)


def taught(twin: Twin) -> Any:
    """By itself as it was, also by what readers of cut groups make of samples that are mixed."""
    model = twin.model()
    plan = pl.propose(graph_of(twin, model), sparsity=0.5)
    how = pl.train.Distillation(teacher=twin.model(), logits=1.0, features=0.5, mixed=0.5)
    found = pl.finetune(model, twin.data(), 1, seed=1, plan=plan, teacher=how)
    return found.losses, weights(model)


def scored(twin: Twin) -> Any:
    graph = graph_of(twin, twin.model())
    names = ("taylor", "apoz", "reconstruction", "sensitivity")
    known = pl.calibrate(graph, twin.data(), names)
    return {name: {g.name: score(graph, g, name, calibration=known) for g in graph.prunable} for name in names}


def sensed(twin: Twin) -> Any:
    model = twin.model()
    traced = pl.sensitivity(graph_of(twin, model), twin.data(), ratios=(0.25, 0.5), metric="loss")
    itself = pl.sensitivity(twin.model(), twin.data(), ratios=(0.25, 0.5), metric="loss", inputs=shapes_of(twin))
    return [[found[name] for name in found.groups] for found in (traced, itself)]


def repaired(twin: Twin) -> Any:
    graph = graph_of(twin, twin.model())
    plan = pl.propose(graph, sparsity=0.5)
    better = pl.repair(graph.model, plan, twin.data(), steps=4)
    return weights(better), weights(pl.compact(better, plan))


def stepped(twin: Twin) -> Any:
    lab = pl.Lab(twin.model(), train=twin.data(), val=twin.data(), metrics=("accuracy", "loss"))
    lab.step(ratio=0.25, finetune=1, criterion="taylor")
    first = weights(lab.model)
    lab.step(ratio=0.5, repair=True)
    found = [state.metrics for state in lab.path()], first, weights(lab.model)
    lab.back()
    assert_same(weights(lab.model), first)
    assert lab.replay().same
    study = lab.search(trials=2, objectives=("loss", "params"))
    lab.adopt(study.best)
    with tempfile.TemporaryDirectory() as folder:
        assert max(lab.export(folder, formats=("paddle", "onnx")).parity.values()) < 1e-6
    return *found, lab.state.metrics


def searched(twin: Twin) -> Any:
    space = pl.space(ratios=(0.0, 0.75), epochs=1, repair=True)
    study = pl.search(twin.model(), twin.data(), space, train=twin.data(), objectives=("loss", "params"), trials=3)
    model = study.model(study.best)
    # single weights are measured in the masked model, and not in the graph
    sparse = pl.search(twin.model(), twin.data(), pl.space(granularity="2:4"), objectives=("loss",), trials=1,
                       inputs=shapes_of(twin))
    return [[(t.state, t.values) for t in found] for found in (study, sparse)], weights(model)


def there(graph: pl.Graph, data: Any) -> Rehearsal:
    """As another process has it."""
    held, _ = hold_for(graph, data)
    aims = Aims.of(read_objectives(("loss",), None), (), None)
    train = pl.data.batches(data, graph.model)
    return pickle.loads(as_bytes(Parcel.of(Rehearsal(graph, held, aims, train=train)))).rehearsal()  # noqa: S301


def sent(twin: Twin) -> Any:
    """Measured and trained in another process, as a search's workers do."""
    rehearsal = there(graph_of(twin, twin.model()), twin.data())
    model = rehearsal.graph.model
    pl.finetune(model, rehearsal.train, 1, seed=1)
    with in_mode(model, training=False):
        return [forward(model, sample.inputs).numpy() for sample in rehearsal.held]


def exported(twin: Twin) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        out = pl.export(twin.model(), folder, formats=("paddle", "onnx", "onnx-int8"), inputs=shapes_of(twin),
                        data=twin.data(), metrics=("accuracy", "loss"))
        assert out.parity["paddle"] < 1e-6
        assert out.parity["onnx"] < 1e-6
        return {name: told["validation"]["metrics"] for name, told in out.manifest["formats"].items()}


EVERYTHING = [evaluated, trained, taught, scored, sensed, repaired, stepped, searched, sent, exported]


@pytest.fixture(scope="module")
def plain() -> Mapping[Any, Any]:
    return {what: what(PLAIN) for what in EVERYTHING}


@pytest.mark.parametrize("what", EVERYTHING)
@pytest.mark.parametrize("twin", ONE_OF_EACH, ids=str)
def test_twins_have_the_same_numbers(what: Callable[[Twin], Any], twin: Twin, plain: Mapping[Any, Any]) -> None:
    assert_same(what(twin), plain[what])


@pytest.mark.parametrize("twin", TWINS, ids=str)
def test_every_form_of_a_batch_is_read(twin: Twin, plain: Mapping[Any, Any]) -> None:
    assert_same(evaluated(twin), plain[evaluated])
    inputs, labels = next(iter(pl.data.batches(twin.data(), twin.model())))
    a, b, y = rows()[0]
    assert {told(p)[-1] for p in inputs.paths} in (set(), {"a", "b"}, {"a", "0"})
    assert_same(sorted(x.numpy().shape for x in inputs), sorted([a.shape, b.shape]))
    assert_same(labels.numpy(), y)


def test_labels_of_several_kinds_are_sent_too() -> None:
    data = [(a, b, {"kind": y, "parts": [a, (b, y)]}) for a, b, y in rows()]
    found = [sample.labels for sample in there(graph_of(PLAIN, PLAIN.model()), data).held]
    for labels, (a, b, y) in zip(found, rows(), strict=True):
        assert_same({"kind": labels["kind"], "parts": labels["parts"]}, {"kind": y, "parts": (a, (b, y))})


def test_a_recipe_has_shapes_for_inputs_in_a_row_and_no_words_for_nests() -> None:
    shapes = recipe_data(pl.Lab(Row(), inputs=[(1, 6), (1, 4)]))["model"]["inputs"]
    assert [shape[1:] for shape in shapes] == [[6], [4]]
    assert "inputs" not in recipe_data(pl.Lab(Whole(), inputs={"batch": {"a": (1, 6), "b": (1, 4)}}))["model"]
