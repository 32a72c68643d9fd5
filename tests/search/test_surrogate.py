"""A surrogate of trials: which it puts first, which of several it chooses, and what it is not asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from search_nets import Sized, digits, frame, trained, training

import prunelab as pl
from prunelab.errors import OptionError
from prunelab.search import Trial
from prunelab.search.front import hypervolume
from prunelab.search.objectives import Objective
from prunelab.search.screening import beyond
from prunelab.search.surrogate import Surrogate

BUILT = pl.space(build=Sized, arguments={"width": [4, 8]}, epochs=1)


@pytest.fixture(scope="module")
def alone() -> pl.Sensitivity:
    return pl.sensitivity(trained(), digits(), metric="loss", ratios=(0.2, 0.4, 0.6, 0.8),
                          on_progress=lambda told: None)


def covered(study: pl.Study) -> float:
    points = [[1 - t.values["accuracy"], t.values["params"] / study.dense["params"]] for t in study if t.is_whole]
    return hypervolume(np.array(points), np.ones(2))


def test_losses_of_groups_are_added_up_and_straight_between_and_beyond(alone: pl.Sensitivity) -> None:
    graph = pl.trace(trained(), (1, 1, 8, 8))
    found = Surrogate({"0": {0.25: 0.1, 0.5: 0.3}, "2": {0.5: 0.2}, "5": {0.5: -0.4}})
    assert found.loss(pl.propose(graph, ratios={"0": 0.25})) == pytest.approx(0.1)
    assert found.loss(pl.propose(graph, ratios={"0": 0.375})) == pytest.approx(0.2)
    assert found.loss(pl.propose(graph, ratios={"0": 0.75})) == pytest.approx(0.5)
    # what is gained alone is not counted: no loss falls with the ratio
    assert found.loss(pl.propose(graph, ratios={"0": 0.25, "2": 0.25, "5": 0.5})) == pytest.approx(0.2)
    assert found.loss(pl.Plan.empty(graph)) == 0.0


def test_it_tells_good_plans_from_bad_ones_it_has_not_seen(alone: pl.Sensitivity) -> None:
    study = pl.search(trained(), digits(), sampler="random", trials=40, pruner=None)
    surrogate = Surrogate.of(alone, alone.groups)
    seen, unseen = list(study)[:20], list(study)[20:]
    fit = surrogate.fitted(Objective("accuracy", True), study.dense["accuracy"], seen)
    expected = [fit(surrogate.loss(t.plan)) for t in unseen]
    true = [t.values["accuracy"] for t in unseen]
    assert spearmanr(expected, true).statistic > 0.7
    assert np.mean(np.abs(np.array(expected) - true)) < 0.5 * np.std(true)
    # where more is lost, less is expected
    losses = np.linspace(0, 20, 50)
    assert (np.diff([fit(x) for x in losses]) < 0).all()


def test_its_plans_come_first_and_a_search_covers_more(alone: pl.Sensitivity) -> None:
    plain = [covered(pl.search(trained(), digits(), trials=24, seed=seed, pruner=None)) for seed in range(3)]
    studies = [pl.search(trained(), digits(), trials=24, seed=seed, pruner=None, surrogate=alone) for seed in range(3)]
    assert np.mean([covered(s) for s in studies]) > np.mean(plain) + 0.02
    first = list(studies[0])[:6]
    losses = [Surrogate(alone.losses).loss(t.plan) for t in first]
    assert losses == sorted(losses)
    assert len({tuple(t.ratios.values()) for t in first}) == 6
    for trial in first[1:]:  # by which each group loses the same, as far as whole units tell
        ratios = np.array(list(trial.ratios.values()))
        assert np.ptp(ratios) > 0


def test_of_several_plans_the_one_is_tried_of_which_most_is_expected(alone: pl.Sensitivity) -> None:
    ran: list[int] = []
    heard: list[Trial] = []
    study = pl.search(trained(), digits(60), sampler="random", trials=16, pruner=None, surrogate=alone, screen=3,
                      on_batch=lambda: ran.append(1), on_trial=lambda study, trial: heard.append(trial))
    states = study.trials["state"].value_counts()
    assert states["complete"] == 16
    assert states["screened"] == 2 * (16 - 8)
    assert len(ran) == 1 + 16 - study.trials["same_as"].notna().sum()
    assert len(heard) == len(study)
    screened = [t for t in study if t.state == "screened"]
    for trial in screened:
        assert set(trial.values) == {"params"}
        assert trial.reason.startswith("less is expected of it than of trial ")
        assert not trial.counts
    assert "16 more were refused, screened or lost" in str(study)
    # what was tried instead is better on the mean than what was left, both measured
    model, left = trained(), []
    for trial in screened:
        with pl.mask(model, trial.plan):
            left.append(pl.evaluate(model, digits(60), "accuracy")["accuracy"] * 2870 / trial.values["params"])
    chosen = [t.values["accuracy"] * 2870 / t.values["params"] for t in list(study)[8:] if t.is_whole]
    assert np.mean(chosen) > np.mean(left)
    again = pl.search(trained(), digits(60), sampler="random", trials=16, pruner=None, surrogate=alone, screen=3)
    assert frame(again).equals(frame(study))


def test_a_study_that_screens_goes_on_from_its_storage_and_over_workers(alone: pl.Sensitivity, tmp_path: Path) -> None:
    options: dict[str, Any] = {"sampler": "random", "pruner": None, "surrogate": alone, "screen": 3}
    pl.search(trained(), digits(60), trials=11, storage=tmp_path / "log", **options)
    study = pl.search(trained(), digits(60), trials=16, storage=tmp_path / "log", workers=2, **options)
    states = study.trials["state"].value_counts()
    assert (states["complete"], states["screened"]) == (16, 16)
    read = pl.search(trained(), digits(60), trials=16, storage=tmp_path / "log", **options)
    assert frame(read).equals(frame(study))


def test_true_measures_first_and_a_lab_takes_one() -> None:
    lab = pl.Lab(trained(), val=digits(60))
    study = lab.search(trials=9, surrogate=True, screen=2)
    assert sum(t.counts for t in study) == 9
    graph = pl.trace(trained(), (1, 1, 8, 8))
    surrogate = Surrogate({"0": {0.4: 0.1, 0.8: 0.3}, "2": {0.4: 1.0, 0.8: 9.0}, "5": {0.4: 0.2, 0.8: 0.5}})
    each, shared = (surrogate.ladder(pl.space(graph, per=per), 5) for per in ("group", "pattern"))
    for own, common in zip(each, shared, strict=True):  # the most sensitive group decides
        assert common == {"ratios.*": min(own.values())}
    assert len({tuple(own.values()) for own in each}) == 5
    amounts = pl.search(trained(), digits(60), pl.space(sparsity=(0.1, 0.8)), trials=12, surrogate=True, screen=2)
    assert sum(t.counts for t in amounts) == 12


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"surrogate": 3}, r"surrogate is 3; give what pl\.sensitivity"),
        ({"surrogate": {"0": {0.5: 0.1}}}, "losses has nothing for 2 and 1 more groups"),
        ({"surrogate": True, "sampler": "grid", "space": pl.space(ratios=[0.0, 0.5])}, "the sampler grid tries"),
        ({"surrogate": True, "screen": 0}, "screen is 0"),
        ({"surrogate": True, "train": training(), "space": BUILT}, "leave surrogate or arguments out"),
    ],
)  # fmt: skip
def test_what_it_says_nothing_of_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        pl.search(trained(), digits(60), on_batch=lambda: pytest.fail("measured"), trials=3, **options)


def test_beyond_a_front_is_how_far() -> None:
    front = np.array([[0.0, 10.0], [1.0, 0.0]])
    points = np.array([[0.0, 10.0], [0.5, 5.0], [1.0, 20.0], [-1.0, 20.0], [0.5, 20.0]])
    np.testing.assert_allclose(beyond(points, front), [0.0, 0.5, -1.0, 1.0, -0.5])
    assert beyond(np.array([[3.0], [1.0]]), np.array([[2.0]])).tolist() == [-0.5, 0.5]
