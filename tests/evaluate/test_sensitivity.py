"""Sensitivity is what masking and evaluating give, costs less, goes on where it was, and says how sure it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paddle import nn

import prunelab as pl
from prunelab.errors import DataError, OptionError, UnknownNameError
from prunelab.evaluate.metrics import METRICS, Accuracy
from prunelab.evaluate.paired import difference

RATIOS = (0.25, 0.5, 0.75)


class Residual(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2D(1, 8, 3, padding=1)
        self.inner = nn.Sequential(nn.Conv2D(8, 6, 3, padding=1), nn.BatchNorm2D(6), nn.ReLU(), nn.Conv2D(6, 8, 1))
        self.head = nn.Linear(8 * 16, 3)

    def forward(self, x: Any) -> Any:
        h = nn.functional.relu(self.stem(x))
        return self.head((h + self.inner(h)).flatten(1))


def net() -> nn.Layer:
    paddle.seed(0)
    model = Residual()
    pl.finetune(model, data(96), epochs=6, seed=0)
    return model


def data(n: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    images = rng.normal(0, 1.2, (n, 1, 4, 4))
    images[np.arange(n), 0, labels] += 1.0
    return images.astype(np.float32), labels


def bits(model: nn.Layer) -> dict[str, bytes]:
    return {name: t.numpy().tobytes() for name, t in (*model.named_parameters(), *model.named_buffers())}


@pytest.fixture(scope="module")
def model() -> nn.Layer:
    return net()


def plainly(model: nn.Layer, metric: Any, **options: Any) -> dict[str, dict[float, float]]:
    graph = pl.trace(model, (1, 1, 4, 4))
    found: dict[str, dict[float, float]] = {}
    for group in graph.prunable:
        for ratio in RATIOS:
            with pl.mask(model, pl.propose(graph, ratios={group.name: ratio}, **options)):
                (value,) = pl.evaluate(model, data(70, 4), metric).values()
            found.setdefault(group.name, {})[ratio] = value
    return found


@pytest.mark.parametrize("metric", ["accuracy", "loss", lambda out, y: out.abs().mean()])
def test_it_is_what_masking_and_evaluating_give(model: nn.Layer, metric: Any) -> None:
    before = bits(model)
    model.train()
    found = pl.sensitivity(model, data(70, 4), ratios=RATIOS, metric=metric)
    assert found.groups == ("stem", "inner.0")
    for name, row in plainly(model, metric).items():
        assert found[name] == pytest.approx(row, rel=1e-5)
    assert found.dense == next(iter(pl.evaluate(model, data(70, 4), metric).values()))
    assert bits(model) == before
    assert model.training


def test_what_is_cut_already_stays_cut(model: nn.Layer) -> None:
    graph = pl.trace(model, (1, 1, 4, 4))
    base = pl.propose(graph, ratios={"inner.0": 0.5})
    found = pl.sensitivity(graph, data(70, 4), ratios=(0.5, 0.75), plan=base)
    with pl.mask(model, base):
        dense = pl.evaluate(model, data(70, 4))["accuracy"]
    assert found.dense == dense
    assert found["inner.0"][0.5] == dense
    with pl.mask(model, pl.propose(graph, ratios={"stem": 0.5}, start=base)):
        assert found["stem"][0.5] == pl.evaluate(model, data(70, 4))["accuracy"]


def test_what_stands_before_a_cut_is_computed_once(model: nn.Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = pl.trace(model, (1, 1, 4, 4))
    ran: list[str] = []
    plain = type(graph.structure.executor)._call

    def counted(self: Any, call: Any, *rest: Any) -> None:
        ran.append(call.name)
        plain(self, call, *rest)

    monkeypatch.setattr(type(graph.structure.executor), "_call", counted)
    pl.sensitivity(graph, data(64), ratios=RATIOS)
    assert ran.count("conv2d") == 3 + 3 * 3 + 1 + 3 * 2  # dense; 3 cuts of all; the stem once more; 3 cuts of the rest


def test_confidence_looks_at_less_and_is_right_within_the_error_it_tells(model: nn.Layer) -> None:
    many = data(3000, 5)
    exact = pl.sensitivity(model, many, ratios=RATIOS)
    found = pl.sensitivity(model, many, ratios=RATIOS, confidence=2.0)
    points = [(p, exact[g][r]) for g, row in found.points.items() for r, p in row.items()]
    assert all(abs(p.value - value) <= 1.5 * p.error + 1e-9 for p, value in points)
    assert all(p.error <= max(0.02, 0.25 * abs(p.value - found.dense)) for p, _ in points)
    assert np.mean([p.seen for p, _ in points]) < 0.7
    assert found.dense == pytest.approx(exact.dense)
    strict = pl.sensitivity(model, many, ratios=(0.75,), confidence=2.0, relative=0)
    assert all(p.error <= 0.02 for row in strict.points.values() for p in row.values())


@settings(max_examples=30)
@given(st.integers(0, 1000), st.floats(0, 0.3), st.floats(0, 0.3))
def test_the_error_of_a_difference_covers_it(seed: int, falls: float, rises: float) -> None:
    rng = np.random.default_rng(seed)
    before = rng.random(4000) < 0.7
    after = np.where(before, rng.random(4000) >= falls, rng.random(4000) < rises)
    weights = np.ones(400)
    found = difference([(before[:400].astype(float), weights)], [(after[:400].astype(float), weights)], 0.1)
    true = after.mean() - before.mean()
    assert abs(found.value - true) <= 2 * found.error  # four standard deviations
    assert found.error < 0.12


def test_rows_that_agree_so_far_are_no_proof() -> None:
    same = [(np.ones(50), np.ones(50))]
    assert difference(same, same, 0.5).error == pytest.approx(1.96 * (2 / 50 / 50 * 0.5) ** 0.5)
    assert difference(same, same, 1.0).error == 0


def test_an_interrupted_measurement_goes_on(model: nn.Layer) -> None:
    seen: list[str] = []

    def interrupt(progress: Any) -> None:
        seen.append(progress.label)
        if progress.label == "inner.0":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pl.sensitivity(model, data(70, 4), ratios=RATIOS, on_progress=interrupt)
    again: list[Any] = []
    found = pl.sensitivity(model, data(70, 4), ratios=RATIOS, on_progress=again.append)
    assert {p.label for p in again} == {"inner.0"}
    assert again[-1].fraction == pytest.approx(1.0)
    assert again[-1].remaining_s == pytest.approx(0.0, abs=1e-6)
    assert {name: found[name] for name in found.groups} == plainly(model, "accuracy")


def test_what_the_cache_holds_is_not_measured_again(model: nn.Layer, tmp_path: Path) -> None:
    told: list[Any] = []
    options: dict[str, Any] = {"cache": tmp_path / "s", "on_progress": told.append}
    first = pl.sensitivity(model, data(70, 4), ratios=(0.25, 0.5), **options)
    assert told
    told.clear()
    assert pl.sensitivity(model, data(70, 4), ratios=(0.25, 0.5), **options) == first
    assert not told
    more = pl.sensitivity(model, data(70, 4), ratios=RATIOS, **options)
    assert more["stem"] == {**first["stem"], 0.75: more["stem"][0.75]}
    assert len(list((tmp_path / "s").iterdir())) == 1
    for change in ({"data": data(70, 5)}, {"metric": "loss"}, {"criterion": "l2_weight"}, {"model": net()}):
        told.clear()
        changed: dict[str, Any] = {"model": model, "data": data(70, 4), **change}
        if "model" in change:
            with paddle.no_grad():
                paddle.assign(changed["model"].head.bias + 1, output=changed["model"].head.bias)
        pl.sensitivity(**changed, ratios=(0.25,), **options)
        assert told, change
    file = next((tmp_path / "s").iterdir())
    file.write_text("broken")
    assert pl.sensitivity(model, data(70, 4), ratios=(0.25, 0.5), **options) == first


def test_the_file_gives_it_back_and_says_what_is_wrong(model: nn.Layer, tmp_path: Path) -> None:
    found = pl.sensitivity(model, data(70, 4), ratios=RATIOS, confidence=2)
    path = found.save(tmp_path / "s.json")
    assert pl.Sensitivity.load(path) == found
    path.write_text("{}")
    with pytest.raises(DataError, match=r"is no sensitivity of version 1 \(its format is None"):
        pl.Sensitivity.load(path)
    with pytest.raises(DataError, match=r"cannot be read: .*; such a file is written by Sensitivity\.save"):
        pl.Sensitivity.load(tmp_path / "none.json")
    with pytest.raises(DataError, match=r"cannot be written to .*; choose a folder"):
        found.save(tmp_path / "none" / "s.json")


def test_suggested_ratios_lose_no_more_and_make_a_plan(model: nn.Layer) -> None:
    found = pl.sensitivity(model, data(70, 4), ratios=RATIOS, metric="loss")
    assert not found.higher_is_better
    for points in (0.5, 5, 40):
        for name, ratio in found.suggest(points).items():
            worst = max([v for r, v in found.losses[name].items() if r <= ratio], default=0)
            assert worst <= points / 100 + 1e-9
    graph = pl.trace(model, (1, 1, 4, 4))
    assert pl.propose(graph, ratios=found.suggest(40))
    assert pl.propose(graph, macs=0.3, scope="budget", losses=found.losses).cost.macs <= 0.7 * graph.cost().macs
    assert pl.propose(graph, macs=0.3, scope="sensitivity", losses=found).groups == pl.propose(
        graph, macs=0.3, scope="sensitivity", losses=found.losses).groups
    assert list(found.table.index) == ["stem", "inner.0"]
    assert "stem" in str(found)
    assert found.plot().to_svg().count("<polyline") == 2
    assert found._repr_html_().count("data-ratio") == 6
    assert found.plot().shade(found.dense) == 0
    with pytest.raises(OptionError, match="max_loss"):
        found.suggest(0)


def test_only_some_groups_and_criteria_that_look_at_data(model: nn.Layer) -> None:
    found = pl.sensitivity(model, data(70, 4), ratios=0.5, groups="inner.[0-1]", criterion="taylor")
    assert found.groups == ("inner.0",)
    expected = plainly(model, "accuracy", criterion="taylor", data=data(70, 4))
    assert found["inner.0"] == {0.5: expected["inner.0"][0.5]}
    assert pl.sensitivity(model, data(70, 4), ratios=0.5, samples=20).made["samples"] == 20


class Spread:
    higher_is_better = True

    def __init__(self, loss: Any = None) -> None:
        self.inner = Accuracy()

    def update(self, outputs: Any, labels: Any, n_samples: int) -> None:
        self.inner.update(outputs, labels, n_samples)

    def result(self) -> float:
        return self.inner.result() ** 2


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"ratios": (0.5, 1.0)}, OptionError, r"a ratio of ratios is 1\.0"),
    ({"ratios": (0,)}, OptionError, "ratios has no ratio above 0"),
    ({"confidence": 0}, OptionError, r"confidence \(in points\) is 0"),
    ({"confidence": 1, "relative": 1.5}, OptionError, r"relative is 1\.5"),
    ({"metric": "acuracy"}, UnknownNameError, "did you mean 'accuracy'"),
    ({"metric": ("accuracy", "loss")}, OptionError, "metric is 2 metrics"),
    ({"groups": "stemm"}, UnknownNameError, "did you mean 'stem'"),
    ({"groups": "head"}, OptionError, "head cannot be cut"),
    ({"samples": 0}, OptionError, "samples is 0"),
    ({"data": []}, DataError, "no batches"),
    ({"criterion": "l1"}, UnknownNameError, "did you mean 'l1_weight'"),
])
def test_mistakes_are_told(model: nn.Layer, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pl.sensitivity(model, **{"data": data(20), **options})


def test_a_metric_that_is_no_mean_has_no_confidence(model: nn.Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "spread", Spread)
    assert pl.sensitivity(model, data(20), ratios=0.5, metric="spread").dense <= 1
    with pytest.raises(OptionError, match="spread is no mean over samples; leave confidence out"):
        pl.sensitivity(model, data(20), ratios=0.5, metric="spread", confidence=1)


def test_a_cache_that_cannot_be_written_is_found_before_anything_is_measured(model: nn.Layer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"the cache .* cannot be written"):
        pl.sensitivity(model, data(20), cache=tmp_path / "file" / "s", on_progress=lambda _: pytest.fail("measured"))
