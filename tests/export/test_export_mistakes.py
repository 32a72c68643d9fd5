"""What a person may get wrong with an export."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paddle
import pytest
from export_nets import Then, entries
from paddle import nn
from paddle.nn import functional

import prunelab as pl
from prunelab import errors
from prunelab.export import FORMATS, TimingOptions


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"formats": ("onxx",)}, errors.UnknownNameError, "unknown format 'onxx'; did you mean 'onnx'"),
        ({"formats": ()}, errors.OptionError, "formats is empty"),
        ({"inputs": None}, errors.InputError, "inputs is missing"),
        ({"inputs": (1, 7)}, errors.InputError, "Then"),
        ({"model": "resnet"}, errors.InputError, "the model is a str"),
        ({"model": nn.ReLU()}, errors.ExportError, "the outputs of ReLU need no parameters"),
    ],
)
def test_a_mistake_is_told_and_leaves_nothing(options: dict[str, Any], error: type[Exception], message: str,
                                              small: nn.Layer, tmp_path: Path) -> None:
    given = {"model": small, "formats": ("paddle",), "inputs": (1, 16), **options}
    with pytest.raises(error, match=message):
        pl.export(given.pop("model"), tmp_path / "out", **given)
    assert entries(tmp_path) == []


def test_an_input_that_is_not_used_is_told(tmp_path: Path) -> None:
    class Unused(Then):
        def forward(self, x: Any, mask: Any) -> Any:
            return super().forward(x)

    with pytest.raises(errors.ExportError, match="one of the inputs is not used"):
        pl.export(Unused(functional.relu), tmp_path / "out", ("paddle",), inputs=[(1, 16), (1, 3)])


@dataclass
class Scores:
    """What some forwards return."""

    logits: Any


def test_a_dataclass_of_outputs_is_named_with_the_way_out(tmp_path: Path) -> None:
    class Scoring(Then):
        def forward(self, x: Any) -> Any:
            return Scores(super().forward(x))

    class Around(nn.Layer):
        def __init__(self, model: nn.Layer) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Any) -> Any:
            return vars(self.model(x))

    model = Scoring(functional.relu)
    with pytest.raises(errors.InputError, match=r"gives a Scores, .* returns vars\(model"):
        pl.export(model, tmp_path / "out", ("paddle",), inputs=(1, 16))
    assert entries(tmp_path) == []
    assert pl.export(Around(model), tmp_path / "out", ("paddle",), inputs=(1, 16), timing=None).parity["paddle"] < 1e-4


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_extra_is_told_before_any_work(package: str, small: nn.Layer, tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(small, "forward", lambda *_: pytest.fail("the model was run"))
    with pytest.raises(errors.MissingExtraError, match=rf"{package} is not installed; .*prunelab\[onnx\]"):
        pl.export(small, tmp_path / "out", inputs=(1, 16))
    assert entries(tmp_path) == []


EXTRAS = {"torchscript": "torch", "openvino": "openvino", "tensorflow": "tensorflow", "tflite": "tensorflow"}


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("paddle", "safetensors", "python")])
def test_a_dropout_that_is_asked_for_in_eval_mode_is_named_before_any_work(name: str, tmp_path: Path,
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name], reason=f"{name} needs {EXTRAS[name]}")
    fmt = type(FORMATS[name])
    monkeypatch.setattr(fmt, "load", lambda *_: pytest.fail("a file was written"))
    model = Then(lambda h: functional.dropout(h, 0.5, training=True))
    with pytest.raises(errors.ExportError, match=r"draws random numbers in eval mode, by the operator dropout \(test_"):
        pl.export(model, tmp_path / "out", (name,), inputs=(1, 16), data=[paddle.randn([2, 16])])
    assert entries(tmp_path) == []


def test_a_model_that_does_not_repeat_itself_is_told_as_such(tmp_path: Path) -> None:
    """Paddle saves the operator, and its own runtime leaves it out."""
    model = Then(lambda h: functional.dropout(h, 0.5, training=True))
    with pytest.raises(errors.ExportError, match="Then gives other numbers each time it is called in eval mode"):
        pl.export(model, tmp_path / "out", ("paddle",), inputs=(1, 16))
    assert entries(tmp_path) == []
    # weights are weights
    assert pl.export(model, tmp_path / "out", ("safetensors",), inputs=(1, 16), timing=None).parity["safetensors"] == 0


@pytest.mark.parametrize("options", [{"runs": 0}, {"warmup": -1}, {"threads": 0}, {"runs": 2.5}, {"budget_s": 0}])
def test_timing_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(errors.OptionError, match=next(iter(options))):
        TimingOptions(**options)


def test_a_model_in_half_precision_is_told_what_to_do(tmp_path: Path) -> None:
    model = nn.Linear(4, 2).to(dtype="float16")
    with pytest.raises(errors.InputError, match=r"Linear is in half precision, .* export model\.float\(\)"):
        pl.export(model, tmp_path / "out", ("onnx",), inputs=(1, 4))
    out = pl.export(model.float(), tmp_path / "out", ("onnx-fp16",), inputs=(1, 4), timing=None)
    assert out.parity["onnx-fp16"] < 1e-2


def test_a_program_without_parameters_is_refused(tmp_path: Path) -> None:
    class Idle(nn.Layer):
        """Has a layer, and does not use it."""

        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return nn.functional.relu(x)

    for model in (Idle(), nn.ReLU()):
        with pytest.raises(errors.ExportError, match="need no parameters, and Paddle saves no such program"):
            pl.export(model, tmp_path / "out", ("paddle",), inputs=(1, 4))
    assert not list(tmp_path.iterdir())
