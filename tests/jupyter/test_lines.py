"""`%prune`, a line at a time, in a real IPython: what each gives, prints, explains and refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from notebook_shell import SETUP, Notebook

import prunelab as pl
from prunelab.jupyter.magics import COMMANDS
from prunelab.lab import State

# line, the type of what it gives, what its text tells (a regular expression)
GIVES = [
    ("%prune", "Status",
     r"Small at s0 \(dense\), 1 state in all\n(?s:.*)params +(\S+ k) +\1 +±0 %(?s:.*)next: %prune step conv1"),
    ("%prune status", "Status", r"accuracy +\S+ % +\S+ % +±0 points"),
    ("%prune layers", "Layers", r"Small: 2 groups that can be cut, 1 frozen(?s:.*)fc .* frozen: the model's output"),
    ("%prune graph", "Graph", r"Graph of Small: \d+ operators, 2 of 3 groups prunable"),
    ("%prune plan", "Plan", r"Plan for .*Small: 0 of 2 groups cut"),
    ("%prune history", "DataFrame", r"s0"),
    ("%prune tree", "Tree", r"● s0 dense"),
    ("%prune branch wider", "State", r"s0 dense"),
    ("%prune tag best", "State", r"s0 dense"),
    ("%prune compare s0", "Comparison", r"s0 dense  →  s0 dense(?s:.*)0 of 32 predictions changed"),
    ("%prune sensitivity", "Sensitivity", r"accuracy \(dense: \S+ %\)(?s:.*)10 %(?s:.*)90 %(?s:.*)conv1(?s:.*)conv2"),
    ("%prune sensitivity conv2 --ratios 0.25,0.5 --metric loss", "Sensitivity", r"loss .*\n.*25 % +50 %\n(?s:.*)conv2"),
    ("%prune step conv1 --ratio 0.25", "State", r"s1 conv1 25 %"),
    ("%prune step", "State", r"s1 conv1 30 %"),
    ("%prune step conv2 --ratio=0.5 --criterion l2_weight --finetune 1", "State", r"s1 conv2 50 %"),
    ("%prune step --by macs --ratio 0.4 --scope global --round-to 2", "State", r"s1 40.* of MACs"),
    ("%prune step --layers conv1=0.25,conv2=0.5", "State", r"s1 2 layers"),
    ("%prune step conv2 --ratio 0.5 --granularity element", "State", r"s1 conv2 element 50 %"),
    ("%prune step --granularity 2:4", "State", r"s1 2:4"),
    ("%prune run --to 0.6 --steps 2 --granularity kernel", "State", r"s2 kernel 60 %"),
    ("%prune run --to 0.5 --by macs --steps 2 --schedule cubic", "State", r"s\d .* of MACs"),
    ("%prune goto s0  # where it began, isn't it?", "State", r"s0 dense"),
    ("%prune masks conv2", "MaskPicture", r"conv2: 12 of 12 channels kept"),
    ("%prune curves", "Curves", r"accuracy(?s:.*)loss(?s:.*)params(?s:.*)macs"),
    ("%prune curves loss params", "Curves", r"loss(?s:.*)params"),
    ("%prune search --sampler pso --trials 4 --objectives accuracy,params", "Study",
     r"Study: 4 trials by pso, \d on the front of accuracy, params(?s:.*)knee(?s:.*)dense: accuracy"),
    ("%prune open lab", "Lab", r"Lab of Small: s0 dense"),
    ("%prune latency", "LatencyTable", r"latency of Small at batch 1: [\d.]+ ms dense; \d+ operators measured"),
    ("%prune env", "Environment", r"paddlepaddle +3\."),
]

# line, the Python that it means
EXPLAINS = [
    ("status", "from prunelab.jupyter.status import status\nstatus(lab)"),
    ("layers", "from prunelab.plan import layers\nlayers(lab.graph, lab.plan)"),
    ("graph", "lab.graph"),
    ("plan", "lab.plan"),
    ("history", "lab.history"),
    ("step", "lab.step()"),
    ("step conv1 --repair", 'lab.step("conv1", repair=True)'),
    ("run --to 0.5 --repair", "lab.run(to=0.5, repair=True)"),
    ("run --to 0.5 --repair-steps 50", "lab.run(to=0.5, repair=50)"),
    ("step conv1 --ratio 0.3 --finetune 1", 'lab.step("conv1", ratio=0.3, finetune=1)'),
    ("step name --ratio r --criterion mine", "lab.step(name, ratio=r, criterion=mine)"),
    ("step --layers conv1=0.25,conv2=0.5", 'lab.step({"conv1": 0.25, "conv2": 0.5})'),
    ("step conv1 --granularity 1:4", 'lab.step("conv1", granularity="1:4")'),
    ("sensitivity", "lab.sensitivity()"),
    ("sensitivity conv1 conv2 --ratios 0.2:0.6:0.2 --metric loss --confidence 0.5",
     'lab.sensitivity("conv1", "conv2", ratios=(0.2, 0.4, 0.6), metric="loss", confidence=0.5)'),
    ("sensitivity --ratios r --criterion mine", "lab.sensitivity(ratios=r, criterion=mine)"),
    ("run --to 0.7 --by macs --steps 10 --schedule cubic --scope global",
     'lab.run(schedule="cubic", to=0.7, steps=10, by="macs", scope="global")'),
    ("back", "lab.back()"),
    ("back 2", "lab.back(2)"),
    ("goto s0", 'lab.goto("s0")'),
    ("goto dense", "lab.goto(dense.id)"),
    ("tree", "lab.tree()"),
    ("branch wider", 'lab.branch("wider")'),
    ("tag best s0 --move", 'lab.tag("best", "s0", move=True)'),
    ("compare s0", 'lab.compare("s0")'),
    ("compare s0 dense", 'lab.compare("s0", dense.id)'),
    ("masks conv1", 'lab.masks("conv1")'),
    ("curves loss", 'lab.curves("loss")'),
    ("export out/models --formats paddle,onnx --force",
     'lab.export("out/models", formats=("paddle", "onnx"), force=True)'),
    ("latency --batch 2", "lab.latency(batch=2)"),
    ("search", "lab.search()"),
    (("search --sampler pso --trials 40 --objectives accuracy,params --constraint 'macs <= 50 %' "
      "--constraint 'params <= 9e3'"),
     ('lab.search(sampler="pso", objectives=("accuracy", "params"), trials=40, constraints=("macs <= 50 %", '
      '"params <= 9e3"))')),
    ("export out --no-examples", 'lab.export("out", examples=False)'),
    ("report run.html --title Mine", 'lab.report("run.html", title="Mine")'),
    ("code --as recipe", 'from prunelab.jupyter.code import code\ncode(lab, form="recipe", names=globals())'),
    ("code run.py", 'from prunelab.jupyter.code import code\ncode(lab, "run.py", names=globals())'),
    ("watch runs/a", 'import prunelab as pl\npl.Lab.watch("runs/a")'),
    ("panel", "lab.panel()"),
    ("panel layers masks --layer conv2", 'lab.panel(("layers", "masks"), layer="conv2")'),
    ("env", "from prunelab.jupyter.environment import environment\nenvironment()"),
    ("open lab", "lab"),
    ("open net --train digits --val val_digits --metrics accuracy",
     'import prunelab as pl\npl.Lab(net, train=digits, val=val_digits, metrics=("accuracy",))'),
    ("open net --inputs 1,1,8,8 --workspace runs/a --lr 0.01",
     'import prunelab as pl\npl.Lab(net, inputs=(1, 1, 8, 8), workspace="runs/a", lr=0.01)'),
    ("open paddle.vision.models:resnet18 --inputs 1,3,32,32 --device cpu --seed 1",
     ('import prunelab as pl\npl.Lab(pl.load_model("paddle.vision.models:resnet18"), inputs=(1, 3, 32, 32), '
      'device="cpu", seed=1)')),
]

# line, the one line that is shown
REFUSES = [
    ("stpe conv1", "UnknownNameError: unknown sub-command 'stpe' in %prune; did you mean 'step'?"),
    ("step conv1 --ratoi 0.3", "UnknownNameError: unknown option '--ratoi' in %prune step; did you mean '--ratio'?"),
    ("step conv1 --rat 0.3", "UnknownNameError: unknown option '--rat' in %prune step; did you mean '--ratio'?"),
    ("step conv3 --ratio 0.3", "UnknownNameError: unknown layer 'conv3' in Small; did you mean 'conv2'?"),
    ("step fc", "OptionError: fc cannot be cut: the model's output; choose one of lab.graph.prunable"),
    ("step conv1 --ratio 1.5",
     "OptionError: --ratio is 1.5; it is the fraction removed, a number in [0, 1), such as 0.5"),
    ("step conv1 --ratio 2", "OptionError: --ratio is 2; it is the fraction removed, a number in [0, 1), such as 0.5"),
    ("step conv1 --ratio -0.5",
     "OptionError: --ratio is -0.5; it is the fraction removed, a number in [0, 1), such as 0.5"),
    ("step conv1 --ratio much",
     "OptionError: --ratio is 'much', which is neither a number nor a variable; give one, such as 0.3"),
    ("step conv1 --ratio", "OptionError: --ratio of %prune step lacks its value; give one, such as --ratio 0.3"),
    ("step conv1 --ratio --finetune 1",
     "OptionError: --ratio of %prune step lacks its value; give one, such as --ratio 0.3"),
    ("step --layers conv1", "OptionError: --layers is 'conv1', which is neither layers with their ratios nor a "),
    ("step --layers conv1=1.5", "OptionError: the ratio of conv1 in --layers is 1.5; it is the fraction removed"),
    ("step conv1 --layers conv1=0.5", "OptionError: --layers names layers too; leave out the layer before it"),
    ("step conv1 --explain=1",
     "OptionError: %prune step: argument --explain: ignored explicit argument '1'; %prune step -h tells more"),
    ("step conv1 conv2",
     "OptionError: %prune step does not know what to do with 'conv2'; before its options it takes LAYER"),
    ("step --criterion l1_wieght",
     "UnknownNameError: unknown criterion 'l1_wieght' in --criterion; did you mean 'l1_weight'?"),
    ("step --granularity elemnt",
     "UnknownNameError: unknown granularity 'elemnt' in --granularity; did you mean 'element'?"),
    ("step conv1 --ratio 0.3 --granularity 2:4",
     "OptionError: ratio=0.3 is asked for, and '2:4' takes 0.5 of each weight; leave the ratio out"),
    ("step --finetune 0.5",
     "OptionError: --finetune is '0.5', which is neither a whole number nor a variable; give one, such as 1"),
    ("sensitivity conv3", "UnknownNameError: unknown layer 'conv3' in"),
    ("sensitivity --ratios 0.1:0.9", "OptionError: --ratios is '0.1:0.9', which is neither ratios nor a variable; "),
    ("sensitivity --ratios 0.5,1.2", "OptionError: --ratios is 1.2; it is the fraction removed"),
    ("sensitivity --confidence 0", "OptionError: --confidence is 0; it is a number above 0"),
    ("sensitivity --metric acuracy", "UnknownNameError: unknown metric 'acuracy' in --metric; did you mean"),
    ("run --schedule cubik", "UnknownNameError: unknown schedule 'cubik' in --schedule; did you mean 'cubic'?"),
    ("run --scope globl", "UnknownNameError: unknown scope 'globl' in --scope; did you mean 'global'?"),
    ("run --by mac", "UnknownNameError: unknown target 'mac' in --by; did you mean 'macs'?"),
    ("run --steps 0", "OptionError: --steps is 0; it is a whole number of at least 1"),
    ("search --sampler anealing", "UnknownNameError: unknown sampler 'anealing' in --sampler; did you mean"),
    ("search --objectives acuracy", "UnknownNameError: unknown objective 'acuracy' in --objectives; did you mean"),
    ("search --constraint small", "OptionError: the constraint 'small' cannot be read; write it as 'params <= 5e6'"),
    ("search --trials 0", "OptionError: --trials is 0; it is a whole number of at least 1"),
    ("search --space room", "UnknownNameError: unknown variable 'room' in the notebook, for --space"),
    ("goto", "OptionError: %prune goto lacks its STATE; give one: %prune goto s0"),
    ("goto s9", "UnknownNameError: unknown state 's9' in the history; did you mean 's0'?"),
    ("branch", "OptionError: %prune branch lacks its NAME; give one: %prune branch wider"),
    ("branch main", "OptionError: 'main' is the name of a branch: lab.goto('main') goes there; choose another one"),
    ("tag s3", "OptionError: the tag is called 's3'; a name has letters"),
    ("compare s0 s4", "UnknownNameError: unknown state 's4' in the history; did you mean 's0'?"),
    ("masks", "OptionError: %prune masks lacks its LAYER; give one: %prune masks conv1"),
    ("panel mask", "UnknownNameError: unknown part 'mask'; did you mean 'masks'?"),
    ("curves acuracy", "UnknownNameError: unknown metric 'acuracy'; did you mean 'accuracy'?"),
    ("report", "OptionError: %prune report lacks its FILE; give one: %prune report run.html"),
    ("report run.pdf", "UnknownNameError: unknown ending '.pdf' in the report run.pdf; "),
    ("code run.txt", "UnknownNameError: unknown ending '.txt' in the file run.txt; "),
    ("code --as recipt", "UnknownNameError: unknown form 'recipt' in --as; did you mean 'recipe'?"),
    ("watch nowhere", "WorkspaceError: nowhere holds no history; "),
    ("export", "OptionError: %prune export lacks its DIR; give one: %prune export out"),
    ("export out --formats onx", "UnknownNameError: unknown format 'onx' in --formats; did you mean 'onnx'?"),
    ("export out --formats ,", "OptionError: --formats is empty; give at least one, such as paddle"),
    ("open nett", "UnknownNameError: unknown variable 'nett' in the notebook, for MODEL; did you mean 'net'?"),
    ("open net --train digit",
     "UnknownNameError: unknown variable 'digit' in the notebook, for --train; did you mean 'digits'?"),
    ("open paddle.vision.models.resnet19",
     ("OptionError: MODEL is 'paddle.vision.models.resnet19', which is no variable; of a module's callable say "
      "paddle.vision.models:resnet19")),
    ("open net.safetensors", "OptionError: 'net.safetensors' holds weights, and no network; "),
    ("open nowhere.onnx", "DataError: there is no file 'nowhere.onnx'; look at the path"),
    ("open paddle.vision.models:resnet19",
     "UnknownNameError: unknown model 'resnet19' in paddle.vision.models; did you mean 'resnet18'?"),
    ("open net --inputs 1x1x8x8",
     ("OptionError: --inputs is '1x1x8x8', which is neither a shape nor a variable; give the batch and the sizes, "
      "such as 1,3,32,32")),
    ("open net --inputs 1,0,8,8",
     "OptionError: --inputs is (1, 0, 8, 8); the sizes of a shape are at least 1, also the batch's"),
    ("open net --metrics f2", "UnknownNameError: unknown metric 'f2' in --metrics; "),
    ("open lab --seed 1", "OptionError: lab is a Lab already, with its own data and options; leave out --seed"),
    ("status now",
     "OptionError: %prune status does not know what to do with 'now'; before its options it takes nothing"),
    ("step conv1 0.5", "OptionError: %prune step does not know what '0.5' is for; name the option: --ratio 0.5"),
    ("--explain status",
     "OptionError: %prune begins with a sub-command, and options come after it: %prune status --explain"),
    ("back 2", "StateError: 0 states before s0, and 2 to be gone back"),
    ("open net --loss mes --val val_digits",
     "UnknownNameError: unknown name or variable 'mes' in --loss; did you mean 'mse'?"),
    ("step 'conv1", "OptionError: a quote is not closed in: %prune step 'conv1"),
]


@pytest.mark.parametrize(("line", "kind", "text"), GIVES, ids=[line for line, *_ in GIVES])
def test_a_line_gives_an_object_that_shows_itself(line: str, kind: str, text: str, opened: Notebook) -> None:
    got = opened.run(f"got = {line}\ngot")
    assert type(got).__name__ == kind
    assert opened["got"] is got
    assert re.search(text, repr(got)), repr(got)


SHOWN = ["", "status", "layers", "graph", "plan", "history", "masks conv1", "curves", "open lab", "env",
         "sensitivity --ratios 0.5"]


@pytest.mark.parametrize("line", SHOWN)
def test_what_is_shown_has_a_form_in_html_that_reads_in_light_and_dark(line: str, opened: Notebook) -> None:
    html = opened.run(f"%prune {line}")._repr_html_()
    assert "<" in html
    assert not re.search(r"(?<![-\w])color:\s*(#|black|white|rgb)", html), "a fixed colour does not read in dark"


@pytest.mark.parametrize(("line", "python"), EXPLAINS, ids=[line for line, _ in EXPLAINS])
def test_explain_prints_the_python_and_does_nothing(line: str, python: str, opened: Notebook) -> None:
    opened.run("name, r, mine, dense = 'conv1', 0.25, 'l2_weight', lab.state")
    states = opened["lab"].states
    assert opened.shown(f"%prune {line} --explain") == python.splitlines()
    assert opened["lab"].states == states


@pytest.mark.parametrize(
    "line",
    ["step conv1 --ratio 0.25", "back", "goto s0", "run --to 0.3 --steps 1 --schedule one_shot", "masks conv1",
     "layers", "status", "history", "open net --val val_digits --metrics loss"],
)
def test_what_explain_prints_runs_and_gives_the_same(line: str, opened: Notebook) -> None:
    opened.run("%prune step conv2 --ratio 0.25")
    python = opened.run(f"%prune {line} --explain")
    by_python = opened.run(python)
    opened.run("%prune goto s1")
    by_line = opened.run(f"%prune {line}")
    assert type(by_python) is type(by_line)
    if isinstance(by_line, State):
        assert (by_python.label, by_python.metrics, by_python.plan) == (by_line.label, by_line.metrics, by_line.plan)


@pytest.mark.parametrize(("line", "message"), REFUSES, ids=[line for line, _ in REFUSES])
def test_a_mistake_is_one_line_that_names_the_right_word(line: str, message: str, opened: Notebook) -> None:
    states, current = opened["lab"].states, opened["lab"].state
    shown = opened.shown(f"%prune {line}")
    assert len(shown) == 1, "\n".join(shown)
    assert shown[0].startswith(message)
    assert (opened["lab"].states, opened["lab"].state) == (states, current)
    with pytest.raises(pl.PrunelabError):
        opened.run(f"%prune {line}")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_that_runs(name: str, opened: Notebook) -> None:
    opened.run("%prune step conv1 --ratio 0.25")
    for flag in ("-h", "--help"):
        shown = "\n".join(opened.shown(f"%prune {name} {flag}"))
        assert f"usage: %prune {name}" in shown
        assert "Traceback" not in shown
    example = shown.partition("example:\n")[2].strip()
    assert f"%prune {name}" in example
    opened.run(f"{example} --explain" if name in ("panel", "watch") else example)


def test_help_of_all_lists_every_sub_command(fresh: Notebook) -> None:
    shown = fresh.run("%prune -h")
    assert [line.split()[0] for line in shown.splitlines() if line.startswith("  ")] == list(COMMANDS)


def test_help_before_a_sub_command_is_its_own(fresh: Notebook) -> None:
    for line in ("-h step", "--help step", "help step"):
        assert fresh.shown(f"%prune {line}") == fresh.shown("%prune step -h")
    assert fresh.shown("%prune help") == fresh.shown("%prune -h")


def test_a_loss_by_name_and_a_variable_of_that_name(opened: Notebook) -> None:
    line = "open net --val val_digits --loss cross_entropy --metrics loss"
    named = opened.run(f"%prune {line}").state.metrics["loss"]
    assert named == pytest.approx(opened["lab"].state.metrics["loss"])
    opened.run("def cross_entropy(outputs, labels): return outputs.sum() * 0 + 3")
    assert opened.run(f"%prune {line}").state.metrics["loss"] == 3


def test_a_semicolon_keeps_the_output_away(opened: Notebook) -> None:
    assert opened.shown("%prune step conv1 --ratio 0.25;") == []
    assert opened["lab"].state.id == "s1"


def test_what_is_next_goes_on_from_here(opened: Notebook) -> None:
    before = opened.run("%prune status").next_lines
    opened.run("%prune run --to 0.7 --by macs --steps 1")
    after = opened.run("%prune status").next_lines
    assert "%prune run --to 0.5 --by macs" in before
    further = next(line for line in after if line.startswith("%prune run"))
    assert float(further.split()[3]) > 1 - opened["lab"].state.cost.macs / opened["lab"].states[0].cost.macs


def test_history_is_a_dataframe(opened: Notebook) -> None:
    opened.run("%prune step conv1 --ratio 0.25")
    assert isinstance(table := opened.run("table = %prune history\ntable"), pd.DataFrame)
    assert list(table["id"]) == ["s0", "s1"]


def test_stepping_and_going_back_changes_the_plan_and_the_listing(opened: Notebook) -> None:
    opened.run("%prune step conv1 --ratio 0.25")
    row = next(row for row in opened.run("%prune layers") if row.name == "conv1")
    assert (row.kept, row.units, row.ratio) == (6, 8, 0.25)
    assert opened.run("%prune masks conv1").n_cut == 2
    assert opened.run("%prune back").id == "s0"
    assert not opened.run("%prune plan")


def test_a_layers_params_and_macs_are_what_goes_with_its_units(opened: Notebook) -> None:
    lab = opened["lab"]
    row = next(row for row in opened.run("%prune layers") if row.name == "conv1")
    one_left = pl.Plan.empty(lab.graph).with_removed(lab.graph, {"conv1": range(1, 8)})
    gone = lab.graph.cost() - lab.graph.cost(one_left)
    # all units are alike, so seven of eight take seven eighths of it
    assert (gone.params, gone.macs) == (row.params * 7 // 8, row.macs * 7 // 8)


def test_exporting_writes_files_that_are_named(opened: Notebook, tmp_path: Path) -> None:
    opened.run("%prune step conv1 --ratio 0.25")
    out = opened.run("%prune export models --formats paddle")
    assert all(path.is_file() for path in out.files["paddle"])
    assert (tmp_path / "models" / "manifest.json").is_file()


def test_an_interrupt_ends_in_one_line_and_in_the_last_recorded_state(opened: Notebook) -> None:
    def interrupt(progress: Any) -> None:
        raise KeyboardInterrupt

    opened["lab"].on_progress.append(interrupt)
    shown = opened.shown("%prune step conv1 --finetune 1")
    assert shown == ["Stopped: %prune step conv1 --finetune 1 was interrupted; lab is at s0, its last recorded state"]
    opened["lab"].on_progress.clear()
    assert opened.run("%prune step conv1").id == "s1"


# variables


def test_variables_work_where_values_are_expected(opened: Notebook) -> None:
    opened.run("class Settings: ratio = 0.25\nlayer, how, epochs, names = 'conv1', 'random', 1, ['loss']")
    state = opened.run("%prune step layer --ratio Settings.ratio --criterion how --finetune epochs")
    assert state.action == "lab.step('conv1', ratio=0.25, criterion='random', finetune=1)"
    assert list(opened.run("other = %prune open net --val val_digits --metrics names\nother").state.metrics) == ["loss"]


def test_a_layer_comes_before_a_variable_of_its_name(opened: Notebook) -> None:
    opened.run("conv1 = 'conv2'")
    assert opened.run("%prune step conv1 --explain") == 'lab.step("conv1")'


def test_variables_of_a_function_and_of_a_loop_are_seen(opened: Notebook) -> None:
    opened.run("def f(share):\n    %prune step conv1 --ratio share\nf(0.25)")
    opened.run("for layer in ['conv2']:\n    %prune step {layer} --ratio 0.5")
    assert [state.label for state in opened["lab"].states] == ["dense", "conv1 25 %", "conv2 50 %"]


# which Lab


def test_without_a_lab_every_line_says_how_to_open_one(fresh: Notebook) -> None:
    how = "open one: %prune open net --train digits --val val_digits"
    words = {"goto": "goto s0", "masks": "masks conv1", "export": "export out", "step": "step conv1",
             "branch": "branch wider", "tag": "tag best", "compare": "compare s0", "report": "report run.html"}
    for name in COMMANDS:
        if name not in ("open", "env", "watch"):
            assert fresh.shown(f"%prune {words.get(name, name)}") == [f"OptionError: no Lab is open; {how}"], name
    assert fresh.run("%prune").startswith("no Lab is open; next: %prune open net --train digits --val val_digits")


def test_the_only_lab_among_the_variables_is_taken(fresh: Notebook) -> None:
    fresh.run("mine = pl.Lab(net, val=val_digits)")
    assert fresh.run("%prune back --explain") == "mine.back()"
    fresh.run("mine = pl.Lab(net, val=val_digits)")
    assert fresh.run("%prune plan") is fresh["mine"].plan


def test_of_several_labs_one_is_chosen(fresh: Notebook) -> None:
    fresh.run("a, b = pl.Lab(net, val=val_digits), pl.Lab(net, val=val_digits)")
    assert fresh.shown("%prune step") == ["OptionError: there are several Labs, a, b; choose one: %prune open a"]
    assert fresh.run("%prune open b") is fresh["b"]
    assert fresh.run("%prune back --explain") == "b.back()"


def test_a_lab_that_is_opened_without_a_name_stays_the_current_one(fresh: Notebook) -> None:
    fresh.run("mine = pl.Lab(net, val=val_digits)")
    fresh.run("%prune open net --val val_digits;")
    assert fresh.run("%prune back --explain") == "lab.back()"


def test_a_lab_that_took_the_place_of_the_opened_one_is_the_current_one(opened: Notebook) -> None:
    opened.run("%prune status")
    opened.run("lab = pl.Lab(net, val=val_digits)")
    assert opened.run("%prune plan") is opened["lab"].plan


# loading


def test_loading_twice_and_unloading_leaves_nothing(fresh: Notebook) -> None:
    shell = fresh.shell
    matchers = list(shell.Completer.custom_matchers)
    pl.load_ipython_extension(shell)
    assert shell.Completer.custom_matchers == matchers
    pl.unload_ipython_extension(shell)
    assert "prune" not in shell.magics_manager.magics["line"]
    assert len(shell.Completer.custom_matchers) == len(matchers) - 1
    pl.unload_ipython_extension(shell)
    pl.load_ipython_extension(shell)
    assert fresh.complete("%prune stat") == ["%prune status"]


def test_the_setup_of_these_tests_names_what_the_lines_name() -> None:
    assert {"net", "digits", "val_digits"} <= set(re.findall(r"^(\w+) =", SETUP, re.MULTILINE))
