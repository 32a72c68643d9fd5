"""The public names, and the errors as a person sees them."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import prunelab as pl
from prunelab import errors

ERRORS = dict(inspect.getmembers(errors, lambda value: inspect.isclass(value) and issubclass(value, Exception)))
ARGUMENTS = {"MissingExtraError": ("torch", "torchscript")}


@pytest.mark.parametrize("name", pl.__all__)
def test_a_public_name_can_be_had_and_says_what_it_is(name: str) -> None:
    value = getattr(pl, name)
    assert name in dir(pl)
    assert isinstance(value, str) or inspect.getdoc(value), f"prunelab.{name} has no docstring"
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__module__.split(".")[0] == "prunelab"


CLASSES = [name for name in pl._PUBLIC if name[0].isupper() and name != "PrunelabError"]


@pytest.mark.parametrize("name", CLASSES)
def test_what_a_public_class_offers_says_what_it_is(name: str) -> None:
    own = {key: value for key, value in vars(getattr(pl, name)).items() if not key.startswith("_")}
    kinds = (property, classmethod, staticmethod)
    mute = [k for k, v in own.items() if (inspect.isfunction(v) or isinstance(v, kinds)) and not inspect.getdoc(v)]
    assert mute == []


@pytest.mark.parametrize("name", sorted(name for name, room in pl._PUBLIC.items() if name == room))
def test_a_function_stays_a_function_when_the_room_of_its_name_is_imported(name: str) -> None:
    __import__(f"prunelab.{name}")
    assert not isinstance(getattr(pl, name), ModuleType)


def test_a_star_import_gives_the_public_names() -> None:
    namespace: dict[str, object] = {}
    exec("from prunelab import *", namespace)  # noqa: S102
    assert set(pl.__all__) <= set(namespace)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'prunelab' has no attribute 'prune'"):
        pl.prune  # noqa: B018


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_an_error_descends_from_the_root_and_is_drawn_in_the_tree(error: type[Exception]) -> None:
    assert issubclass(error, pl.PrunelabError)
    drawn = [line for line in (errors.__doc__ or "").splitlines() if error.__name__ in line.replace("-", " ").split()]
    assert len(drawn) == 1, f"the tree at the head of errors.py shows {error.__name__} {len(drawn)} times"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What IPython prints for each error, raised in a cell: name -> lines.

    In a process of its own, since a shell takes over the interpreter's hooks.
    """
    home = tmp_path_factory.mktemp("home")
    cells = {name: f"raise errors.{name}(*{ARGUMENTS.get(name, ('the message',))!r})" for name in ERRORS}
    program = f"""
import contextlib, io, json
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="nocolor")
shell.run_cell("from prunelab import errors")
printed = {{}}
for name, cell in {cells!r}.items():
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        shell.run_cell(cell)
    printed[name] = out.getvalue().strip().splitlines()
print(json.dumps(printed))
"""
    root = Path(errors.__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root), "IPYTHONDIR": str(home), "HOME": str(home)}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ERRORS)
def test_a_mistake_is_one_line_in_a_notebook(name: str, rendered: dict[str, list[str]]) -> None:
    error = ERRORS[name](*ARGUMENTS.get(name, ("the message",)))
    assert rendered[name] == [f"{name}: {error}"]


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("l1_wieght", ["l1_weight", "random"], "did you mean 'l1_weight'?"),
        ("zzz", ["mean", "random"], "known: mean, random"),
        ("zzz", [], "known: none"),
        ("zzz", [f"layer{i}" for i in range(20)], "20 are known, among them layer0, layer1"),
    ],
)
def test_an_unknown_name_comes_with_the_nearest_or_with_the_known_ones(name: str, known: list[str], hint: str) -> None:
    error = errors.unknown_name("criterion", name, known, place="propose")
    assert isinstance(error, errors.UnknownNameError)
    assert str(error).startswith(f"unknown criterion '{name}' in propose; ")
    assert hint in str(error)


@pytest.mark.parametrize("value", [-0.1, 1, 1.5, float("nan"), "0.5", None, True])
def test_a_ratio_outside_its_range_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(errors.OptionError, match=r"ratio of conv1 is .*\[0, 1\)"):
        errors.check_ratio(value, place="ratio of conv1")


@pytest.mark.parametrize("value", [0, 0.5, 0.999, np.float32(0.5), np.float64(0.5), np.int64(0)])
def test_a_ratio_inside_its_range_comes_back_as_a_float(value: float) -> None:
    ratio = errors.check_ratio(value, place="ratio")
    assert isinstance(ratio, float)
    assert ratio == value


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_a_whole_number_comes_back_as_an_int(value: object) -> None:
    whole = errors.check_whole(value, "steps", 1)
    assert type(whole) is int
    assert whole == 3


@pytest.mark.parametrize("value", [0, -1, 9, 2.0, np.float64(2), True, np.True_, "3", None])
def test_what_is_no_whole_number_in_range_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(errors.OptionError, match=r"steps is .*; it is a whole number from 1 to 8"):
        errors.check_whole(value, "steps", 1, 8)


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), True, "1", None])
def test_what_is_no_positive_number_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(errors.OptionError, match=r"lr is .*; it is a number above 0"):
        errors.check_positive(value, "lr")
    assert errors.check_positive(np.float32(0.5), "lr") == 0.5


@pytest.mark.parametrize(
    ("value", "text"),
    [(np.float32(0.5), "0.5"), (np.int64(3), "3"), ("a", "'a'"), ([0] * 99, "a list"), (np.eye(3), "a ndarray"),
     (object(), "a object")],
)
def test_a_value_in_a_message_is_short_and_on_one_line(value: object, text: str) -> None:
    assert errors.shown(value) == text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("(InvalidArgument) The axis is 3. (at /paddle/unary.cc:59)\n  [Hint: Expected]"), "The axis is 3"),
        (KeyError("image"), "KeyError: 'image'"),
        (RuntimeError(), "RuntimeError"),
        (RuntimeError("one\ntwo"), "one"),
    ],
)
def test_the_reason_of_an_error_is_one_line(error: Exception, text: str) -> None:
    assert errors.reason_of(error) == text
