"""The history as a tree: branches, tags, comparisons, and watching it from beside."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import paddle
import pytest
from lab_nets import batched, data, everything, lab, net

import prunelab as pl
from prunelab import errors
from prunelab.lab.store import chunks
from prunelab.lab.store.connection import DATABASE
from prunelab.lab.watching import Watcher


def reopened(folder: Path) -> pl.Lab:
    return pl.Lab(net(), train=batched(), val=data(12, 1), workspace=folder)


@pytest.mark.parametrize("folder", [False, True])
def test_branches_and_tags_find_their_states(folder: bool, tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path if folder else None)
    opened.step("0", ratio=0.3)
    assert opened.branch("wider") is opened.state
    assert {name: state.id for name, state in opened.branches.items()} == {"main": "s1", "wider": "s1"}
    opened.step("3", ratio=0.3)
    opened.step("3", ratio=0.5)
    assert opened.tag("best").id == "s3"
    opened.goto("main")
    opened.step("0", ratio=0.5)
    assert [s.branch for s in opened.states] == ["main", "main", "wider", "wider", "main"]
    assert opened.goto("wider").id == "s3"
    assert opened.back().id == "s2"
    assert opened.step("0", ratio=0.7).branch == "wider"
    assert opened.goto("wider").id == "s5"
    assert opened.goto("best").id == "s3"
    assert [s.id for s in opened.path("main")] == ["s0", "s1", "s4"]
    assert opened.history["branch"].tolist() == ["main", "main", "wider", "wider", "main", "wider"]
    assert opened.history["tags"].tolist() == ["", "", "", "best", "", ""]
    text = str(opened.tree())
    assert "● s3 3 50 %" in text
    assert "[best]" in text
    assert "[wider]" in text
    assert text.index("[main]") > text.index("s4 0 50 %")
    for shown in (opened.tree().to_svg(), opened.tree()._repr_html_()):
        assert ">best</text>" in shown
        assert ">wider</text>" in shown
    opened.close()


def test_names_are_kept_and_a_new_branch_goes_on_after_reopening(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    opened.step("0", ratio=0.3)
    opened.branch("wider")
    opened.tag("begin", "s0")
    opened.close()
    again = reopened(tmp_path)
    assert again.step("3", ratio=0.3).branch == "wider"
    assert again.tags["begin"].id == "s0"
    assert again.tag("begin", "wider", move=True).id == "s2"
    assert again.untag("begin").id == "s2"
    assert not again.tags
    again.goto("s1")
    again.goto("wider")
    again.close()


def test_a_branch_that_has_no_state_yet_is_where_it_begins() -> None:
    opened = lab()
    opened.step("0", ratio=0.3)
    opened.branch("wider")
    opened.goto("s0")
    assert opened.step("3", ratio=0.3).branch == "main"
    assert opened.goto("wider").id == "s1"
    assert opened.step("3", ratio=0.3).branch == "wider"


@pytest.mark.parametrize("name", ["", "s3", "s03", "a b", "-a", "_a", "a/b", "a\n", 5, None, "x" * 61])
def test_what_is_no_name_is_refused(name: object) -> None:
    opened = lab()
    for give in (opened.branch, opened.tag):
        with pytest.raises(errors.OptionError, match="is called"):
            give(name)
    assert not opened.tags


def test_names_that_are_given_already_and_states_that_are_not_there() -> None:
    opened = lab()
    opened.branch("wider")
    opened.tag("best")
    for give, name in ((opened.branch, "best"), (opened.tag, "wider"), (opened.branch, "main"), (opened.tag, "best")):
        with pytest.raises(errors.OptionError, match=f"'{name}' is the name of"):
            give(name)
    with pytest.raises(errors.OptionError, match="'wider' is the name of a branch"):
        opened.tag("wider", move=True)
    with pytest.raises(errors.StateError, match="unknown state 'bets' in the history; did you mean 'best'"):
        opened.goto("bets")
    with pytest.raises(errors.StateError, match="unknown state 's7'"):
        opened.tag("other", "s7")
    with pytest.raises(errors.UnknownNameError, match="unknown tag 'bets'; did you mean 'best'"):
        opened.untag("bets")


def test_a_comparison_tells_what_differs_and_changes_nothing() -> None:
    opened = lab()
    opened.step("0", ratio=0.5)
    trained = opened.step("3", ratio=0.5, finetune=2)
    opened.goto("s1")
    before = everything(opened)
    found = opened.compare("s0", trained)
    assert everything(opened) == before
    assert [(c.name, c.cut_a, c.cut_b) for c in found.layers] == [("0", 0, 3), ("3", 0, 4)]
    assert found.layers[1].only_b == trained.plan.removed("3")
    assert found.metrics["accuracy"] == (opened.states[0].metrics["accuracy"], trained.metrics["accuracy"])
    opened.goto("s0")
    dense = opened.model[0].weight.numpy().astype(np.float64)
    opened.model.eval()
    x = data(12, 1)[0]
    first = opened.model(paddle.to_tensor(x)).numpy().argmax(-1)
    opened.goto("s2")
    now = opened.model[0].weight.numpy().astype(np.float64)
    assert found.weights["0.weight"] == pytest.approx(np.linalg.norm(now - dense) / np.linalg.norm(dense))
    second = opened.model(paddle.to_tensor(x)).numpy().argmax(-1)
    assert found.predictions is not None
    assert (found.predictions.n, found.predictions.changed) == (12, int((first != second).sum()))
    for told in (repr(found), found._repr_html_()):
        assert "cut in s2" in told
        assert "predictions changed" in told
        assert "0.weight" in told


def test_a_comparison_of_a_state_with_itself_and_without_data() -> None:
    opened = lab(val=None)
    opened.step("0", ratio=0.5)
    found = opened.compare("s1")
    assert (found.layers, dict(found.weights), found.predictions) == ((), {}, None)
    assert "the same weights" in repr(found)
    regression = pl.Lab(net(), val=[(x, y[:, None].astype("float32") + np.zeros(3, "float32"))
                                    for x, y in batched()], loss="mse", metrics="loss")
    regression.step("0", ratio=0.5)
    told = regression.compare("s0").predictions
    assert told is not None
    assert told.changed is None
    assert 0 < told.distance < 10


@pytest.mark.parametrize("folder", [False, True])
def test_a_comparison_of_states_whose_weights_were_let_go_tells_what_is_recorded(folder: bool, tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path if folder else None)
    opened.step("0", ratio=0.5)
    opened.step("3", ratio=0.5)
    here = everything(opened)
    opened.prune_history(keep=["s2"])
    found = opened.compare("s1", "s2")
    assert (found.let_go, dict(found.weights), found.predictions) == (("s1",), {}, None)
    assert [layer.name for layer in found.layers] == ["3"]
    for told in (repr(found), found._repr_html_()):
        assert "the weights of s1 were let go by prune_history" in told
        assert "the same weights" not in told
    assert opened.compare("s0", "s2").let_go == ()
    assert everything(opened) == here
    opened.close()


def test_somebody_watches_while_a_lab_works(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    watcher = pl.Lab.watch(tmp_path)
    assert isinstance(watcher, Watcher)
    assert watcher.state.id == "s0"
    opened.step("0", ratio=0.5)
    opened.branch("wider")
    opened.tag("best")
    opened.step("3", ratio=0.5)
    assert watcher.state == opened.state
    assert watcher.states == opened.states
    assert watcher.history.equals(opened.history)
    assert str(watcher.tree()) == str(opened.tree())
    assert watcher.plan == opened.plan
    assert watcher.compare("s0", "best").weights == opened.compare("s0", "best").weights
    assert str(watcher.curves()) == str(opened.curves())
    assert f"s2 3 50 %, 3 states in {tmp_path}" in repr(watcher)
    assert watcher._repr_html_().startswith("<div")
    with pytest.raises(errors.StateError, match="unknown state 's9'"):
        watcher.path("s9")
    opened.close()
    assert [s.id for s in watcher.path("wider")] == ["s0", "s1", "s2"]
    watcher.close()


def test_an_array_that_moves_while_somebody_reads_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = lab(workspace=tmp_path)
    opened.step("0", ratio=0.5, finetune=1)
    opened.step("3", ratio=0.5)  # most arrays are those of s1
    watcher = pl.Lab.watch(tmp_path)
    digests = watcher._seen.store.snapshot("s2").tensors
    read, n_gone = chunks.read_parts, []

    def read_late(path: Path, size: int, name: str) -> chunks.Parts:
        if not n_gone:
            n_gone.append(0)
            opened.prune_history(keep=[])
            opened.vacuum()
        n_gone[0] += not path.exists()
        return read(path, size, name)

    monkeypatch.setattr(chunks, "read_parts", read_late)
    for digest in digests.values():
        assert watcher._seen.store.get(digest) is not None
    assert n_gone[0], "nothing moved: the test says nothing"
    opened.close()
    watcher.close()


def test_what_cannot_be_watched(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "nowhere", tmp_path, tmp_path / "file"):
        with pytest.raises(errors.WorkspaceError, match="holds no history"):
            pl.Lab.watch(place)
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(errors.OptionError, match="workspace is 5"):
        pl.Lab.watch(5)


def test_a_damaged_database_that_is_watched_is_said_to_be_damaged(tmp_path: Path) -> None:
    lab(workspace=tmp_path).close()
    db = sqlite3.connect(tmp_path / DATABASE)
    db.execute("DELETE FROM meta")
    db.commit()
    db.close()
    with pytest.raises(errors.WorkspaceError, match=r"damaged: its current state is None.*; prunelab doctor .* tells"):
        pl.Lab.watch(tmp_path)
    (tmp_path / DATABASE).write_bytes(bytes(5000))
    with pytest.raises(errors.WorkspaceError, match=r"is damaged: file is not a database; prunelab doctor .* copy"):
        pl.Lab.watch(tmp_path)


def test_what_only_a_lab_can_is_told_of_a_history_that_is_watched(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    watcher = pl.Lab.watch(tmp_path)
    for name in ("step", "goto", "tag", "model", "replay"):
        with pytest.raises(errors.WorkspaceError, match=rf"^{name} is a Lab's, and .* watched here; open it: pl\.Lab"):
            getattr(watcher, name)
        assert not hasattr(watcher, name)
    with pytest.raises(AttributeError, match="'Watcher' object has no attribute 'stpe'"):
        watcher.stpe  # noqa: B018
    watcher.close()
    opened.close()
