"""Networks that trials build by their constructor's own numbers: trained, judged, and made again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from search_nets import Sized, digits, frame, trained, training

import prunelab as pl
from prunelab.errors import OptionError, PrunelabError, UnknownNameError

# Paddle's batch norm says so whenever it is read in train mode
pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track global mean and variance")

ARGUMENTS: dict[str, Any] = {"width": "4:12:2", "kernel": [3, 5], "norm": ["batch", "group"]}


@pytest.fixture(scope="module")
def model() -> Sized:
    paddle.seed(0)
    made = Sized(8)
    pl.finetune(made, training(), 1, lr=5e-3, seed=0)
    return made


@pytest.fixture(scope="module")
def study(model: Sized) -> pl.Study:
    space = pl.space(build=Sized, arguments=ARGUMENTS, epochs=1, lr=5e-3, constraints="params <= 100 %")
    return pl.search(model, digits(60), space, "random", ("loss", "params"), trials=4, train=training(120), pruner=None,
                     seed=1)


def test_each_trial_trains_the_network_that_its_arguments_build(study: pl.Study) -> None:
    whole = [t for t in study if t.is_whole]
    assert len(whole) >= 3
    assert len({tuple(t.arguments.items()) for t in whole}) >= 3
    for trial in whole:
        own = Sized(**trial.arguments)
        assert trial.values["params"] == sum(p.size for p in own.parameters() if p.trainable)
        assert trial.plan.sparsity == 0.0
        made = study.model(trial)
        assert [tuple(p.shape) for p in made.parameters()] == [tuple(p.shape) for p in own.parameters()]
        assert pl.evaluate(made, digits(60), "loss")["loss"] == pytest.approx(trial.values["loss"], rel=1e-5)


def test_what_costs_too_much_is_known_from_its_graph_and_never_trained(study: pl.Study) -> None:
    refused = [t for t in study if t.state == "refused"]
    assert refused
    for trial in refused:
        assert trial.values["params"] == sum(p.size for p in Sized(**trial.arguments).parameters() if p.trainable)
        assert "loss" not in trial.values


def test_the_seed_decides_its_first_weights_and_nothing_is_left_of_it(model: Sized) -> None:
    space = pl.space(build=Sized, arguments={"width": [4, 6]}, epochs=1)
    drawn, weights = np.random.get_state()[1].tolist(), model.head.weight.numpy()
    first, again = (pl.search(model, digits(60), space, "grid", trials=2, train=training(120)) for _ in range(2))
    assert frame(first).equals(frame(again))
    other = pl.search(model, digits(60), space, "grid", objectives=("loss", "params"), trials=2, train=training(120),
                      seed=5)
    assert other[0].values["loss"] != pl.evaluate(first.model(0), digits(60), "loss")["loss"]
    assert np.random.get_state()[1].tolist() == drawn
    assert np.array_equal(model.head.weight.numpy(), weights)


def test_a_network_that_is_built_is_cut_before_it_is_trained(model: Sized) -> None:
    space = pl.space(build=Sized, arguments={"width": [8, 12]}, sparsity=0.5, epochs=1)
    study = pl.search(model, digits(60), space, "grid", ("loss", "params"), trials=2, train=training(120))
    for trial in study:
        assert trial.plan.sparsity == pytest.approx(0.5)
        made = study.model(trial)
        assert sum(p.size for p in made.parameters() if p.trainable) == trial.values["params"]
        assert trial.values["params"] < sum(p.size for p in Sized(**trial.arguments).parameters() if p.trainable)
        assert pl.evaluate(made, digits(60), "loss")["loss"] == pytest.approx(trial.values["loss"], rel=1e-4)


def test_a_study_of_them_is_kept_with_plans_of_their_own(study: pl.Study, tmp_path: Path) -> None:
    again = pl.Study.load(study.save(tmp_path / "study.json"))
    assert frame(again).equals(frame(study))
    assert [t.plan for t in again] == [t.plan for t in study]
    assert again.best.arguments == study.best.arguments
    with pytest.raises(OptionError, match="a loaded study has no model to make it of"):
        again.model(again.best)


def test_a_space_of_them_is_kept_without_its_code(study: pl.Study, tmp_path: Path) -> None:
    path = study.space.save(tmp_path / "space.json")
    assert pl.Space.load(path, build=Sized) == study.space
    with pytest.raises(OptionError, match=r"arguments \(width, kernel, norm\), and nothing that takes them; give it"):
        pl.search(trained(), digits(60), pl.Space.load(path), trials=2, train=training(120))
    assert "width of Sized" in str(study.space)
    assert "4 to 12 in steps of 2" in str(study.space)
    assert study.space.size == 5 * 2 * 2


def test_workers_build_what_this_process_would(model: Sized) -> None:
    space = pl.space(build=Sized, arguments={"width": [4, 6, 8]}, epochs=1)
    options: dict[str, Any] = {"sampler": "random", "trials": 3, "train": training(120), "pruner": None}
    study = pl.search(model, digits(60), space, workers=2, **options)
    one = pl.search(model, digits(60), space, **options)
    assert (study.trials["state"] == "complete").all(), study.trials["reason"].tolist()
    np.testing.assert_allclose(study.trials["accuracy"], one.trials["accuracy"], atol=0.04)
    assert study.trials["arguments.width"].tolist() == one.trials["arguments.width"].tolist()


def test_a_lab_does_not_adopt_another_network_and_says_what_does(model: Sized) -> None:
    lab = pl.Lab(model, train=training(120), val=digits(60))
    study = lab.search(pl.space(build=Sized, arguments={"width": [4, 6]}, epochs=1), trials=2)
    trial = next(t for t in study if t.is_whole)
    with pytest.raises(OptionError, match=r"trial \d built a network of its own \(width=\d\), .*pl\.Lab\(study"):
        lab.adopt(trial)
    other = pl.Lab(study.model(trial), train=training(120), val=digits(60))
    assert other.state.metrics["accuracy"] == pytest.approx(trial.values["accuracy"])


def test_a_constructor_by_name_and_one_that_fails_for_some() -> None:
    space = pl.space(build="search_nets:Sized", arguments={"width": [3, 4], "norm": "group"}, epochs=1)
    study = pl.search(trained(), digits(60), space, "grid", trials=2, train=training(120))
    states = {t.arguments["width"]: t for t in study}
    assert states[4].is_whole
    assert states[3].state == "failed"
    assert "num_groups" in states[3].reason


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"arguments": {"widht": [4, 8]}}, UnknownNameError, "unknown argument 'widht' in arguments of Sized; did"),
        ({"arguments": {"width": [4, 8]}, "epochs": 0}, OptionError, "each is to be trained; give epochs"),
        ({"arguments": {"width": [4, 8]}, "epochs": [0, 1]}, OptionError, "each is to be trained; give epochs"),
        ({"arguments": {"width": [4, 8]}, "repair": True}, OptionError, "leave repair or arguments out"),
        ({"arguments": {"width": (8, 4)}}, OptionError, "the argument 'width': a range from 8 to 4 holds nothing"),
        ({"arguments": [4, 8]}, OptionError, r"arguments is \[4, 8\]; give them by name"),
        ({}, OptionError, "build is given alone; give both"),
        ({"build": None, "arguments": {"width": [4, 8]}}, OptionError, "arguments is given alone; give both"),
        ({"build": 3, "arguments": {"width": [4, 8]}}, OptionError, "build is 3; give a class or a function"),
        ({"build": lambda width, classes: None, "arguments": {"width": 4}}, OptionError, "needs classes, and"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused_by_name(options: dict[str, Any], error: type[PrunelabError],
                                                 told: str) -> None:
    with pytest.raises(error, match=told):
        pl.space(**{"build": Sized, "epochs": 1, **options})


def test_ranges_of_whole_numbers_give_whole_numbers() -> None:
    space = pl.space(build=Sized, arguments={"width": "4:12:4", "kernel": (1, 2)}, epochs="1:3:1")
    assert space.size == 3 * 2 * 3
    assert space.variables["arguments.width"].distribution.low == 4
    assert isinstance(space.settings({})["arguments"]["width"], int)
    with pytest.raises(OptionError, match="is of whole numbers; give whole ends"):
        pl.space(epochs="1:3.5:1")
