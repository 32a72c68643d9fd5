"""A recipe: what it says, where its mistakes stand, and that carrying it out is the Lab's own run."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import recipe_nets

import prunelab as pl
from prunelab.errors import RecipeError
from prunelab.lab.randomness import seed_all
from prunelab.lab.repeating import recipe_data
from prunelab.render.toml import to_toml

NETS = Path(recipe_nets.__file__)
RUN = f'''# a run of the tests
seed = 3

[model]
source = "{NETS}:net"

[data]
train = "{NETS}:data"
val = {{source = "{NETS}:data", arguments = {{n = 8, seed = 1}}}}
metrics = "accuracy"

[finetune]
epochs = 1
lr = 0.01

[[steps]]
layer = "0"
ratio = 0.3

[[steps]]
train = 1

[schedule]
name = "linear"
to = 0.6
by = "params"
steps = 2
finetune = 0
'''


def history(lab: pl.Lab) -> list[Any]:
    """All that a run leaves: lines, metrics to the last bit, and the weights."""
    weights = {name: t.numpy().tobytes() for name, t in lab.model.state_dict().items()}
    return [[(s.id, s.parent, s.action, dict(s.metrics), s.cost, s.seed) for s in lab.states], weights]


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    """The same run in Python."""
    seed_all(3)
    lab = pl.Lab(recipe_nets.net(), train=recipe_nets.data(), val=recipe_nets.data(8, 1), metrics="accuracy", seed=3,
                 finetune=1, lr=0.01)
    lab.step("0", ratio=0.3)
    lab.finetune(1)
    lab.run("linear", to=0.6, by="params", steps=2, finetune=0)
    return history(lab)


def test_a_recipe_is_the_run_in_python_bit_for_bit(expected: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(RUN)
    for given in (path, str(path), RUN, pl.Recipe.loads(RUN)):
        assert history(pl.run_recipe(given)) == expected


@pytest.mark.parametrize("n_batches", range(1, 9, 2))
def test_an_interrupted_run_goes_on_and_ends_the_same(n_batches: int, expected: list[Any], tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = pl.Recipe.loads(RUN).with_(workspace=str(tmp_path / "w"))
    seen = 0

    def interrupt(progress: Any) -> None:
        nonlocal seen
        seen += 1
        if seen > n_batches:
            raise KeyboardInterrupt

    lab = pl.recipe.open_lab(recipe)
    lab.on_progress.append(interrupt)
    with pytest.raises(KeyboardInterrupt):
        pl.recipe.carry_out(recipe, lab)
    lab.close()
    lab = pl.run_recipe(recipe)
    assert history(lab) == expected
    lab.close()
    lab = pl.run_recipe(recipe)  # a run that is whole has nothing left to do
    assert history(lab) == expected
    lab.close()


def test_a_workspace_of_another_run_is_refused_with_the_step_that_differs(tmp_path: Path) -> None:
    recipe = pl.Recipe.loads(RUN).with_(workspace=str(tmp_path / "w"), schedule=None)
    pl.run_recipe(recipe).close()
    other = pl.Recipe.loads(RUN.replace("ratio = 0.3", "ratio = 0.4")).with_(workspace=str(tmp_path / "w"))
    with pytest.raises(RecipeError, match=r"another history: its s1 came of lab\.step\('0', ratio=0\.3"):
        pl.run_recipe(other)
    with pytest.raises(RecipeError, match=r"its s2 came of lab\.finetune\(1\)"):
        pl.run_recipe(recipe.with_(steps=recipe.data["steps"][:1]))


@pytest.mark.parametrize(("changed", "message"), [
    ({"finetune": {"lr": 0.02}}, r"was made with another finetune.lr: 0.01 there, 0.02 here; choose another workspace"),
    ({"seed": 4}, r"was made with another seed: 3 there, 4 here"),
    ({"criterion": "l2_weight"}, r"was made with another criterion: nothing there, 'l2_weight' here"),
    ({"model": {"arguments": {"width": 7}}}, r"was made with another model.arguments: nothing there"),
])
def test_a_workspace_of_other_trainings_is_refused_and_left_as_it_is(changed: dict[str, Any], message: str,
                                                                     tmp_path: Path) -> None:
    recipe = pl.Recipe.loads(RUN).with_(workspace=str(tmp_path), steps=None, schedule={"steps": 1})
    pl.run_recipe(recipe).close()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.toml")}
    with pytest.raises(RecipeError, match=message):
        pl.run_recipe(recipe, **changed)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.toml")}
    pl.run_recipe(recipe, schedule={"to": 0.7}).close()  # going further is the same run
    pl.run_recipe(recipe, data={"train": recipe_nets.data()}).close()  # an object: nobody knows


def test_a_file_may_have_an_equals_sign_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / "lr=0.1.toml"
    path.write_text(RUN)
    assert pl.run_recipe(str(path), steps=None, schedule=None).state.id == "s0"


def test_variables_stand_for_values(expected: list[Any]) -> None:
    text = """
    seed = "numbers.seed"
    criterion = "mine"
    model = {source = "net"}
    data = {train = "some", val = "val", metrics = "metrics"}
    finetune = {epochs = "epochs"}
    steps = [{layer = "where", ratio = "much"}]
    """

    class numbers:
        seed = np.int64(3)

    class Last:
        """Later units are worth more."""

        name = "last"

        def __call__(self, material: Any) -> Any:
            return np.arange(material.units, dtype=np.float64)

    variables = {"net": recipe_nets.net(), "some": recipe_nets.data(), "val": recipe_nets.data(8, 1), "epochs": 1,
                 "metrics": ["accuracy", "loss"], "where": "0", "much": 0.5, "numbers": numbers, "mine": Last()}
    lab = pl.run_recipe(text, variables=variables)
    assert lab.state.action == "lab.step('0', ratio=0.5, criterion='last', finetune=1)"
    assert lab.plan.removed("0") == (0, 1, 2)
    assert list(lab.state.metrics) == ["accuracy", "loss"]
    assert lab.state.seed == pl.run_recipe(text, variables={**variables, "mine": Last()}).state.seed


def test_plans_units_and_overrides(tmp_path: Path) -> None:
    lab = pl.run_recipe(RUN, steps=[{"units": {"0": [1, 4]}, "finetune": 0}], schedule=None, finetune=None, seed=None)
    assert lab.plan.removed("0") == (1, 4)
    lab.plan.save(tmp_path / "plan.json")
    again = pl.run_recipe(RUN, steps=[{"plan": str(tmp_path / "plan.json")}], schedule=None, finetune={"epochs": 0},
                          seed=0)
    assert history(again)[1] == history(lab)[1]
    small = pl.run_recipe(RUN, model={"arguments": {"width": 4}}, steps=None, schedule={"steps": 1})
    assert len(small.model[0].weight) == 4
    assert len(small.states) == 2


def test_a_section_export_writes_once(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    recipe = pl.Recipe.loads(RUN).with_(schedule=None, workspace=str(tmp_path / "w"),
                                        export={"directory": out, "formats": "safetensors"})
    pl.run_recipe(recipe).close()
    when = (tmp_path / "out" / "manifest.json").stat().st_mtime_ns
    pl.run_recipe(recipe).close()
    assert (tmp_path / "out" / "manifest.json").stat().st_mtime_ns == when
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("kept")
    with pytest.raises(pl.errors.ExportError, match="exists and is not empty"):
        pl.run_recipe(recipe, export={"directory": str(tmp_path / "other")})
    assert [p.name for p in (tmp_path / "other").iterdir()] == ["mine.txt"]


# text, line, column, what is said
MISTAKES = [
    ("sede = 1", 1, 1, "unknown key 'sede'; did you mean 'seed'?"),
    ("\nmodel = 3", 2, 1, r"model is 3, and is a section: \[model\]"),
    ("seed = 1\n", 0, 0, r"the section \[model\] is missing; it says where the model comes from"),
    ("[model]\narguments = {}\n", 1, 2, r"\[model\] lacks its source"),
    ("[model]\n  source = 'net'", 2, 3, "unknown variable 'net' in source, which is a model: 'module:callable'"),
    ("[model]\nsource = 1", 2, 1, "source is 1; give a model"),
    ("[model]\nsource='a:b'\n[data]\nmetric = 'loss'", 4, 1, r"unknown key 'metric' in \[data\]; did you mean 'metr"),
    ("[model]\nsource='a:b'\n[data]\nmetrics = ['acuracy']", 4, 1, "unknown metric 'acuracy' in metrics; did you mean"),
    ("[model]\nsource='a:b'\n[[steps]]\nratio=0.2\n[[steps]]\nratio = 1.5", 6, 1, r"ratio is 1.5; it is the fraction"),
    ("steps = [{ratio = 0.1}, {ratoi = 0.1}]\n[model]\nsource='a:b'", 1, 26, "unknown key 'ratoi' in .steps.; did you"),
    ("[model]\nsource='a:b'\n[schedule]\nname = 'cubik'", 4, 1, "unknown schedule 'cubik' in name; did you mean"),
    ("[model]\nsource='a:b'\n[steps]\nratio=0.1", 3, 2, r"steps is a list of sections, each of which begins with \[\["),
    ("[model]\nsource='a:b'\n[[steps]]\nlayer = 'a'\ntrain = 1", 5, 1, "a step has layer and train"),
    ("[model]\nsource={source='a:b', argumens={}}", 2, 1, "unknown key 'argumens' in source; did you mean 'arguments'"),
    ("[model]\nsource='a:b'\ninputs = [1, 0]", 3, 1, "inputs is 0; it is a whole number of at least 1"),
    ("[model]\nsource='a:b'\n[finetune]\nkeep_optimizer = 1", 4, 1, "keep_optimizer is 1; give true or false"),
    ("report = ['run.html', 'run.doc']\n[model]\nsource='a:b'", 1, 1, r"unknown ending '.doc' in the report run.doc"),
    ("repair = 'maybe'\n[model]\nsource='a:b'", 1, 1, "repair is 'maybe'; give true or false"),
    ("repair = 1\n[model]\nsource='a:b'", 1, 1, "repair is 1; give true or false, or how many steps"),
    ("[model]\nsource = 'a:b", 2, 14, "this is no TOML: "),
    ("seed = 1\nseed = 2", 2, 9, "this is no TOML: Cannot overwrite a value"),
    ("seed = [1,", 1, 11, "this is no TOML: .* .the text ends there"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_told_with_its_line_and_column(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        pl.Recipe.loads(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert "\n" not in str(caught.value)


# what is changed in RUN, the line of it, what is said
WRONG_RUNS = [
    ('layer = "0"', 'layer = "9"', "unknown layer '9' in Sequential"),
    ('layer = "0"', 'layer = "6"', "6 cannot be cut: the model's output"),
    (":net", ":nett", "unknown model 'nett' in .*; did you mean 'net'?"),
    ("n = 8", "m = 8", "does not take these arguments"),
    ("ratio = 0.3", "ratio = 0.0", r"the ratio 0 takes no further unit of 0"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG_RUNS, ids=[w[1] for w in WRONG_RUNS])
def test_what_goes_wrong_on_the_way_is_told_at_its_line(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(RUN.replace(old, new))
    with pytest.raises(RecipeError, match=message) as caught:
        pl.run_recipe(path)
    assert new in path.read_text().splitlines()[caught.value.line - 1]
    assert str(caught.value).startswith(f"{path}:{caught.value.line}:{caught.value.column}: ")


def test_a_file_may_begin_with_the_mark_of_its_encoding(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("seed = 1\n[model]\nsource = 'a:b'\n", encoding="utf-8-sig")
    assert pl.Recipe.load(path).values["seed"] == 1
    path.write_text("sede = 1\n", encoding="utf-8-sig")
    with pytest.raises(RecipeError, match="unknown key 'sede'") as caught:
        pl.Recipe.load(path)
    assert (caught.value.line, caught.value.column) == (1, 1)


def test_a_data_set_is_looked_for_among_ours_and_modules() -> None:
    from prunelab.recipe.sources import data_of

    with pytest.raises(pl.errors.UnknownNameError, match="unknown data set or module 'digit'; did you mean 'digits'"):
        data_of("digit:train")
    with pytest.raises(pl.PrunelabError, match="unknown split 'trian'; did you mean 'train'"):
        data_of("digits:trian")


def test_the_first_line_may_be_another_one() -> None:
    with pytest.raises(RecipeError, match=r"^line 3, column 1 of the cell: unknown key"):
        pl.Recipe.loads("[model]\nsuorce = 1", place="the cell", first_line=2)


def test_saving_keeps_the_text_and_writes_what_has_none(tmp_path: Path) -> None:
    recipe = pl.Recipe.loads(RUN)
    assert recipe.save(tmp_path / "a.toml").read_text() == RUN
    other = recipe.with_(seed=4)
    assert pl.Recipe.load(other.save(tmp_path / "b.toml")) == other != recipe
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.toml", "b.toml"]
    with pytest.raises(RecipeError, match="cannot be written"):
        recipe.save(tmp_path / "nowhere" / "a.toml")
    with pytest.raises(pl.errors.OptionError, match=r"model\.source is .* cannot be written down"):
        recipe.with_(model={"source": recipe_nets.net()}).save(tmp_path / "c.toml")
    with pytest.raises(RecipeError, match="cannot be read: No such file"):
        pl.run_recipe(tmp_path / "none.toml")
    for wrong in (3, None):
        with pytest.raises(RecipeError, match="give a text of TOML"):
            pl.run_recipe(wrong)


def test_the_published_schema_is_that_of_the_keys_and_takes_the_recipe() -> None:
    published = json.loads(files("prunelab.recipe").joinpath("recipe.schema.json").read_text(encoding="utf-8"))
    assert published == json.loads(json.dumps(pl.Recipe.schema())), "write it again: prunelab recipe schema"
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.validate(pl.Recipe.loads(RUN).data, published)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**pl.Recipe.loads(RUN).data, "sede": 1}, published)


def test_the_data_sets_of_prunelab_are_there_by_name() -> None:
    from prunelab.recipe.sources import data_of

    assert repr(data_of("digits:val")).startswith("digits val")
    with pytest.raises(pl.errors.OptionError, match="unknown split 'tran'; did you mean 'train'"):
        data_of("digits:tran")


def test_the_script_of_a_recipe_does_the_same(expected: list[Any]) -> None:
    text = RUN.replace(f'source = "{NETS}:net"', 'source = "net"').replace(f'train = "{NETS}:data"', 'train = "some"')
    seed_all(3)
    variables = {"net": recipe_nets.net(), "some": recipe_nets.data()}
    for recipe in (pl.Recipe.loads(RUN), pl.Recipe.loads(text, variables)):
        space = dict(variables)
        exec(recipe.script(), space)  # noqa: S102
        assert history(space["lab"]) == expected
    assert 'lab = pl.Lab(net, train=some, val=load_data("' in recipe.script()
    assert recipe.with_(report="a.html").script().endswith('lab.report("a.html")\n')
    assert 'lab.run(schedule="linear", to=0.6, by="params", steps=2, finetune=0)' in recipe.script()


def test_a_lab_tells_the_recipe_that_repeats_it(tmp_path: Path) -> None:
    lab = pl.run_recipe(RUN)
    lab.adopt({"0": [0, 1, 2, 3], **{g.name: g.removed for g in lab.plan.groups if g.name != "0"}}, finetune=1)
    again = pl.run_recipe(to_toml(recipe_data(lab)))
    assert again.state.metrics == lab.state.metrics
    assert again.plan == lab.plan
    first = pl.run_recipe(to_toml(recipe_data(lab, "s1")))
    assert [s.metrics for s in first.states] == [s.metrics for s in lab.states[:2]]
    seed_all(3)
    named = {"net": recipe_nets.net(), "train": recipe_nets.data(), "val": recipe_nets.data(8, 1)}
    lab.origin = {}
    assert pl.run_recipe(to_toml(recipe_data(lab)), variables=named).state.metrics == lab.state.metrics


SEARCHED = RUN.partition("[schedule]")[0] + '''
[search]
sampler = "annealing"           # draws by the number of a trial: an interrupted search goes on alike
trials = 6
objectives = "loss"
constraints = "params <= 80 %"
space = {ratios = {low = 0.0, high = 0.7}}
finetune = 1
'''


def test_a_search_is_carried_out_adopted_and_gone_on_with(tmp_path: Path) -> None:
    recipe = pl.Recipe.loads(SEARCHED.replace('metrics = "accuracy"', 'metrics = "loss"'))
    lab = pl.run_recipe(recipe)
    assert lab.state.action.startswith("lab.adopt({")
    assert lab.states[3].searched
    assert lab.state.parent == "s3"
    assert lab.state.cost.params <= 0.8 * lab.states[0].cost.params
    space: dict[str, Any] = {}
    exec(recipe.script(), space)  # noqa: S102
    assert history(space["lab"]) == history(lab)
    kept = recipe.with_(workspace=str(tmp_path / "w"))
    opened = pl.recipe.open_lab(kept)

    def interrupt(progress: Any) -> None:
        if "trial" in progress.label:
            seen.append(progress.label)
        if len(seen) == 3:
            raise KeyboardInterrupt

    seen: list[str] = []
    opened.on_progress.append(interrupt)
    with pytest.raises(KeyboardInterrupt):
        pl.recipe.carry_out(kept, opened)
    assert opened.state.id == "s2"
    opened.close()
    for _ in range(2):  # gone on with; then nothing is left to do
        again = pl.run_recipe(kept)
        assert history(again) == history(lab)
        again.close()


def test_a_search_that_adopts_nothing_leaves_the_state(tmp_path: Path) -> None:
    lab = pl.run_recipe(SEARCHED, search={"adopt": False, "trials": 2, "finetune": None}, data={"metrics": "loss"})
    assert (lab.state.id, lab.state.searched) == ("s3", True)
    assert lab.state.plan.groups == lab.states[2].plan.groups
    with pytest.raises(RecipeError, match=r"space cannot be made|unknown variable 'rations'"):
        pl.run_recipe(SEARCHED, search={"space": {"rations": 0.3}})


def test_several_layers_go_to_their_ratios_and_a_layer_wise_schedule_to_a_table() -> None:
    steps = [{"ratios": {"0": 0.34, "2": 0.5}, "finetune": 0}]
    lab = pl.run_recipe(RUN, steps=steps, schedule=None)
    assert [len(g.removed) for g in lab.plan.groups] == [2, 2]
    recipe = pl.Recipe.loads(to_toml(recipe_data(lab)))
    assert recipe.data["steps"][0]["ratios"] == {"0": 0.34, "2": 0.5}
    assert history(pl.run_recipe(recipe)) == history(lab)
    lab = pl.run_recipe(RUN, steps=None, schedule={"name": "in_order", "to": {"0": 0.5}, "rounds": 2, "by": None,
                                                   "steps": None})
    assert [s.label for s in lab.states] == ["dense", "0 25 %", "0 50 %"]


def test_a_preset_brings_the_model_and_its_data() -> None:
    text = '[preset]\nname = "digits"\n[data]\nmetrics = ["loss"]\n[[steps]]\nratio = 0.25\n'
    lab = pl.run_recipe(text)
    assert list(lab.state.metrics) == ["loss"]
    assert history(pl.run_recipe(to_toml(recipe_data(lab)))) == history(lab)
    space: dict[str, Any] = {}
    exec(pl.Recipe.loads(text).script(), space)  # noqa: S102
    assert history(space["lab"]) == history(lab)
    with pytest.raises(RecipeError, match=r"line 3, column 1 of the recipe: arguments of the preset digits: .* 'sede'"):
        pl.run_recipe(text.replace("[data]", "arguments = {sede = 1}\n[data]"))


def test_weights_are_masked_in_their_place_by_a_recipe() -> None:
    steps = [{"layer": "2", "ratio": 0.5, "granularity": "element", "finetune": 0}]
    lab = pl.run_recipe(RUN, steps=steps, schedule={"to": 0.8, "granularity": "element", "by": None})
    assert [state.action.partition(", criterion")[0] for state in lab.states[1:]] == [
        "lab.step('2', ratio=0.5", "lab.step(ratio=0.4, by='sparsity', scope='local'",
        "lab.step(ratio=0.8, by='sparsity', scope='local'"]
    assert all("granularity='element'" in state.action for state in lab.states[1:])
    assert min(g.ratio for g in lab.plan.groups if g.n_removed) == pytest.approx(0.8, abs=0.02)
    assert history(pl.run_recipe(to_toml(recipe_data(lab)))) == history(lab)
