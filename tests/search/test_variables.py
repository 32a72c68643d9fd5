"""Every kind of variable changes what it says it does, and every trial's values are those of its plan, carried out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn
from search_nets import digits, trained, training

import prunelab as pl
from prunelab.errors import OptionError, SearchError
from prunelab.evaluate import NetworkLatency
from prunelab.evaluate.eight_bits import eight_bit_costs
from prunelab.search import energy
from prunelab.search.eight_bits import rounded
from prunelab.search.energy import EnergyMeter
from prunelab.search.planning import Planner
from prunelab.search.trial import REFUSED
from prunelab.search.variables import Among

KINDS: dict[str, dict[str, Any]] = {
    "criteria": {"ratios": 0.4, "criterion": ["l1_weight", "taylor", "activation", "geometric_median"]},
    "scopes": {"sparsity": (0.2, 0.6), "scope": ["local", "global", "uniform_macs", "clusters", "sensitivity"]},
    "targets": {"macs": (0.2, 0.6), "round_to": [1, 4]},
    "granularities": {"ratios": (0.2, 0.5), "granularity": ["auto", "channel"]},
    "clusters": {"ratios": (0.3, 0.6), "criterion": "cluster", "clusters": [2, 0.5]},
    "elements": {"sparsity": (0.3, 0.6), "granularity": ["element", "kernel"]},
    "n of m": {"ratios": 0.0, "granularity": ["2:4", "1:4"]},
    "regions of each axis": {"granularity": "spatial", "ratios": [0.0, 0.25, 0.5]},
    "region": {"ratios": {"0": (0.1, 0.4)}, "spatial": [0.0, 0.25]},
}


class Words(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.hidden, self.out = nn.Embedding(20, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, ids: Any) -> Any:
        return self.out(nn.functional.relu(self.hidden(self.embed(ids).mean(1))))


@pytest.mark.parametrize("kind", KINDS)
def test_a_trial_of_each_kind_has_the_values_of_its_plan(kind: str) -> None:
    model = trained()
    if kind.startswith("region"):  # a linear layer after the flatten sees every pixel; a mean does not
        paddle.seed(0)
        model = nn.Sequential(nn.Conv2D(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2D(8, 8, 3, padding=1), nn.ReLU(),
                              nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(8, 10))
    space = pl.space(**KINDS[kind])
    study = pl.search(model, digits(60), space, "random", ("loss", "params"), trials=10, pruner=None)
    assert (study.trials["state"] == "complete").all(), study.trials["reason"].tolist()
    for trial in study:
        with pl.mask(model, trial.plan):
            found = pl.evaluate(model, digits(60), "loss")["loss"]
        assert trial.values["loss"] == pytest.approx(found, rel=1e-4)
        assert trial.values["params"] == trial.plan.cost.params
    varied = {name for name in study.space.variables if study.trials[name].nunique() > 1}
    assert varied == set(study.space.variables)
    assert study.trials["same_as"].isna().sum() > 1


def test_words_go_as_a_variable_does() -> None:
    paddle.seed(0)
    model, ids = Words(), np.random.default_rng(0).integers(0, 20, (40, 5))
    data = [(ids, np.arange(40) % 3)]
    study = pl.search(model, data, pl.space(ratios={"hidden": (0.1, 0.5)}, vocabulary=[0.0, 0.5]), "random",
                      ("loss", "params"), trials=6, pruner=None)
    assert (study.trials["state"] == "complete").all(), study.trials["reason"].tolist()
    half = [t for t in study if t.chosen["vocabulary"] == 0.5]
    assert half
    assert all(words_of(t).n_removed == 10 for t in half)
    for trial in study:
        with pl.mask(model, trial.plan):
            assert trial.values["loss"] == pytest.approx(pl.evaluate(model, data, "loss")["loss"], rel=1e-5)


def words_of(trial: Any) -> Any:
    return next(g for g in trial.plan.groups if g.granularity == "vocabulary")


def test_the_size_of_the_vocabulary_is_a_variable_and_a_lab_adopts_it() -> None:
    paddle.seed(0)
    model, ids = Words(), np.random.default_rng(0).integers(0, 20, (40, 5))
    data = (ids, ids[:, 0] % 3)
    lab = pl.Lab(model, train=[(ids[k : k + 8], data[1][k : k + 8]) for k in range(0, 40, 8)], val=data,
                 metrics=("loss", "accuracy"))
    space = pl.space(ratios={"hidden": [0.0, 0.25]}, vocabulary=(6, 30), epochs=[0, 1], lr=0.01)
    study = lab.search(space, "random", trials=5, pruner=None)
    assert (study.trials["state"] == "complete").all(), study.trials["reason"].tolist()
    assert {t.settings["epochs"] for t in study} == {0, 1}
    for trial in study:
        asked = trial.chosen["vocabulary"]
        assert asked >= 20 or words_of(trial).n_removed == 20 - asked
        state = lab.adopt(trial)
        assert state.metrics["loss"] == pytest.approx(trial.values["loss"], rel=1e-5)
        assert state.cost.params == trial.values["params"]
        lab.goto("s0")
    with pytest.raises(OptionError, match="vocabulary is 1; give the fraction of the words that go"):
        pl.space(vocabulary=[1, 5])
    with pytest.raises(OptionError, match=r"vocabulary goes from 0\.5 to 10, from a fraction"):
        pl.space(vocabulary=(0.5, 10.0))


def test_a_trial_that_trains_under_a_region_trains_the_smaller_model() -> None:
    paddle.seed(0)
    model = nn.Sequential(nn.Conv2D(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2D(8, 8, 3, padding=1), nn.ReLU(),
                          nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(8, 10))
    space = pl.space(ratios={"0": [0.0, 0.25]}, spatial=0.3, epochs=1, quantization=["none", "int8_weights"])
    study = pl.search(model, digits(60), space, "grid", ("loss", "params"), trials=4, train=training(120), pruner=None)
    assert (study.trials["state"] == "complete").all(), study.trials["reason"].tolist()
    for trial in study:
        if trial.settings["quantization"] == "none":
            small = study.model(trial)
            assert pl.evaluate(small, digits(60), "loss")["loss"] == pytest.approx(trial.values["loss"], rel=1e-5)
            by_hand = pl.compact(model, trial.plan)
            pl.finetune(by_hand, training(120), 1, seed=0)
            assert pl.evaluate(by_hand, digits(60), "loss")["loss"] == pytest.approx(trial.values["loss"], rel=1e-5)
    with pytest.raises(SearchError, match="2 times: repair re-solves weights where units go"):
        pl.search(model, digits(60), replace(space, repair=True, quantization="none"), "grid", trials=2,
                  train=training(120))


def test_what_is_cut_takes_no_part_in_a_trial_s_training_from_its_first_batch_on() -> None:
    model = trained()
    space = pl.space(ratios={"*": 0.0, "0": [0.25, 0.5]}, epochs=1, lr=1e-3, optimizer="sgd")
    study = pl.search(model, digits(60), space, "grid", ("loss", "params"), trials=2, train=training(120), pruner=None)
    for trial in study:
        small = pl.compact(model, trial.plan)
        pl.finetune(small, training(120), 1, lr=1e-3, optimizer="sgd", seed=0)
        assert pl.evaluate(small, digits(60), "loss")["loss"] == pytest.approx(trial.values["loss"], rel=1e-4)


def test_the_number_of_sentences_that_trials_train_on_is_a_variable() -> None:
    paddle.seed(0)
    model, ids = Words(), np.random.default_rng(0).integers(0, 20, (40, 5))
    labels = ids[:, 0] % 3
    space = pl.space(ratios={"hidden": 0.25}, sentences=[4, 40], epochs=3, lr=0.05)
    study = pl.search(model, (ids, labels), space, "grid", "loss", trials=4, pruner=None, train=(ids, labels))
    assert (study.trials["state"] == "complete").all(), study.trials["reason"].tolist()
    few, all_of_them = (next(t for t in study if t.chosen["sentences"] == n) for n in (4, 40))
    assert all_of_them.values["loss"] < few.values["loss"]
    core = pl.text.prune_sentences((ids, labels), 4)
    by_hand = pl.search(model, (ids, labels), replace(space, sentences=None, epochs=Among((3,)), ratios={
        "hidden": Among((0.25, 0.5))}), "grid", "loss", trials=2, pruner=None, train=core)
    like = next(t for t in by_hand if t.plan == few.plan)
    assert like.values["loss"] == pytest.approx(few.values["loss"])
    with pytest.raises(OptionError, match="sentences goes up to 50, and train has 40 samples"):
        pl.search(model, (ids, labels), pl.space(sentences=(5, 50), epochs=1), train=(ids, labels))
    with pytest.raises(OptionError, match="no trial trains; give epochs too"):
        pl.search(model, (ids, labels), pl.space(sentences=(5, 30)), train=(ids, labels))


def test_healing_is_a_variable_and_its_trials_are_better() -> None:
    train = pl.datasets.digits("train")
    space = pl.space(ratios=0.5, repair=[False, True], epochs=[0, 1], lr=1e-3, optimizer="adam")
    study = pl.search(trained(), digits(), space, "grid", "accuracy", trials=9, pruner=None,
                      train=(train.images, train.labels))
    found = {(t.settings["repair"], t.settings["epochs"]): t.values["accuracy"] for t in study}
    assert len(found) == 4
    assert found[True, 0] > found[False, 0]
    assert found[False, 1] > found[False, 0]


def test_eight_bits_are_a_variable_with_its_accuracy_and_its_size() -> None:
    model = trained()
    space = pl.space(ratios={"0": [0.0, 0.5]}, quantization=["none", "int8_weights"])
    study = pl.search(model, digits(), space, "grid", ("loss", "size_bytes"), trials=4, pruner=None)
    by = {(t.settings["quantization"], t.ratios["0"]): t for t in study}
    assert by["none", 0.0].values["size_bytes"] == sum(4 * p.size for p in model.parameters())
    weights = [p for p in model.parameters() if p.ndim > 1]
    scales = 8 + 12 + 16 + 10
    expected = sum(p.size for p in weights) + 4 * scales + sum(4 * p.size for p in model.parameters() if p.ndim == 1)
    assert by["int8_weights", 0.0].values["size_bytes"] == expected
    with paddle.no_grad():
        for p in weights:
            paddle.assign(rounded(p, 127), output=p)
    eight = pl.evaluate(model, digits(), "loss")["loss"]
    assert by["int8_weights", 0.0].values["loss"] == pytest.approx(eight, rel=1e-4)


def test_calibrated_eight_bits_lose_what_the_layers_together_do() -> None:
    model = trained()
    space = pl.space(ratios={"0": [0.0, 0.5]}, quantization=["none", "int8"])
    study = pl.search(model, digits(), space, "grid", ("loss", "size_bytes"), trials=4, pruner=None)
    by = {(t.settings["quantization"], t.ratios["0"]): t for t in study}
    together = eight_bit_costs(model, digits(), metric="loss").together.lost
    lost = by["int8", 0.0].values["loss"] - by["none", 0.0].values["loss"]
    assert lost != 0
    assert abs(lost - together) < 0.02  # both round; the extremes are of all samples here, of the first there
    assert by["int8", 0.5].values["loss"] != by["none", 0.5].values["loss"]
    assert by["int8", 0.0].values["size_bytes"] < 0.3 * by["none", 0.0].values["size_bytes"]
    with pytest.raises(SearchError, match="2 times: int8 is rehearsed where units go"):
        pl.search(model, digits(60), pl.space(sparsity=[0.3, 0.5], granularity="element", quantization="int8"), "grid",
                  trials=2)


def test_a_weight_in_eight_bits_has_at_most_255_values_a_channel() -> None:
    weight = paddle.randn([6, 40, 3])
    eight = rounded(weight, 127).numpy()
    assert all(len(np.unique(channel)) <= 255 for channel in eight)
    assert np.abs(eight - weight.numpy()).max() <= np.abs(weight.numpy()).max() / 254 + 1e-6


def test_latency_is_known_before_a_trial_and_keeps_slow_ones_from_running(monkeypatch: pytest.MonkeyPatch) -> None:
    study = pl.search(trained(), digits(60), objectives=("accuracy", "latency_ms"), trials=5, pruner=None)
    assert (study.trials["latency_ms"] > 0).all()
    # from here on by the plan alone, whatever else the machine does
    monkeypatch.setattr(NetworkLatency, "calibrate", lambda self: self)
    monkeypatch.setattr(NetworkLatency, "ms", lambda self, plan: plan.cost.macs / 1e6)
    dense = pl.trace(trained(), digits(60)[0][:1]).cost().macs / 1e6
    held = pl.search(trained(), digits(60), objectives="accuracy", trials=4, constraints=f"latency_ms <= {0.7 * dense}")
    assert held.dense["latency_ms"] == dense
    ran = held.trials[held.trials["state"] != REFUSED]
    assert len(ran) == 4
    assert (ran["latency_ms"] <= 0.7 * dense).all()
    refused = held.trials[held.trials["state"] == REFUSED]
    assert len(refused)
    assert (refused["latency_ms"] > 0.7 * dense).all()


def counters(folder: Path, *joules: float) -> None:
    for k, value in enumerate(joules):
        (folder / f"intel-rapl:{k}").mkdir(exist_ok=True)
        (folder / f"intel-rapl:{k}" / "energy_uj").write_text(str(int(value * 1e6)))
        (folder / f"intel-rapl:{k}" / "max_energy_range_uj").write_text(str(int(100e6)))


def test_energy_is_what_the_machines_counters_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counters(tmp_path, 99.0, 5.0)
    meter = EnergyMeter(tmp_path)
    before = meter.joules()
    counters(tmp_path, 2.0, 6.5)  # the first came to its end, and began anew
    assert meter.between(before, meter.joules()) == pytest.approx(3.0 + 1.5)
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    study = pl.search(trained(), digits(60), objectives=("accuracy", "energy"), trials=2)
    assert (study.trials["energy"] == 0).all()  # counters of a file stand still
    with pytest.raises(OptionError, match="has no counters in"):
        EnergyMeter(tmp_path / "none")


def test_scores_and_calibration_are_gathered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    from prunelab.search import planning

    for name in ("score", "calibrate"):
        original = getattr(planning, name)

        def counted(*args: Any, name: str = name, original: Any = original, **options: Any) -> Any:
            calls.append(name)
            return original(*args, **options)

        monkeypatch.setattr(planning, name, counted)
    space = pl.space(ratios=(0.1, 0.5), criterion=["taylor", "activation"])
    pl.search(trained(), digits(60), space, "random", trials=9)
    assert calls.count("calibrate") == 1
    assert calls.count("score") <= 2 * 3


def test_a_network_goes_on_from_what_a_like_one_computed() -> None:
    from prunelab.evaluate.samples import Sample
    from prunelab.search.objectives import Aims, read_objectives
    from prunelab.search.rehearsal import Rehearsal

    model = trained()
    graph = pl.trace(model, (1, 1, 8, 8))
    x, y = (paddle.to_tensor(part) for part in digits(60))
    rehearsal = Rehearsal(graph, [Sample((x,), y, 60)], Aims.of(read_objectives("accuracy", None), (), None))
    space = pl.space(graph)
    planner = Planner(graph, space, pl.Plan.empty(graph))
    names = [g.name for g in graph.prunable]
    starts: list[int] = []
    known = rehearsal._memory.known

    def seen(*args: Any) -> Any:
        found = known(*args)
        starts.append(found[0])
        return found

    rehearsal._memory.known = seen  # type: ignore[method-assign]
    alone = {}
    for last in (0.2, 0.6, 0.2):
        candidate = planner.candidate({f"ratios.{n}": 0.3 for n in names} | {f"ratios.{names[-1]}": last})
        found = rehearsal.run(candidate).values["accuracy"]
        assert alone.setdefault(last, found) == found
        with pl.mask(model, candidate.plan):
            assert found == pytest.approx(pl.evaluate(model, digits(60), "accuracy")["accuracy"])
    places = rehearsal._memory.places
    assert starts == [0, places[-1], places[-1]]
