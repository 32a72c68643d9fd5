"""A search: its trials are true, its study says what they say, it keeps to constraints, repeats itself and goes on."""

from __future__ import annotations

import importlib
import sqlite3
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import optuna
import pytest
from search_nets import digits, frame, net, trained, training

import prunelab as pl
from prunelab.errors import DataError, OptionError, PrunelabError, SearchError, Stopped, UnknownNameError
from prunelab.search import SAMPLERS, Trial, energy


@pytest.fixture(scope="module")
def study() -> pl.Study:
    return pl.search(trained(), digits(), trials=40)


def test_every_value_is_that_of_the_masked_model_and_every_cost_that_of_the_smaller_one(study: pl.Study) -> None:
    model = trained()
    whole = [t for t in study if t.state == "complete"]
    assert len(whole) > 10
    for trial in whole[::5]:
        with pl.mask(model, trial.plan):
            assert trial.values["accuracy"] == pytest.approx(pl.evaluate(model, digits(), "accuracy")["accuracy"])
        small = pl.compact(model, trial.plan)
        assert trial.values["params"] == sum(p.size for p in small.parameters())
        again = pl.propose(pl.trace(model, (1, 1, 8, 8)), ratios=trial.ratios)
        assert again.groups == trial.plan.groups


def test_what_was_cut_short_is_beaten_on_all_samples_too(study: pl.Study) -> None:
    short = [t for t in study if t.state == "cut short"]
    assert short
    whole = [t for t in study if t.state == "complete"]
    model = trained()
    for trial in short:
        assert 0 < trial.seen < 1
        with pl.mask(model, trial.plan):
            true = pl.evaluate(model, digits(), "accuracy")["accuracy"]
        assert max(t.values["accuracy"] for t in whole if t.values["params"] <= trial.values["params"]) >= true


def test_the_front_is_of_whole_trials_that_nobody_beats(study: pl.Study) -> None:
    front = study.front
    assert front["accuracy"].is_monotonic_decreasing
    assert front["params"].is_monotonic_decreasing
    assert (front["seen"] == 1).all()
    assert study.best.number in front.index
    assert len(study.trials) == len(study) == 40


def test_a_trial_tells_what_was_chosen_and_what_came_of_it(study: pl.Study) -> None:
    told = repr(study.best).splitlines()
    accuracy = study.best.values["accuracy"]
    assert told[0].startswith(f"Trial {study.best.number}, complete: accuracy {100 * accuracy:.1f} %, params ")
    assert told[1].startswith("  chosen: ")
    assert all(name in told[1] for name in study.best.chosen)
    assert str(study).startswith("Study: 40 trials by annealing, ")


def test_a_study_tells_its_volume_importances_and_picture(study: pl.Study) -> None:
    volume = study.hypervolume()
    assert volume.is_monotonic_increasing
    assert 0 < volume.iloc[-1] <= 1.000001
    table = study.importances()
    assert list(table.columns) == ["accuracy", "params"]
    np.testing.assert_allclose(table.sum(), 1.0)
    svg = study.plot().to_svg()
    assert svg.count("<circle") == 40
    assert ET.fromstring(svg).tag == "svg"
    assert "dense" in svg
    assert "Study: 40 trials by annealing" in str(study)
    assert "<svg" in study._repr_html_()


def test_within_is_the_smallest_that_keeps_it_and_says_the_nearest_where_none_does(study: pl.Study) -> None:
    found = study.within(accuracy=-20.0)
    whole = [t for t in study if t.state == "complete"]
    allowed = [t for t in whole if t.values["accuracy"] >= study.dense["accuracy"] - 0.2]
    assert found.values["params"] == min(t.values["params"] for t in allowed)
    with pytest.raises(SearchError, match=r"no trial is within accuracy=50 points .* nearest is trial \d+ at"):
        study.within(accuracy=50.0)
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        study.within(acuracy=-1.0)
    with pytest.raises(OptionError, match="within wants a metric"):
        study.within()


def test_within_verifies_on_all_the_data() -> None:
    # the search sees 40 samples only, on which a trial, and the dense model, may look better than they are
    study = pl.search(trained(), digits(), sampler="random", trials=40, samples=40)
    model = trained()
    dense = pl.evaluate(model, digits())["accuracy"]
    assert study.dense["accuracy"] != dense
    whole = {}
    for trial in study:
        if trial.is_whole:
            with pl.mask(model, trial.plan):
                whole[trial.number] = pl.evaluate(model, digits(), "accuracy")["accuracy"] - dense
    by_size = sorted(whole, key=lambda n: study[n].values["params"])
    for lost in {100 * v - 0.01 for v in whole.values() if v < 0}:
        few = {n: 100 * (study[n].values["accuracy"] - study.dense["accuracy"]) for n in whole}
        assert study.within(accuracy=lost).number == next(
            n for n in by_size if few[n] >= lost and 100 * whole[n] >= lost)


def test_within_verifies_trials_that_trained_on_all_the_data_too() -> None:
    data = digits(180)
    space = pl.space(ratios=(0.0, 0.6), epochs=1, lr=1e-3, quantization=["none", "int8_weights"])
    dense = pl.evaluate(trained(), data)["accuracy"]
    study = pl.search(trained(), data, space, "random", trials=6, samples=20, train=training(120), pruner=None)
    seen = [t for t in study if t.values["accuracy"] >= study.dense["accuracy"] - 0.25]
    found = study.within(accuracy=-25.0)
    smaller = [t for t in seen if t.values["params"] < found.values["params"]]
    assert smaller  # which 20 samples took to be within
    for trial in [found, *smaller]:
        if trial.settings["quantization"] == "none":
            whole = pl.evaluate(study.model(trial), data)["accuracy"]
            assert (whole >= dense - 0.25) == (trial is found)


def test_a_study_is_kept_and_read_without_the_model(study: pl.Study, tmp_path: Path) -> None:
    again = pl.Study.load(study.save(tmp_path / "study.json"))
    assert frame(again).equals(frame(study))
    assert again.best.plan == study.best.plan
    assert again.front.equals(study.front)
    with pytest.raises(OptionError, match="has no model to verify with"):
        again.within(accuracy=-20.0)
    assert again.within(accuracy=-20.0, model=trained(), data=digits()).number == study.within(accuracy=-20.0).number
    with pytest.raises(SearchError, match="is no prunelab-study"):
        pl.Study.load(study.space.save(tmp_path / "space.json"))


@pytest.mark.parametrize("sampler", ["annealing", "genetic", "pso", "tpe", "nsga2"])
def test_the_same_seed_gives_the_same_study_and_leaves_model_and_generators_alone(sampler: str) -> None:
    model, x = trained(), digits()[0][:4]
    before = {n: t.numpy().tobytes() for n, t in model.state_dict().items()}
    drawn = np.random.get_state()[1].tolist()
    first, again = (pl.search(model, digits(60), sampler=sampler, trials=15, seed=7) for _ in range(2))
    assert frame(first).equals(frame(again))
    assert not frame(first).equals(frame(pl.search(model, digits(60), sampler=sampler, trials=15, seed=8)))
    assert {n: t.numpy().tobytes() for n, t in model.state_dict().items()} == before
    assert np.random.get_state()[1].tolist() == drawn
    assert model.training
    assert x.shape == (4, 1, 8, 8)


def test_trials_outside_constraints_never_run_and_do_not_count() -> None:
    ran = []
    study = pl.search(trained(), digits(60), sampler="random", trials=12, constraints="params <= 25 %",
                      on_batch=lambda: ran.append(1), pruner=None)
    states = study.trials["state"].value_counts()
    assert states["refused"] > 3
    assert states["complete"] == 12
    assert str(study).startswith(f"Study: 12 trials by random ({states['refused']} more were refused or lost), ")
    refused = next(t for t in study if t.state == "refused")
    assert "against 'params <= 25 %'" in refused.reason
    assert "accuracy" not in refused.values
    inside = study.trials[study.trials["state"] == "complete"]
    assert (inside["params"] <= 0.25 * study.dense["params"]).all()
    assert len(ran) == 12 + 1 - inside["same_as"].notna().sum()  # a batch each, and the dense model


def test_one_objective_under_a_constraint_on_a_metric() -> None:
    study = pl.search(trained(), digits(60), objectives="params", constraints="accuracy within 15 points", trials=30)
    assert study.best.values["accuracy"] >= study.dense["accuracy"] - 0.15 - 1e-9
    outside = [t for t in study if not t.is_inside]
    assert all(t.number not in study.front.index for t in outside)


def test_a_plan_that_was_tried_is_answered_from_the_record() -> None:
    space = pl.space(ratios=[0.0, 0.4], per="pattern", criterion=["l1_weight", "l2_weight", "mean"])
    ran = []
    study = pl.search(trained(), digits(60), space, sampler="grid", trials=50, on_batch=lambda: ran.append(1))
    same = study.trials["same_as"].notna()
    assert len(study) == 6
    assert "every combination" in study.note
    assert same.sum() >= 2  # nothing is cut, three times
    first = study.trials.loc[int(study.trials["same_as"].dropna().iloc[0])]
    assert first["accuracy"] == study.trials[same]["accuracy"].iloc[0]
    assert len(ran) == 1 + 6 - same.sum()


def test_what_is_given_to_start_with_is_tried_first() -> None:
    model = trained()
    suggested = pl.sensitivity(model, digits(60), ratios=(0.25, 0.5), on_progress=lambda told: None).suggest(5.0)
    study = pl.search(model, digits(60), trials=3, start=[suggested, {"2": 0.99}])
    assert study[0].ratios == pytest.approx(suggested)
    assert study[1].ratios == pytest.approx({"0": 0.0, "2": 0.9, "5": 0.0})
    again = pl.search(model, digits(60), pl.space(ratios=[0.0, 0.3, 0.6]), trials=2, start=study[1])
    assert again[0].ratios == pytest.approx({"0": 0.0, "2": 0.6, "5": 0.0})


def test_listeners_hear_each_trial_once_and_can_leave() -> None:
    heard: list[tuple[int, str]] = []
    ends = []

    def first(study: pl.Study, trial: Trial) -> None:
        heard.append((len(study), trial.state))
        if len(study) == 1:
            ends.append(study.listen(lambda study, trial: heard.append((0, trial.state))))
        if len(study) == 3:
            ends[0]()

    pl.search(trained(), digits(60), trials=4, on_trial=first)
    assert [n for n, _ in heard] == [1, 2, 0, 3, 4]


def test_an_interrupt_keeps_what_is_recorded_and_the_same_call_goes_on(tmp_path: Path) -> None:
    def interrupt(study: pl.Study, trial: Trial) -> None:
        if trial.number == 6:
            raise KeyboardInterrupt

    options: dict[str, Any] = {"trials": 15, "seed": 3}
    cut = pl.search(trained(), digits(60), storage=tmp_path / "log", on_trial=interrupt, **options)
    assert len(cut) == 7
    assert cut.note == "interrupted after 7 of 15 trials"
    assert "interrupted after 7 of 15" in str(cut)
    rest = pl.search(trained(), digits(60), storage=tmp_path / "log", **options)
    assert frame(rest).equals(frame(pl.search(trained(), digits(60), **options)))


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "bayesian"])
def test_what_goes_on_tries_something_new(sampler: str, tmp_path: Path) -> None:
    space = pl.space(ratios=(0.0, 0.9) if sampler != "grid" else [0.0, 0.3, 0.6, 0.9])
    options: dict[str, Any] = {"space": space, "sampler": sampler, "storage": tmp_path / "log", "samples": 20,
                               "objectives": "accuracy"}
    pl.search(trained(), digits(60), trials=6, **options)
    study = pl.search(trained(), digits(60), trials=12, **options)
    assert len(study) == 12
    assert len({tuple(sorted(t.ratios.items())) for t in study}) > 8


def test_a_stop_in_the_middle_of_a_trial_leaves_those_before(tmp_path: Path) -> None:
    told: list[pl.Study] = []

    def stop() -> None:
        if told and len(told[-1]) == 3:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        pl.search(trained(), digits(60), trials=9, on_batch=stop, on_trial=lambda s, t: told.append(s),
                  storage=f"sqlite:///{tmp_path}/s.db")
    rest = pl.search(trained(), digits(60), trials=9, storage=f"sqlite:///{tmp_path}/s.db")
    assert (rest.trials["state"] != "failed").all()
    assert len(rest) == 9


def test_two_searches_in_one_storage_share_the_trials(tmp_path: Path) -> None:
    first: list[int] = []
    heard: list[int] = []
    options: dict[str, Any] = {"trials": 8, "sampler": "random", "storage": tmp_path / "log"}

    def join(study: pl.Study, trial: Trial) -> None:
        heard.append(trial.number)
        if len(heard) == 2:  # another machine comes, and does three
            other = pl.search(trained(), digits(60), seed=5, on_trial=lambda s, t: first.append(t.number),
                              **{**options, "trials": 5})
            assert len(other) == 5

    study = pl.search(trained(), digits(60), on_trial=join, **options)
    assert first == [2, 3, 4]
    assert heard == list(range(8))
    assert len(study) == 8


# mistakes


def test_trials_that_all_fail_say_why_grouped() -> None:
    space = pl.space(params=(0.999, 0.9999))  # of each group at least one unit stays
    with pytest.raises(SearchError, match=r"all 6 trials failed: 6 times: params=0.99\d+ cannot be met: at most "
                                          r".*, and the like$"):
        pl.search(trained(), digits(60), space, trials=6)


def test_constraints_that_only_together_leave_nothing_are_told_with_how_many_met_each(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("prunelab.search.running"), "MOST_REFUSED", 60)
    with pytest.raises(SearchError, match=r"60 trials .*: 'params <= 30 %' was met by \d+, 'macs >= 80 %' was met by "
                                          r"\d+, and no plan met all; they exclude each other in this space"):
        pl.search(trained(), digits(60), constraints=("params <= 30 %", "macs >= 80 %"), sampler="random", trials=4)
    study = pl.search(trained(), digits(60), constraints="accuracy >= 1.5", trials=3)
    with pytest.raises(SearchError, match=r"within the constraints: 3 times: outside 'accuracy >= 1\.5'"):
        _ = study.best


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"sampler": "anealing"}, UnknownNameError, "did you mean 'annealing'"),
        ({"objectives": ("acuracy",)}, UnknownNameError, "unknown objective 'acuracy'; did you mean 'accuracy'"),
        ({"objectives": ()}, OptionError, "give at least one of accuracy"),
        ({"objectives": ("params", "params")}, OptionError, "params is given twice"),
        ({"constraints": "latncy_ms <= 3"}, UnknownNameError, "'latncy_ms'; did you mean 'latency_ms'"),
        ({"constraints": ("params <= 100", "params >= 200")}, OptionError, "contradict each other"),
        ({"constraints": "macs >= 200 %"}, OptionError, "without any cut there are .* macs, and no plan has more"),
        ({"start": {"conv": 0.3}}, UnknownNameError, "unknown group 'conv' in start; known: 0, 2, 5"),
        ({"start": [0.3]}, OptionError, "start has 0.3; give ratios by group"),
        ({"start": {"0": 1.5}}, OptionError, "the ratio of '0' in start is 1.5"),
        ({"constraints": "params <= 10"}, OptionError, "cannot be met in this space: at its largest ratios"),
        ({"trials": 0}, OptionError, "trials is 0"),
        ({"seed": -1}, OptionError, "seed is -1"),
        ({"space": "small"}, OptionError, "space is 'small'; make one: pl.space"),
        ({"storage": 3}, OptionError, "storage is 3; give a database's URL"),
        ({"storage": "/nowhere/at/all.log"}, SearchError, "cannot be used: .*No such file"),
        ({"storage": "sqlite:////nowhere/at/all.db"}, SearchError, "cannot be used: .*unable to open database"),
        ({"pruner": "halfing"}, OptionError, "pruner is 'halfing'; give 'dominated'"),
        ({"pruner": "halving"}, OptionError, "compares one objective, and 2 are given"),
        ({"on_trial": 3}, OptionError, "on_trial is no function"),
        ({"space": pl.space(epochs=[0, 1])}, OptionError, "nothing to train on; give train="),
        ({"objectives": ("energy",)}, OptionError, "energy cannot be measured"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_before_any_trial(options: dict[str, Any], error: type[PrunelabError], told: str,
                                             monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    with pytest.raises(error, match=told):
        pl.search(net(), digits(60), on_batch=lambda: None, **{"trials": 3, **options})


def test_labels_that_are_missing_are_named_once_and_not_for_each_trial() -> None:
    with pytest.raises(DataError):
        pl.search(net(), [digits(60)[0]], trials=3)


def test_a_storage_of_another_search_is_refused_with_the_difference(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    pl.search(trained(), digits(60), trials=2, storage=url)
    told = "another search under the name 'prunelab': objectives was accuracy, params and is accuracy, macs; give"
    with pytest.raises(SearchError, match=told):
        pl.search(trained(), digits(60), trials=2, storage=url, objectives=("accuracy", "macs"))
    assert len(pl.search(trained(), digits(60), trials=2, storage=url, objectives="loss", name="other")) == 2
    optuna.create_study(storage=url, study_name="mine")
    with pytest.raises(SearchError, match="holds the study 'mine', which is none of prunelab's"):
        pl.search(trained(), digits(60), trials=2, storage=url, name="mine")


def test_a_storage_of_a_search_with_other_settings_is_refused_too(tmp_path: Path) -> None:
    options: dict[str, Any] = {"trials": 2, "storage": tmp_path / "log"}
    pl.search(trained(), digits(60), pl.space(), **options)
    with pytest.raises(SearchError, match=r"another search .*what does not vary was  and is criterion: taylor; give"):
        pl.search(trained(), digits(60), pl.space(criterion="taylor"), **options)
    assert len(pl.search(trained(), digits(60), pl.space(), **options)) == 2


def test_a_study_of_an_earlier_version_lacks_settings_that_came_later(study: pl.Study, tmp_path: Path) -> None:
    data = study.to_json()
    for trial in data["trials"]:
        trial["settings"] = {k: v for k, v in trial["settings"].items() if k not in ("sentences", "arguments")}
    again = pl.Study.from_json(data)
    assert frame(again).equals(frame(study))
    assert again.best.settings == study.best.settings
    assert again.best.arguments == {}


def test_a_storage_that_is_locked_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    engine = {"connect_args": {"timeout": 0.1}}
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs=engine)
    held = sqlite3.connect(path)
    held.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(SearchError, match="locked by another process; wait until that is done, or use a journal"):
            pl.search(trained(), digits(60), trials=2, storage=storage)
    finally:
        held.close()


def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a journal")
    with pytest.raises(SearchError, match=r"notes\.txt cannot be used: it is no journal of a study; give a database"):
        pl.search(trained(), digits(60), trials=2, storage=str(tmp_path / "notes.txt"))
    assert (tmp_path / "notes.txt").read_text() == "not a journal"


def test_every_sampler_takes_part(tmp_path: Path) -> None:
    space = pl.space(ratios=[0.0, 0.3, 0.6])
    for sampler in [name for name in SAMPLERS if name != "bayesian"]:
        study = pl.search(trained(), digits(60), space, sampler, objectives="accuracy", trials=6)
        assert len(study) == 6


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_an_optuna_sampler_and_pruner_of_ones_own() -> None:
    study = pl.search(trained(), digits(), sampler=optuna.samplers.QMCSampler(seed=0), objectives="accuracy", trials=20,
                      pruner=optuna.pruners.PercentilePruner(20.0, n_startup_trials=3))
    assert study.sampler == "QMCSampler"
    assert (study.trials["state"] == "cut short").any()
