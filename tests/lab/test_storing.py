"""A history as a whole: adopted plans, replays, thinning out, space, archives."""

from __future__ import annotations

import os
import shutil
import stat
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lab_nets import batched, bits, data, everything, lab, net

import prunelab as pl
from prunelab import errors
from prunelab.lab.replaying import Line
from prunelab.lab.store import archive, chunks

OPTIONS: dict[str, Any] = {"train": batched(), "val": data(12, 1)}


def reopened(folder: Path) -> pl.Lab:
    return pl.Lab(net(), workspace=folder, **OPTIONS)


# adopting and fine-tuning


def test_a_state_can_be_trained_alone() -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    before = bits(opened.model)
    state = opened.finetune(2)
    assert (state.id, state.parent, state.label) == ("s2", "s1", "fine-tuned 2 epochs")
    assert state.action == "lab.finetune(2)"
    assert state.plan == opened.path()[1].plan.with_metrics(state.metrics)
    assert bits(opened.model) != before
    assert not opened.model[0].weight.numpy()[list(state.plan.removed("0"))].any()
    with pytest.raises(errors.OptionError, match="needs a number of epochs"):
        opened.finetune()
    with pytest.raises(errors.OptionError, match="needs training data"):
        lab(train=None).finetune(1)


def test_a_plan_is_adopted_from_the_nearest_state_that_cuts_nothing_else() -> None:
    opened = lab()
    opened.step("0", ratio=0.3)
    opened.step("3", ratio=0.25)
    here = opened.plan
    more = here.with_removed(opened.graph, {"3": [*here.removed("3"), *{0, 1, 2, 3} - set(here.removed("3"))]})
    state = opened.adopt(more)
    assert (state.parent, state.plan.groups) == ("s2", more.groups)
    kept = set(range(6)) - set(here.removed("0"))
    other = opened.adopt({"0": sorted(kept)[:2]})
    assert other.parent == "s0"
    assert other.plan.removed("3") == ()
    assert opened.model[3].weight.numpy()[list(here.removed("3"))].any(), "units that are kept have their weights"
    assert other.action == f"lab.adopt({{'0': {sorted(kept)[:2]}}}, finetune=0)"
    trial = type("Trial", (), {"plan": pl.propose(opened.graph, sparsity=0.6)})()
    assert opened.adopt(trial, finetune=1).plan.groups == trial.plan.groups
    opened.goto("s0")
    assert opened.adopt("s3").plan.groups == more.groups


def test_what_cannot_be_adopted() -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    other = pl.propose(pl.trace(net(9), (1, 1, 6, 6)), sparsity=0.5)
    before = everything(opened)
    for plan, error, message in (
        (opened.plan, errors.OptionError, r"the plan cuts what s1 cuts; go there: lab.goto\('s1'\)"),
        (other, errors.PlanError, "6 units here and 9 there"),
        (5, errors.PlanError, "the plan is 5; give a Plan"),
        ({"0": [99]}, errors.PlanError, "0 has no unit 99"),
        ({"nowhere": [1]}, errors.PrunelabError, "unknown group 'nowhere'"),
        ("s9", errors.StateError, "unknown state 's9'"),
    ):
        with pytest.raises(error, match=message):
            opened.adopt(plan)
        assert everything(opened) == before


# replaying


@pytest.mark.parametrize("folder", [False, True])
def test_the_recorded_lines_give_the_same_bits_on_a_fresh_lab(folder: bool, tmp_path: Path) -> None:
    opened = lab(seed=3, workspace=tmp_path if folder else None)
    opened.step("0", ratio=0.3, finetune=1, criterion="random")
    opened.goto("s0")
    opened.run(to=0.4, by="params", steps=2, scope="global", finetune=1)
    opened.finetune(1)
    opened.adopt({"0": [*opened.plan.removed("0"), *[u for u in range(6) if u not in opened.plan.removed("0")][:1]],
                  "3": opened.plan.removed("3")}, finetune=1)  # fmt: skip
    opened.tag("end")
    opened.back()
    here = everything(opened)
    found = opened.replay("end")
    assert found.same, found
    assert f"{len(opened.path('end')) - 1} lines: the same to the last bit" in repr(found)
    assert everything(opened) == here
    assert found.lab.plan == opened.tags["end"].plan
    first = opened.replay("s1")
    assert first.same
    assert len(first.lab.states) == 2
    opened.close()


@pytest.mark.parametrize("criterion", ["taylor", "apoz"])
def test_criteria_that_look_at_data_choose_the_same_again(criterion: str) -> None:
    x, y = data(24)
    opened = lab(train=(x, y))  # shuffled at every epoch
    state = opened.step("0", ratio=0.5, criterion=criterion, finetune=1)
    dense = pl.trace(opened.replay("s0").lab.model, (1, 1, 6, 6))
    by_hand = pl.propose(dense, criterion, ratios={"0": 0.5}, data=(x, y))
    assert state.plan.removed("0") == by_hand.removed("0")
    np.random.rand(3)
    opened.run(to=0.6, steps=2, criterion=criterion, scope="global")
    assert opened.replay().same


def test_a_replay_says_what_is_different() -> None:
    opened = lab()
    opened.step("0", ratio=0.5, finetune=1)
    opened._given = {**opened._given, "lr": 0.1}
    found = opened.replay()
    assert not found.same
    assert "tensors are other ones" in repr(found)


def test_a_plan_that_is_too_long_for_a_line_is_replayed_from_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    from prunelab.lab import proposals

    monkeypatch.setattr(proposals, "_LONGEST", 5)
    opened = lab()
    state = opened.adopt(pl.propose(opened.graph, sparsity=0.5))
    assert state.action == "lab.adopt('s1', finetune=0)"
    assert opened.replay().same


class Mine:
    """A criterion of one's own."""

    name = "mine"

    def __call__(self, material: Any) -> np.ndarray:
        return -np.arange(len(next(iter(material.makers.values()))), dtype=float)


def test_a_criterion_of_ones_own_is_asked_for() -> None:
    opened = lab()
    opened.step("0", ratio=0.5, criterion=Mine())
    with pytest.raises(errors.StateError, match=r"made with the criterion 'mine'.*lab\.replay\('s1', criteria="):
        opened.replay()
    assert opened.replay(criteria={"mine": Mine()}).same
    assert lab(criterion=Mine()).step("0", ratio=0.5)


@pytest.mark.parametrize("action", [
    "__import__('os').system('true')", "lab.step(open('x'))", "lab.step('0').model", "lab.close()", "other.step('0')",
    "lab.step(*['0'])", "lab.step(**{'a': 1})", "lab.step('0'", "lab.step('0'); lab.step('3')", "(" * 500,
])  # fmt: skip
def test_a_line_that_no_lab_writes_is_not_run(action: str) -> None:
    with pytest.raises(errors.StateError, match="the recorded line of s1 cannot be replayed"):
        Line.parse(action, "s1")


# space


@pytest.mark.parametrize("folder", [False, True])
def test_what_is_thinned_out_is_gone_and_what_is_kept_is_not(folder: bool, tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path / "run" if folder else None)
    hashes = {"s0": everything(opened)}
    for layer, ratio in (("0", 0.3), ("3", 0.3), ("0", 0.6), ("3", 0.6)):
        state = opened.step(layer, ratio=ratio, finetune=1)
        hashes[state.id] = everything(opened)
    opened.goto("s1")
    opened.branch("wider")
    opened.step("0", ratio=0.8)
    opened.step("3", ratio=0.8)
    opened.tag("best", "s3")
    opened.goto("s4")
    with pytest.raises(errors.StateError, match="unknown state 's9'"):
        opened.prune_history(keep=["s1", "s9"])
    assert len(opened.states) == 7
    told = opened.prune_history(keep=[])
    assert (told.forgotten, told.let_go) == (("s5", "s6"), ("s1", "s2"))
    assert "2 states forgotten, the weights of 2 let go" in repr(told)
    assert [s.id for s in opened.states] == ["s0", "s1", "s2", "s3", "s4"]
    space = opened.vacuum()
    assert space.after_bytes < space.before_bytes or not folder
    with pytest.raises(errors.StateError, match=r"the weights of s2 were let go by prune_history; lab\.replay\('s2'\)"):
        opened.goto("s2")
    assert everything(opened) == hashes["s4"]
    if folder:
        found = pl.doctor(tmp_path / "run")
        assert found.ok
        assert not found.left_over
        opened.close()
        opened = reopened(tmp_path / "run")
    for name in ("s0", "s3", "s4"):
        opened.goto(name)
        assert everything(opened) == hashes[name]
    assert opened.replay("s2").same
    assert opened.compare("s0", "s3").layers
    assert opened.step("0", ratio=0.9).id == "s7", "numbers are not given twice"
    assert opened.prune_history(keep=1).forgotten == ()
    opened.close()


def test_a_vacuum_takes_the_space_of_what_is_needed_no_more(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    opened.step("0", ratio=0.3)
    opened.vacuum()  # of what the first state's small arrays leave
    whole = opened._bench.store.size_bytes()
    for _ in range(4):
        opened.goto("s1")
        opened.step("3", ratio=0.3, finetune=1)
        opened.finetune(1)
    grown = opened._bench.store.size_bytes()
    opened.goto("s1")
    opened.prune_history(keep=["s1"])
    (tmp_path / "chunks" / f"{'0' * 64}.safetensors").write_bytes(b"x")
    space = opened.vacuum()
    assert (space.before_bytes, space.after_bytes < whole * 1.3) == (space.before_bytes, True)
    assert space.before_bytes >= grown
    assert pl.doctor(tmp_path).ok
    assert "→" in repr(space)
    opened.close()
    again = reopened(tmp_path)
    assert [s.id for s in again.states] == ["s0", "s1"]
    again.goto("s0")
    again.close()


def test_what_patches_are_of_is_kept_with_them_and_what_lay_beside_goes(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    opened.finetune(1)
    opened.step("3", ratio=0.5)
    here, store = everything(opened), opened._bench.store
    roots = {store.arrays.root_of(digest) for digest in store.snapshot("s2").tensors.values()}
    assert roots - {*store.snapshot("s2").tensors.values()}, "no patches: the test says nothing"
    assert opened.prune_history(keep=["s2"]).let_go == ("s1",)
    opened.vacuum()
    opened.goto("s0")
    opened.goto("s2")
    assert everything(opened) == here
    found = pl.doctor(tmp_path)
    assert found.ok
    assert sum(len(chunks.names_in(path)) for path in (tmp_path / "chunks").iterdir()) == found.n_arrays
    opened.close()


def test_a_vacuum_leaves_what_is_damaged_as_it_is(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    before = set((tmp_path / "chunks").iterdir())
    opened.finetune(1)
    here = everything(opened)
    (chunk,) = set((tmp_path / "chunks").iterdir()) - before
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    damaged = chunk.read_bytes()
    opened.vacuum()
    assert chunk.read_bytes() == damaged
    chunk.write_bytes(whole)  # as from a backup
    opened.goto("s0")
    opened.goto("s1")
    assert everything(opened) == here
    opened.close()
    assert pl.doctor(tmp_path).ok


@pytest.mark.parametrize("keep", [0, -1, "s1", 1.5, True])
def test_what_cannot_be_kept(keep: Any) -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    with pytest.raises(errors.OptionError, match="keep is"):
        opened.prune_history(keep=keep)
    assert len(opened.states) == 2


# archives


@pytest.mark.parametrize("folder", [False, True])
def test_a_study_is_handed_to_somebody_else(folder: bool, tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path / "run" if folder else None, seed=4)
    opened.step("0", ratio=0.5, finetune=1)
    opened.branch("wider")
    opened.step("3", ratio=0.5)
    opened.tag("best")
    opened.step("3", ratio=0.7)
    opened.goto("s2")
    opened.prune_history(keep=["best"])
    here, states = everything(opened), opened.states
    assert opened.archive(tmp_path / "study.zip") == tmp_path / "study.zip"
    assert everything(opened) == here
    opened.close()
    other = pl.Lab.from_archive(tmp_path / "study.zip", net(), workspace=tmp_path / "theirs", **OPTIONS)
    assert everything(other) == here
    assert other.states == states
    assert [s.plan for s in other.states] == [s.plan for s in states]
    assert other.goto("best").id == "s2"
    assert other.replay().same
    assert other.step("3", ratio=0.9).branch == "wider"
    other.close()
    assert pl.doctor(tmp_path / "theirs").ok
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["study.zip", "theirs", *(["run"] if folder else [])])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    opened = lab(workspace=tmp_path_factory.mktemp("study") / "run")
    opened.step("0", ratio=0.5)
    path = opened.archive(tmp_path_factory.mktemp("study") / "study.zip")
    opened.close()
    return path


def crafted(study: Path, path: Path, change: Any) -> Path:
    with zipfile.ZipFile(study) as source, zipfile.ZipFile(path, "w") as target:
        change(source, target)
    return path


def copy(source: zipfile.ZipFile, target: zipfile.ZipFile, skip: str = "", compression: int = 0) -> None:
    for name in source.namelist():
        if not skip or not name.startswith(skip):
            target.writestr(name, source.read(name), compression)


def escape(name: str) -> Any:
    def change(source: zipfile.ZipFile, target: zipfile.ZipFile) -> None:
        copy(source, target)
        target.writestr(name, b"evil")
    return change


def bomb(source: zipfile.ZipFile, target: zipfile.ZipFile) -> None:
    copy(source, target)
    target.writestr(f"chunks/{'a' * 64}.safetensors", bytes(50_000_000), zipfile.ZIP_DEFLATED)


def doubled(source: zipfile.ZipFile, target: zipfile.ZipFile) -> None:
    copy(source, target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile says it, too
        target.writestr(source.namelist()[-1], source.read(source.namelist()[-1]))


def flipped(source: zipfile.ZipFile, target: zipfile.ZipFile) -> None:
    for name in source.namelist():
        content = source.read(name)
        target.writestr(name, content if name.endswith("sqlite") else content[:-1] + bytes([content[-1] ^ 1]))


CRAFTED = {
    "a path above": (escape("../evil"), "holds '../evil', which no history has"),
    "an absolute path": (escape("/tmp/evil"), "holds '/tmp/evil'"),
    "a path inside": (escape("chunks/../../evil"), "which no history has"),
    "a path that begins well": (escape("prunelab.sqlite/../../evil"), "which no history has"),
    "a lock": (escape("writer.lock"), "holds 'writer.lock'"),
    "a bomb": (bomb, "would unpack to more than its size"),
    "compressed": (lambda s, t: copy(s, t, compression=zipfile.ZIP_DEFLATED), "more than its size"),
    "no database": (lambda s, t: copy(s, t, skip="prunelab.sqlite"), r"lacks prunelab\.sqlite"),
    "a file twice": (doubled, "or holds a file twice"),
    "no chunks": (lambda s, t: copy(s, t, skip="chunks"), r"is damaged: chunks/\w+\.safetensors: No such file"),
    "a flipped bit": (flipped, r"is damaged: chunks/\w+\.safetensors: it does not hold what its name says"),
    "a database of nothing": (lambda s, t: t.writestr("prunelab.sqlite", b"x" * 5000), "is not a database"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_or_damaged_archive_is_refused_and_leaves_nothing(name: str, tmp_path: Path, study: Path) -> None:
    change, message = CRAFTED[name]
    path = crafted(study, tmp_path / "study.zip", change)
    with pytest.raises(errors.WorkspaceError, match=message):
        pl.Lab.from_archive(path, net(), workspace=tmp_path / "theirs", **OPTIONS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["study.zip"]


def test_an_archive_is_synced_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = lab()
    called: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (called.append(stat.filemode(os.fstat(file).st_mode)), fsync(file)))
    monkeypatch.setattr(archive.os, "replace", lambda a, b: (called.append(Path(b).name), replace(a, b)))
    opened.archive(tmp_path / "study.zip")
    assert called[-3:] == ["-rw-r--r--", "study.zip", "drwx------"]


def test_entries_that_overlap_are_refused(tmp_path: Path, study: Path) -> None:
    path = Path(shutil.copy(study, tmp_path))
    with zipfile.ZipFile(path, "a") as added:
        biggest = max(added.infolist(), key=lambda entry: entry.file_size)
        for k in range(4):
            again = zipfile.ZipInfo(f"chunks/{k}{'b' * 63}.safetensors")
            again.header_offset, again.CRC = biggest.header_offset, biggest.CRC
            again.file_size = again.compress_size = biggest.file_size
            added.filelist.append(again)
            added.NameToInfo[again.filename] = again
        added._didModify = True
    with pytest.raises(errors.WorkspaceError, match="its files overlap"):
        pl.Lab.from_archive(path, net(), workspace=tmp_path / "theirs", **OPTIONS)


def test_archives_that_cannot_be_read_or_written(tmp_path: Path, study: Path) -> None:
    opened = lab()
    with pytest.raises(errors.WorkspaceError, match="cannot be written: No such file"):
        opened.archive(tmp_path / "nowhere" / "study.zip")
    with pytest.raises(errors.OptionError, match="path is 5"):
        opened.archive(5)  # type: ignore[arg-type]
    with pytest.raises(errors.OptionError, match="workspace is missing, and the history is unpacked there; give a"):
        pl.Lab.from_archive(study, net(), **OPTIONS)
    (tmp_path / "text.zip").write_text("no zip")
    for path, message in ((tmp_path / "none.zip", "No such file"), (tmp_path / "text.zip", "not a zip file")):
        with pytest.raises(errors.WorkspaceError, match=f"cannot be read: .*{message}"):
            pl.Lab.from_archive(path, net(), workspace=tmp_path / "theirs", **OPTIONS)
    with pytest.raises(errors.WorkspaceError, match="history of another model"):
        pl.Lab.from_archive(study, net(9), workspace=tmp_path / "theirs", **OPTIONS)
    assert not (tmp_path / "theirs").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    with pytest.raises(errors.WorkspaceError, match="is not empty"):
        pl.Lab.from_archive(study, net(), workspace=tmp_path / "full", **OPTIONS)
    assert (tmp_path / "full" / "mine").read_text() == "mine"
