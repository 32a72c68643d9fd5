"""A search from a Lab's state: judged as its states are, kept in its workspace, stopped as all work, adopted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lab_nets import bits, data, everything, lab, random_bits
from optuna.samplers import RandomSampler

import prunelab as pl
from prunelab import errors
from prunelab.lab import Progress
from prunelab.lab.repeating import recipe_data
from prunelab.search import Trial


def test_a_trial_that_is_adopted_has_the_values_it_was_found_with(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path, metrics=("loss", "accuracy"))
    opened.step("0", ratio=0.34)
    before = bits(opened.model), random_bits()
    study = opened.search(trials=8)
    assert (bits(opened.model), random_bits()) == before
    assert [o.name for o in study.objectives] == ["loss", "params"]
    assert study.dense["loss"] == pytest.approx(opened.state.metrics["loss"], rel=1e-5)
    best = next(t for t in study.front_trials if t.plan.sparsity > opened.plan.sparsity)
    state = opened.adopt(best)
    assert state.parent == "s2"
    assert state.metrics["loss"] == pytest.approx(best.values["loss"], rel=1e-5)
    assert state.cost.params == best.values["params"]
    assert opened.replay(state.id).same
    assert pl.doctor(tmp_path).ok
    opened.close()


def test_a_search_is_a_state_that_changes_nothing(tmp_path: Path) -> None:
    opened, plain = lab(workspace=tmp_path, train=data(24)), lab(train=data(24))
    opened.search(pl.space(ratios=(0.1, 0.6), criterion=["l1_weight", "random"]), "random", trials=3, seed=4)
    state = opened.state
    assert (state.id, state.parent, state.label) == ("s1", "s0", "searched: 3 trials by random")
    assert state.action == ("lab.search(space=pl.space(ratios=(0.1, 0.6), criterion=['l1_weight', 'random']), "
                            "sampler='random', trials=3, seed=4)")
    dense = opened.states[0]
    assert (state.metrics, state.cost, state.plan, state.stored_bytes) == (dense.metrics, dense.cost, dense.plan, 0)
    eval(state.action, {"lab": opened, "pl": pl})  # noqa: S307
    assert len(opened.states) == 2  # its line gives the same study: nothing is recorded anew
    for one in (opened, plain):
        one.step("0", ratio=0.5, finetune=1)
    assert list(bits(opened.model).values()) == list(bits(plain.model).values())  # as if it had not been
    assert opened.state.seed == plain.state.seed
    assert opened.replay().same
    assert [step["layer"] for step in recipe_data(opened)["steps"]] == ["0"]
    opened.close()
    again = lab(workspace=tmp_path, train=data(24))
    assert again.back(2).id == "s0"
    assert again.goto("s1").label == state.label
    assert list(bits(again.model).values()) == list(bits(lab().model).values())
    assert pl.doctor(tmp_path).ok
    again.close()


def test_more_trials_are_another_state_and_go_on_where_the_others_ended(tmp_path: Path) -> None:
    opened, told = lab(workspace=tmp_path), []
    for trials in (2, 4):
        opened.search(trials=trials, on_trial=lambda study, trial: told.append(trial.number))
    assert told == [0, 1, 2, 3]
    assert [state.label for state in opened.states[1:]] == ["searched: 2 trials by annealing",
                                                           "searched: 4 trials by annealing"]
    opened.search(trials=2)  # which was done before
    assert len(opened.states) == 3
    opened.close()


def test_what_is_no_plain_value_is_a_variable_in_the_line() -> None:
    def error(predicted: Any, labels: Any) -> float:
        return float((predicted.argmax(1) != labels.reshape([-1])).astype("float32").mean())

    opened = lab()
    opened.search(sampler=RandomSampler(seed=1), objectives=[error, "params"], trials=2, data=data(12, 1),
                  constraints="params <= 90 %")
    assert opened.state.action == ("lab.search(sampler=sampler, objectives=[error, 'params'], trials=2, "
                                   "constraints='params <= 90 %', data=data)")


def test_what_is_gone_stays_gone_in_every_trial() -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    gone = set(opened.plan.removed("0"))
    assert pl.space(opened).variables["ratios.0"].low == 0.5
    for trial in opened.search(sampler="random", trials=8):
        assert set(trial.plan.removed("0")) >= gone


def test_a_trial_heals_when_it_is_adopted_as_it_did_when_it_was_tried() -> None:
    opened = lab()
    space = pl.space(ratios={"3": (0.3, 0.6)}, repair=True, epochs=[1, 2])
    study = opened.search(space, objectives="loss", trials=2)
    state = opened.adopt(study.best)
    assert f"finetune={study.best.settings['epochs']}, repair=True" in state.action
    assert "finetune=0)" in lab().adopt(study.best, finetune=0, repair=False).action


@pytest.mark.parametrize("own", [{}, {"lr": 0.02, "optimizer": "sgd"}])
def test_a_trial_that_trained_has_the_same_values_when_it_is_adopted_and_when_it_is_made_again(own: Any) -> None:
    opened = lab(train=data(24), metrics=("loss", "accuracy"), **own)
    space = pl.space(ratios={"3": (0.3, 0.6)}, repair=[False, True], epochs=[1, 2], sentences=[9, None],
                     **({} if own else {"lr": (1e-3, 1e-2), "optimizer": ["adam", "momentum"]}))
    study = opened.search(space, "random", trials=6, pruner=None)
    assert study.trials["sentences"].nunique(dropna=False) == 2
    for trial in study:
        assert trial.is_whole, trial.reason
        state = opened.adopt(trial)
        assert state.metrics["loss"] == pytest.approx(trial.values["loss"], rel=1e-5)
        assert opened.replay(state.id).same
        # the Lab is elsewhere by now
        made = study.model(trial.number)
        assert pl.evaluate(made, data(12, 1), "loss")["loss"] == pytest.approx(trial.values["loss"], rel=1e-5)
        assert study.within(loss=1e4).number == min(study, key=lambda t: t.values["params"]).number
        opened.goto("s0")
    told = next(t for t in study if t.settings["sentences"] == 9)
    action = opened.adopt(told).action
    opened.goto("s0")
    assert "sentences=9" in action
    assert ("optimizer=" in action) == (not own)
    assert "sentences" not in opened.adopt(told, finetune=0).action


def test_a_line_with_a_training_of_its_own_becomes_a_step_of_a_recipe(tmp_path: Path) -> None:
    opened = lab(train=data(24))
    state = opened.adopt({"3": [0, 2]}, finetune=1, lr=0.004, optimizer="sgd", sentences=9)
    assert state.action == "lab.adopt({'3': [0, 2]}, finetune=1, lr=0.004, optimizer='sgd', sentences=9)"
    (step,) = recipe_data(opened)["steps"]
    assert step == {"units": {"3": [0, 2]}, "finetune": 1, "lr": 0.004, "optimizer": "sgd", "sentences": 9}
    with pytest.raises(errors.UnknownNameError, match="unknown optimizer 'sdg'; did you mean 'sgd'"):
        opened.adopt({"3": [0, 2, 4]}, finetune=1, optimizer="sdg")
    with pytest.raises(errors.OptionError, match="sentences is 99; it is a whole number from 1 to 24"):
        opened.adopt({"3": [0, 2, 4]}, finetune=1, sentences=99)
    with pytest.raises(errors.DataError, match="comes in batches, and is not read by index"):
        lab().adopt({"3": [0, 2]}, finetune=1, sentences=9)


def test_an_interrupt_gives_the_study_so_far_and_the_next_call_goes_on_in_another_process(tmp_path: Path) -> None:
    def interrupt(study: pl.Study, trial: Trial) -> None:
        if trial.number == 2:
            opened.model[0].weight.set_value(opened.model[0].weight * 0)  # as where a mask was being taken off
            raise KeyboardInterrupt

    opened = lab(workspace=tmp_path)
    before = everything(opened)
    study = opened.search(trials=6, on_trial=interrupt)
    assert study.note == "interrupted after 3 of 6 trials"
    assert everything(opened) == before
    assert opened.working == ""
    opened.close()
    again = lab(workspace=tmp_path)
    told: list[int] = []
    whole = again.search(trials=6, on_trial=lambda study, trial: told.append(trial.number))
    assert told == [3, 4, 5]
    assert len(whole) == 6
    assert len(again.search(trials=6, seed=9, on_trial=lambda study, trial: told.append(trial.number))) == 6
    assert told == [3, 4, 5, 0, 1, 2, 3, 4, 5]
    again.close()


def test_stop_acts_within_a_trial_and_progress_counts_trials() -> None:
    opened = lab()
    told: list[Any] = []
    opened.on_progress.append(told.append)
    opened.search(trials=3)
    assert [p.done for p in told] == [1, 2, 3]
    assert told[0].total == 3
    assert "trial 0" in told[0].label
    opened.on_progress.append(lambda progress: opened.stop())
    with pytest.raises(errors.Stopped):
        opened.search(trials=9)
    opened.on_progress.clear()
    assert (opened.step("0", ratio=0.5).id, opened.state.parent) == ("s2", "s1")  # the stopped one is no state


def test_pl_search_takes_a_lab_and_workers_take_its_trials() -> None:
    opened = lab()
    space = pl.space(ratios={"3": (0.3, 0.6)}, repair=[False, True], epochs=[0, 1])
    study = pl.search(opened, space=space, sampler="random", objectives="loss", trials=3, workers=2)
    assert (study.trials["state"] == "complete").all(), study.trials["reason"].tolist()
    assert len(pl.search(opened, trials=2)) == 2
    with pytest.raises(errors.OptionError, match="loss is given with a Lab, which has its own"):
        pl.search(opened, loss="mse")


def test_without_data_or_with_an_odd_option_it_says_what_to_do() -> None:
    with pytest.raises(errors.OptionError, match="data is missing"):
        lab(val=None).search()
    opened = lab()
    with pytest.raises(errors.UnknownNameError, match="did you mean 'genetic'"):
        opened.search(sampler="genetics")
    with pytest.raises(TypeError, match="trails"):
        opened.search(trails=3)
    with pytest.raises(errors.OptionError, match="trials is 'many'"):
        opened.search(trials="many")
    assert opened.working == ""


def test_the_last_study_is_known_while_it_goes_on_and_after_a_stop() -> None:
    opened = lab()
    assert opened.study is None
    seen: list[int] = []

    def heard(progress: Progress) -> None:
        seen.append(0 if opened.study is None else len(opened.study))
        if len(seen) == 3:
            opened.stop()

    opened.on_progress.append(heard)
    with pytest.raises(errors.Stopped):
        opened.search(sampler="random", trials=50)
    assert opened.study is not None
    assert len(opened.study) == seen[-1] > 0
    opened.on_progress.clear()
    assert opened.search(sampler="random", trials=3) is opened.study
