"""How a Lab's trainings go on beyond epochs: a teacher, and what a training takes by name."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from lab_nets import batched, bits, data, everything, lab

import prunelab as pl
from prunelab.errors import OptionError, UnknownNameError
from prunelab.lab.randomness import seed_all
from prunelab.surgery import zero_cut
from prunelab.train import Distillation, TrainingOptions


def by_hand(opened: pl.Lab, dense: Any, **options: Any) -> dict[str, bytes]:
    """The tensors of the dense model, cut and trained as the Lab's last step did."""
    model = copy.deepcopy(dense)
    seed_all(opened.state.seed)
    zero_cut(model, opened.plan)
    pl.finetune(model, batched(), 2, plan=opened.plan, **options)
    return bits(model)


def test_a_teacher_is_the_model_before_its_first_cut() -> None:
    opened = lab(teacher=True, finetune=2)
    opened.finetune(2)  # nothing is cut: nobody to learn from
    uncut = copy.deepcopy(opened.model)
    opened.step("0", ratio=0.5)
    assert bits(opened.model) == by_hand(opened, uncut, teacher=uncut)
    assert bits(opened.model) != by_hand(opened, uncut)
    assert opened.replay().same


def test_another_teacher_and_how_it_is_learnt_from() -> None:
    taught = lab().model
    opened = lab(teacher=Distillation(teacher=taught, temperature=2.0), finetune=2)
    dense = copy.deepcopy(opened.model)
    opened.step("0", ratio=0.5)
    assert bits(opened.model) == by_hand(opened, dense, teacher=Distillation(teacher=taught, temperature=2.0))


@pytest.mark.parametrize("training", [{"clip_norm": 0.01, "label_smoothing": 0.1},
                                      TrainingOptions(clip_norm=0.01, label_smoothing=0.1)])
def test_what_a_training_takes_by_name_or_as_a_value(training: Any) -> None:
    opened = lab(training=training, finetune=2)
    dense = copy.deepcopy(opened.model)
    opened.step("0", ratio=0.5)
    assert bits(opened.model) == by_hand(opened, dense, clip_norm=0.01, label_smoothing=0.1)
    assert opened.replay().same


def test_epochs_are_judged_on_the_labs_validation_data() -> None:
    opened = lab(training={"patience": 1}, finetune=0)
    plain = opened.step("0", ratio=0.5)
    opened.back()
    spoilt = lab(training={"patience": 1}, finetune=5, lr=100.0, metrics="loss")
    spoilt.step("0", ratio=0.5)
    # no epoch was better than none: the weights before the first one are kept
    assert spoilt.state.metrics["loss"] <= plain.metrics["loss"]


def test_a_recipe_says_the_same() -> None:
    text = """
    model = {source = "net"}
    data = {train = "train", val = "val"}
    finetune = {epochs = 2, teacher = true, clip_norm = 0.01, patience = 2}
    steps = [{layer = "0", ratio = 0.5}]
    """
    opened = lab(finetune=2, teacher=True, training={"clip_norm": 0.01, "patience": 2})
    opened.step("0", ratio=0.5)
    again = pl.run_recipe(text, variables={"net": lab().model, "train": batched(), "val": data(12, 1)})
    assert everything(again) == everything(opened)
    script = pl.Recipe.loads(text, {"net": 1.5j, "train": [1], "val": [2]}).script()
    assert 'finetune=2' in script
    assert 'teacher=True' in script
    assert 'training={"patience": 2, "clip_norm": 0.01}' in script


@pytest.mark.parametrize(("options", "kind", "message"), [
    ({"training": {"clip_nrom": 1}}, UnknownNameError, "did you mean 'clip_norm'?"),
    ({"training": {"clip_norm": 0}}, OptionError, "clip_norm is 0; it is a number above 0"),
    ({"training": 3}, OptionError, "options is 3; give TrainingOptions"),
    ({"teacher": "dense"}, OptionError, "teacher is 'dense'; give True for the model before its first cut"),
])
def test_what_cannot_be_is_refused_when_the_lab_is_opened(options: dict[str, Any], kind: type[Exception],
                                                          message: str) -> None:
    with pytest.raises(kind, match=message):
        lab(**options)
