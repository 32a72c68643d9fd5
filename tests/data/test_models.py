"""A model by where it is written: a module's callable or a local file's."""

from __future__ import annotations

from pathlib import Path

import paddle
import pytest

import prunelab as pl
from prunelab.errors import OptionError, UnknownNameError

FILE = """
import paddle
class Small(paddle.nn.Layer):
    def __init__(self, width=4):
        super().__init__()
        self.fc = paddle.nn.Linear(2, width)
    @classmethod
    def wide(cls):
        return cls(9)
    def forward(self, x):
        return self.fc(x)
def number():
    return 3
made = Small(5)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(FILE)
    return path


def test_a_modules_callable_with_arguments() -> None:
    model = pl.load_model("paddle.vision.models:LeNet", num_classes=7)
    assert isinstance(model, paddle.vision.models.LeNet)
    assert model.fc[-1].weight.shape[1] == 7


def test_a_files_callables_and_layers(file: Path) -> None:
    assert pl.load_model(f"{file}:Small", width=6).fc.weight.shape[1] == 6
    assert pl.load_model(f"{file}:Small.wide").fc.weight.shape[1] == 9
    assert pl.load_model(f"{file}:made").fc.weight.shape[1] == 5


def test_two_files_of_one_name_do_not_mix(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "net.py"
    other.parent.mkdir()
    other.write_text(FILE.replace("width=4", "width=8"))
    first, second = pl.load_model(f"{file}:Small"), pl.load_model(f"{other}:Small")
    assert (first.fc.weight.shape[1], second.fc.weight.shape[1]) == (4, 8)
    assert pl.trace(first, (1, 2)).cost().params == 12


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("resnet18", OptionError, "'resnet18' names no callable; give 'module:callable'"),
        ("https://host/net.py:f", OptionError, "is code from elsewhere"),
        ("w.pth", OptionError, "is a file of another framework"),
        (3, OptionError, "the model's source is a int"),
        ("no_such_module:f", OptionError, "there is no module 'no_such_module'"),
        ("paddle.vision.models:resnt18", UnknownNameError, "did you mean 'resnet18'"),
        ("paddle.vision.models:LeNet", OptionError, "does not take these arguments: .*wrong"),
        ("math:pi", OptionError, "'math:pi' is a float; it is a callable"),
        ("nowhere.py:f", OptionError, "there is no file 'nowhere.py'"),
    ],
)
def test_a_source_that_makes_no_model_is_refused_in_words(source: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pl.load_model(source, wrong=1)


def test_a_file_that_fails_and_a_callable_that_makes_no_model(file: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"gave a int; it gives a paddle\.nn\.Layer"):
        pl.load_model(f"{file}:number")
    with pytest.raises(OptionError, match="takes no arguments"):
        pl.load_model(f"{file}:made", 4)
    (tmp_path / "late.py").write_text("def f(n=2):\n    return None + n\n")
    with pytest.raises(OptionError, match=r"late\.py:f' failed at line 2 of late\.py: TypeError: unsupported operand"):
        pl.load_model(f"{tmp_path / 'late.py'}:f")
    with pytest.raises(OptionError, match=r"does not take these arguments: .*'m'; it takes \(n=2\)"):
        pl.load_model(f"{tmp_path / 'late.py'}:f", m=3)
    bad = tmp_path / "bad.py"
    bad.write_text("1 / 0")
    with pytest.raises(OptionError, match="cannot be run: ZeroDivisionError"):
        pl.load_model(f"{bad}:f")
