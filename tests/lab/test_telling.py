"""What a line does not say of a training: kept with the state, told by a replay, said or named by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from lab_nets import batched, bits, data, lab, net

import prunelab as pl
from prunelab import errors
from prunelab.jupyter.code import code
from prunelab.lab.repeating import recipe_text
from prunelab.lab.telling import called
from prunelab.train import Distillation, SoftPruning, TrainingOptions


def gentle(parameters: Any) -> Any:
    return paddle.optimizer.SGD(0.01, parameters=parameters)


def my_loss(outputs: Any, labels: Any) -> Any:
    return paddle.nn.functional.cross_entropy(outputs, labels) * 2


class Counts:
    """Hears batches."""

    def on_batch(self, batch: Any) -> None:
        """Nothing."""


def test_a_state_keeps_what_it_was_trained_with(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path, lr=0.02, optimizer="momentum", loss=my_loss, teacher=Distillation(teacher=net()),
                 training=TrainingOptions(clip_norm=1.0, accumulate=2, callbacks=(Counts(),)))  # fmt: skip
    trained, cut = opened.step("0", ratio=0.5, finetune=1), opened.step("3", ratio=0.5)
    wanted = {"loss": "my_loss", "lr": 0.02, "optimizer": "momentum", "clip_norm": 1.0, "accumulate": 2,
              "callbacks": ["Counts"],
              "teacher": "Distillation(Sequential, logits=0.9, temperature=1.0, features=0.0)"}  # fmt: skip
    assert trained.trained_with == wanted
    assert cut.trained_with == {}
    assert opened.replay().same
    opened.close()
    again = lab(workspace=tmp_path, lr=0.1)
    assert again.states[1].trained_with == wanted
    told = repr(again.replay("s1"))
    assert "tensors are other ones" in told
    assert "it was trained with loss my_loss (here as it is by itself), lr 0.02 (here 0.1), optimizer momentum" in told
    again.close()
    plain = lab()
    assert plain.finetune(1).trained_with == {}


def test_a_recipe_says_what_it_has_words_for(tmp_path: Path) -> None:
    x, y = data()
    teacher, train = net(), (x, y)
    names = {"teacher": teacher, "train": train, "gentle": gentle, "my_loss": my_loss}
    opened = lab(train=train, val=train, teacher=teacher, optimizer=gentle, loss=my_loss, inputs=(1, 1, 6, 6),
                 training=TrainingOptions(clip_norm=1.0, accumulate=2, penalty="bn_scale"))  # fmt: skip
    opened.step("0", ratio=0.5, finetune=1)
    text = code(opened, form="recipe", names=names).text
    for line in ('teacher = "teacher"', 'optimizer = "gentle"', "clip_norm = 1.0", "accumulate = 2",
                 'penalty = "bn_scale"', 'loss = "my_loss"'):  # fmt: skip
        assert line in text
    assert "#" not in text
    paddle.seed(0)
    variables = {**names, "net": net(), "val": train}
    again = pl.run_recipe(text, variables=variables)
    assert bits(again.model) == bits(opened.model)
    assert code(opened, form="script", names=names).text.count("teacher=teacher") == 1
    assert code(opened, form="script").text  # what is no variable here stands for something


def test_a_teacher_of_mixed_samples_is_told_so() -> None:
    assert called(Distillation(teacher=net(), logits=1.0, mixed=0.5)) == (
        "Distillation(Sequential, logits=1.0, temperature=1.0, features=0.0, mixed=0.5)")


def test_a_recipe_names_what_it_has_no_words_for() -> None:
    opened = lab(teacher=Distillation(teacher=net(), logits=0.5), loss=lambda a, b: my_loss(a, b),
                 training=TrainingOptions(clip_norm=1.0, callbacks=(Counts(),), penalty=pl.train.GroupLasso(1e-3)))
    opened.step("0", ratio=0.5, finetune=1)
    head = [
        "# the Lab was opened with training penalty = GroupLasso, which a recipe has no words for",
        "# the Lab was opened with training callbacks = ['Counts'], which a recipe has no words for",
        "# the Lab was opened with teacher = Distillation(Sequential, logits=0.5, temperature=1.0, features=0.0)",
    ]
    for text in (recipe_text(opened), code(opened, form="recipe").text, code(opened, form="script").text):
        assert all(line.startswith(start) for line, start in zip(text.splitlines(), head, strict=False))
        assert text.splitlines()[3].startswith("# the Lab was opened with loss = ")
    assert opened.replay().same


@pytest.mark.parametrize("options", [{"soft": SoftPruning(sparsity=0.5)}, {"optimizer_state": 5}])
def test_options_of_a_training_that_are_none_of_a_labs(options: dict[str, Any]) -> None:
    with pytest.raises(errors.OptionError, match=f"training={{'{next(iter(options))}': ...}} is not for a Lab"):
        lab(training=options)


def test_a_history_from_before_has_nothing_of_it(tmp_path: Path) -> None:
    from prunelab.lab.state import State

    opened = lab(train=batched(), seed=np.int64(1))
    facts = opened.finetune(1).to_json()
    del facts["trained_with"]
    assert State.from_json(facts, lambda: opened.plan).trained_with == {}
