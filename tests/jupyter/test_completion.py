"""What the kernel offers at the cursor of a `%prune` line, jedi on, as JupyterLab asks for it."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from notebook_shell import Notebook

from prunelab.criteria import CRITERIA
from prunelab.export import FORMATS
from prunelab.jupyter.magics import COMMANDS
from prunelab.plan.schedules import LAYER_SCHEDULES, SCHEDULES

# line, the words that are offered (all of them, in this order)
ALL = [
    ("%prune st", ["status", "step"]),
    ("x = %prune pl", ["plan"]),
    ("x, y = %prune pl", ["plan"]),
    ("    %prune sta", ["status"]),
    ("%prune step con", ["conv1", "conv2"]),
    ("%prune step conv1 --r", ["--ratio", "--round-to", "--repair", "--repair-steps"]),
    ("%prune step conv1 --ratio 0.3 --r", ["--round-to", "--repair", "--repair-steps"]),
    ("%prune step --criterion l", [name for name in CRITERIA if name.startswith("l")]),
    ("%prune step --criterion=m", [name for name in CRITERIA if name.startswith("m")]),
    ("%prune run --schedule ", [*SCHEDULES, *LAYER_SCHEDULES]),
    ("%prune run --scope gl", ["global"]),
    ("%prune run --by ", ["sparsity", "macs", "params"]),
    ("%prune search --sampler p", ["pso"]),
    ("%prune search --objectives accuracy,la", ["latency_ms"]),
    ("%prune goto ", ["s1", "s0", "--explain", "--help"]),
    ("%prune masks C", ["conv1", "conv2"]),
    ("%prune export out --formats ", [*FORMATS]),
    ("%prune export out --formats paddle,", [name for name in FORMATS if name != "paddle"]),
    ("%prune export mod", ["models/"]),
    ("%prune curves p", ["params"]),
    ("%prune curves params l", ["loss"]),
    ("%prune open net --metrics accuracy,l", ["loss"]),
    ("%prune open ne", ["net"]),
    ("%prune open net --train ", ["digits", "val_digits"]),
    ("%prune open net --train val", ["val_digits"]),
    ("%prune open net --loss ", ["my_loss", "cross_entropy", "mse", "l1", "bce_with_logits"]),
    ("%prune open paddle.vision.models:mobilenet_v1", ["mobilenet_v1"]),
    ("%prune step conv1 --ratio ", ["share"]),
    ("%prune back ", ["two", "--explain", "--help"]),
    ("%prune open net --seed ", ["two"]),
]


@pytest.mark.parametrize(("line", "words"), ALL, ids=[line for line, _ in ALL])
def test_the_words_that_are_offered(line: str, words: list[str], opened: Notebook, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    opened.run("%prune step conv1 --ratio 0.25\nshare, two = 0.5, 2\ndef my_loss(out, y): pass")
    stem = line[: max(line.rfind(" "), line.rfind(","), line.rfind("="), line.rfind(":")) + 1]
    if ":" in line:
        words = [word.partition(":")[2] or word for word in words]
    assert opened.shell.Completer.use_jedi
    assert opened.complete(line) == [stem + word for word in words]


def test_sub_commands_are_offered_first(fresh: Notebook) -> None:
    assert fresh.complete("%prune ") == [f"%prune {name}" for name in [*COMMANDS, "--help"]]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_every_sub_command_is_offered(name: str, opened: Notebook) -> None:
    flags = [flag for option in COMMANDS[name].parser().options for flag in option.flags if flag.startswith("--")]
    assert opened.complete(f"%prune {name} --") == [f"%prune {name} {flag}" for flag in flags]


def test_what_a_value_looks_like_is_offered_where_no_name_is_known(opened: Notebook) -> None:
    assert opened.complete("%prune step --ratio ") == ["%prune step --ratio 0.3"]


@pytest.mark.parametrize("line", [
    "%prune bogus a", "%prune status a", "%prune step a", "%prune step conv1 a", "%prune step --ratio a",
    "%prune goto a", "%prune open net --seed a", "%prune export a", "%prune -- a", "%prune help ",
])
def test_where_nothing_fits_no_files_magics_and_names_of_python_are_offered(
        line: str, opened: Notebook, tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    assert opened.complete(line) == [line]


@pytest.mark.parametrize("line", ["net.par", "print(ne", "%tim", "%prunex st"])
def test_other_lines_are_left_alone(line: str, opened: Notebook) -> None:
    with_prunelab = opened.complete(line)
    opened.run("%unload_ext prunelab")
    without = opened.complete(line)
    opened.run("%load_ext prunelab")
    assert with_prunelab == without
    assert with_prunelab or line == "%prunex st"


@pytest.mark.filterwarnings("ignore:`Completer.complete` is pending deprecation:PendingDeprecationWarning")
def test_the_older_interface_of_terminals_offers_the_same(opened: Notebook) -> None:
    assert opened.shell.complete(None, "%prune step con", 15) == ("con", ["conv1", "conv2"])
    assert opened.shell.complete(None, "%prune step conv1 --ra", 22) == ("--ra", ["--ratio"])


def test_a_line_that_is_wrong_so_far_offers_nothing_of_ours_and_does_not_fail(fresh: Notebook) -> None:
    for line in ("%prune stpe co", "%prune step --layer 'conv", "%prune step --criterion 'l1", "%prune step con"):
        with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(err):
            fresh.complete(line)
        assert err.getvalue() == "", line  # where IPython prints what a matcher raised
    assert fresh.complete("%prune masks ") == ["%prune masks --explain", "%prune masks --help"]
