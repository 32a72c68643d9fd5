"""The command line on runs: recipes carried out, looked at, interrupted, gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import prunelab as pl
from prunelab.cli import COMMANDS, main
from prunelab.cli.words import Words

NET = '''
import numpy as np
from paddle import nn

def net(width=8):
    return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 8), nn.Tanh(), nn.Linear(8, 3))

def data(n=32):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n)
    return rng.normal(labels[:, None], 0.5, (n, 6)).astype("float32"), labels
'''
RECIPE = '''seed = 1
workspace = "work"
model = {source = "net.py:net"}
data = {train = "net.py:data", val = "net.py:data"}
steps = [{layer = "0", ratio = 0.25, finetune = 1}]
schedule = {name = "linear", to = 0.5, by = "params", steps = 2, finetune = 1}
export = {directory = "out", formats = ["safetensors"]}
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "run.toml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    out, err = capsys.readouterr()
    return code, out, err


def facts(data: dict[str, Any]) -> list[Any]:
    return [[s[key] for key in ("id", "parent", "action", "metrics", "cost", "seed")] for s in data["states"]]


def test_a_run_is_that_of_python_and_is_looked_at(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, "run", "run.toml", "--json")
    assert (code, err) == (0, "")
    run = json.loads(out)
    lab = pl.run_recipe("run.toml", workspace=None, export=None)
    assert run["state"]["metrics"] == lab.state.metrics
    assert run["written"] == ["out"]
    for target in ("work", "run.toml"):
        code, out, _ = told(capsys, "history", target, "--json")
        assert code == 0
        assert facts(json.loads(out)) == facts({"states": [s.to_json() for s in lab.states]})
        assert json.loads(told(capsys, "status", target, "--json")[1])["state"]["id"] == lab.state.id
    assert f"{lab.state.id} {lab.state.label}" in told(capsys, "status", "work")[1]
    assert len(told(capsys, "history", "work")[1].splitlines()) == 2 + len(lab.states)
    assert "● " in told(capsys, "history", "work", "--tree")[1]
    rows = json.loads(told(capsys, "layers", "work", "--json")[1])
    assert [r["kept"] for r in rows] == [g.units - g.n_removed for g in lab.plan.groups]
    assert "and why: prunelab layers work/recipe.toml\n" in told(capsys, "layers", "work")[1]
    assert "frozen: the model's output" in told(capsys, "layers", "work/recipe.toml")[1]
    assert "8/8" in told(capsys, "layers", "net.py:net", "--inputs", "1,6")[1]
    again = told(capsys, "run", "run.toml")
    assert again[0] == 0
    assert f"{lab.state.id} " in again[1]
    assert again[1].endswith("out\n")


def test_sensitivity_and_export_of_a_workspace(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "run.toml", "--set", "schedule.steps=1", "--set", "export.directory=first"]) == 0
    code, out, _ = told(capsys, "sensitivity", "work", "0", "--ratios", "0.5", "-o", "s.json")
    assert code == 0
    assert list(pl.Sensitivity.load("s.json").losses) == ["0"]
    assert "50 %" in out
    out = told(capsys, "sensitivity", "work", "0", "--ratios", "0.3:0.7:0.2")[1]
    assert all(ratio in out for ratio in ("30 %", "50 %", "70 %"))
    code, out, _ = told(capsys, "export", "work", "small", "--formats", "safetensors", "--state", "s1", "--json")
    assert code == 0
    assert json.loads(out)["formats"].keys() == {"safetensors"}
    assert sum(g.n_removed for g in pl.Plan.load("small/plan.json").groups) == 2
    assert json.loads(told(capsys, "status", "work", "--json")[1])["state"]["id"] == "s2"
    assert "; --no-examples leaves it out" in told(capsys, "export", "work", "other", "--formats", "safetensors")[1]
    code, _, err = told(capsys, "export", "work", "small")
    assert code == 2
    assert "small exists and is not empty; choose another folder, or replace it with --force" in err
    assert told(capsys, "export", "work", "small", "--formats", "safetensors", "--force")[0] == 0
    assert json.loads(told(capsys, "doctor", "work", "--json")[1])["ok"]
    found = json.loads(told(capsys, "doctor", "work", "--salvage", "saved", "--json")[1])
    assert (found["states"], found["without_weights"]) == (["s0", "s1", "s2"], [])
    assert told(capsys, "status", "saved")[0] == 0
    for words in (["work", "c.tex", "--recorded"], ["work", "a.html"], ["run.toml", "b.md", "--title", "Mine"]):
        found = json.loads(told(capsys, "report", *words, "--json")[1])
        assert found["size_bytes"] == Path(words[1]).stat().st_size
    assert "latency" in Path("a.html").read_text(encoding="utf-8")
    assert Path("b.md").read_text(encoding="utf-8").startswith("# Mine\n")
    assert "latency &" not in Path("c.tex").read_text(encoding="utf-8")
    assert told(capsys, "report", "work", "c.tex", "--recorded")[0] == 0  # what was measured meanwhile is recorded
    assert "latency &" in Path("c.tex").read_text(encoding="utf-8")


def test_a_search_of_a_workspace_is_kept_and_adopted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "run.toml").write_text(RECIPE.partition("schedule")[0] + "search = {sampler = 'random', trials = 3, "
                                     "objectives = ['loss', 'params'], adopt = false}\n")
    assert told(capsys, "run", "run.toml")[0] == 0
    code, out, err = told(capsys, "search", "work", "--constraint", "params <= 90 %", "-o", "study.json", "--adopt")
    assert (code, err) == (0, "")
    study = pl.Study.load("study.json")
    assert len(study.trials) == 3
    assert "adopted" in out
    assert json.loads(told(capsys, "status", "work", "--json")[1])["state"]["id"] == "s4"  # searched twice
    assert told(capsys, "search", "work", "--trials", "2", "--objectives", "los")[0] == 2


# words, what stderr says
MISTAKES = [
    (["stauts"], "unknown sub-command 'stauts' in prunelab; did you mean 'status'?"),
    (["status", "work", "--jsno"], "unknown option '--jsno' in prunelab status; did you mean '--json'?"),
    (["status", "work", "more"], "prunelab status does not know what to do with 'more'"),
    (["status", "nowhere.toml"], "nowhere.toml is not there; give a workspace's folder, or a recipe that names one"),
    (["export", "nowhere", "out"], "nowhere is not there; give a workspace's folder, or a recipe that names one"),
    (["verify", "nowhere"], "nowhere holds no export: manifest.json cannot be read (No such file or directory)"),
    (["status", "."], "holds no "),
    (["layers", "net.py:net"], "a model alone needs its inputs' shapes; give them: --inputs 1,3,32,32"),
    (["layers", "net.py:net", "--inputs", "1x6"], "--inputs is '1x6'; give a shape"),
    (["run", "run.toml", "--set", "seed"], "--set is 'seed'; give a key and its value"),
    (["run", "run.toml", "--set", "sede=1"], "unknown key 'sede'; did you mean 'seed'?"),
    (["run", "run.toml", "--set", "schedule.to=2"], "to is 2; it is the fraction removed"),
    (["run", "bad.toml"], "bad.toml:5:11: unknown key 'leyer' in [steps]; did you mean 'layer'?"),
    (["recipe", "check", "bad.toml"], "bad.toml:5:11: unknown key 'leyer' in [steps]; did you mean 'layer'?"),
    (["recipe", "check"], "prunelab recipe check lacks its RECIPE"),
    (["export", "alone.toml", "x"], "the recipe alone.toml names no workspace"),
    (["sensitivity", "run.toml", "--ratios", "a"], "--ratios is 'a'; give fractions removed"),
    (["sensitivity", "run.toml", "--ratios", "0.1:0.9"], "--ratios is '0.1:0.9'; give fractions removed"),
    (["sensitivity", "run.toml", "--ratios", "1.5"], "--ratios is 1.5; it is the fraction removed"),
    (["apply", "no.json", "net.py:net", "no.safetensors"], "the plan no.json cannot be read"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_mistake_is_a_line_on_stderr_and_exits_with_2(words: list[str], message: str, folder: Path,
                                                        capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.toml").write_text(RECIPE.replace("layer", "leyer"))
    (folder / "alone.toml").write_text(RECIPE.replace('workspace = "work"\n', ""))
    code, out, err = told(capsys, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1, err


def test_a_fault_of_our_own_exits_with_3(folder: Path, capsys: pytest.CaptureFixture[str],
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("prunelab.lab.Lab.watch", fail)
    code, _, err = told(capsys, "status", "run.toml")
    assert code == 3
    assert err.rstrip().endswith("RuntimeError: a fault")


def test_ctrl_c_while_paddle_is_loaded_is_no_fault(folder: Path, capsys: pytest.CaptureFixture[str],
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    def loading(given: Any) -> int:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as interrupt:
            raise ImportError("initialization failed") from interrupt

    monkeypatch.setitem(COMMANDS, "run", replace(COMMANDS["run"], run=loading))
    assert told(capsys, "run", "run.toml") == (130, "", "prunelab run: interrupted\n")


def test_ctrl_c_leaves_a_run_that_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "run.toml", "--set", "schedule.finetune=2000"]
    process = subprocess.Popen([sys.executable, "-m", "prunelab.cli", *words], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONPATH": str(Path(pl.__file__).parent.parent)})
    deadline = time.monotonic() + 120
    while not (folder / "work" / "recipe.toml").exists() or _n_states() < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "stopped at s1 0 25 %, the last recorded state; the same command goes on from there\n"
    assert main(["run", "run.toml"]) == 0
    capsys.readouterr()
    whole = pl.run_recipe("run.toml", workspace=None, export=None)
    assert facts(json.loads(told(capsys, "history", "work", "--json")[1])) == facts(
        {"states": [s.to_json() for s in whole.states]})


def _n_states() -> int:
    watcher = pl.Lab.watch("work")
    try:
        return len(watcher.states)
    finally:
        watcher.close()


def test_recipe_shows_its_python_and_the_schema(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "recipe", "check", "run.toml") == (
        0, "run.toml: a recipe without mistakes; what its sources name is looked up when it runs\n", "")
    assert 'lab.step("0", ratio=0.25, finetune=1)' in told(capsys, "recipe", "show", "run.toml")[1]
    assert json.loads(told(capsys, "recipe", "schema")[1]) == json.loads(json.dumps(pl.Recipe.schema()))


def test_the_demo_trains_prunes_and_exports(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, "demo", "tried", "--json")
    assert (code, err) == (0, "")
    told_json = json.loads(out)
    assert told_json["state"]["metrics"]["accuracy"] > 0.85
    assert told_json["dense"]["metrics"]["accuracy"] > 0.9  # as it was trained before its first cut
    assert told_json["state"]["cost"]["macs"] < 0.25 * told_json["dense"]["cost"]["macs"]
    assert (folder / "tried" / "out" / "manifest.json").is_file()
    assert "was cut from" in Path(told_json["report"]).read_text(encoding="utf-8")
    assert main(["run", "tried/demo.toml"]) == 0


def test_lab_begins_a_notebook_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr("subprocess.call", lambda words: calls.append(words) or 0)
    assert main(["lab", "study", "--", "--no-browser"]) == 0
    import nbformat

    nbformat.validate(nbformat.read(folder / "study" / "prunelab.ipynb", as_version=4))
    assert calls[0][-2:] == ["--no-browser", "study"]
    (folder / "study" / "prunelab.ipynb").rename(folder / "study" / "mine.ipynb")
    main(["lab", "study"])
    assert [p.name for p in (folder / "study").glob("*.ipynb")] == ["mine.ipynb"]


JUPYTERLAB = """
import pathlib, signal, sys, time
def leave(*_):
    time.sleep(1)  # it asks, and ends its kernels
    pathlib.Path("left").touch()
    sys.exit(7)
signal.signal(signal.SIGINT, leave)
pathlib.Path("ready").touch()
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes are of POSIX")
def test_ctrl_c_is_left_to_jupyterlab(folder: Path) -> None:
    (folder / "jupyterlab").mkdir()
    (folder / "jupyterlab" / "__init__.py").touch()
    (folder / "jupyterlab" / "__main__.py").write_text(JUPYTERLAB)
    process = subprocess.Popen([sys.executable, "-m", "prunelab.cli", "lab", "study"], start_new_session=True,
                               stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONPATH": f"{folder}:{Path(pl.__file__).parent.parent}"})
    deadline = time.monotonic() + 60
    while not (folder / "ready").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 7
    assert (folder / "left").exists()


# the words of a line up to the cursor, and what completes the last
COMPLETED = [
    (["sta"], ["status"]),
    (["recipe", ""], ["check", "show", "schema"]),
    (["completion", "z"], ["zsh"]),
    (["run", "--w"], ["--workspace"]),
    (["run", "r"], ["run.toml"]),
    (["sensitivity", "x", "--metric", "accu"], ["accuracy"]),
    (["export", "w", "out", "--formats", "onnx-i"], ["onnx-int8"]),
]


def test_bash_completes_what_the_parsers_know(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = told(capsys, "completion", "bash")[1]
    for words, expected in COMPLETED:
        line = " ".join(f"'{word}'" for word in ["prunelab", *words])
        call = f"COMP_WORDS=({line}); COMP_CWORD={len(words)}; _prunelab"
        program = f'{script}\n{call}; printf "%s\\n" "${{COMPREPLY[@]}}"'
        run = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
        assert run.stdout.split() == expected, (words, run.stderr)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_every_sub_command_and_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    script = told(capsys, "completion", shell)[1]
    assert "macs <= 50 %'" in script.replace("\\", "")
    for command in COMMANDS.values():
        words = Words.of(command)
        line = [text for text in script.splitlines() if f" {command.name})" in text
                or text.endswith(f"from {command.name}'") or f"from {command.name}' " in text]
        for name in words.names:
            said = name if shell == "zsh" else f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
            assert any(said in text for text in line), (command.name, name)
        assert command.name in script
