"""A history whose database and copy are both damaged: what is left is saved, and nothing that is not what it was."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lab_nets import batched, data, everything, lab, net

import prunelab as pl
from prunelab import errors
from prunelab.lab.store.connection import COPY, DATABASE
from prunelab.lab.store.disk import DiskStore

Damage = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Nine states on two branches, some of them trained, and the hash of each."""
    folder = tmp_path_factory.mktemp("salvage") / "run"
    opened = lab(workspace=folder)
    hashes = {"s0": everything(opened)}
    for k in range(8):
        if k == 4:
            opened.goto("s1")
            opened.branch("wider")
            opened.tag("best", "s2")
        state = opened.finetune(1) if k % 4 == 3 else opened.step("03"[k % 2], ratio=0.3 + 0.1 * k)
        hashes[state.id] = everything(opened)
    opened.close()
    return folder, hashes


def contents(folder: Path) -> dict[str, Any]:
    """All that is told of each state but its parent, and its arrays."""
    store = DiskStore(folder, write=False)
    found = {}
    for facts in store.states():
        bits = store.snapshot(facts["id"])
        told = {key: value for key, value in facts.items() if key not in ("parent", "stored_bytes")}
        arrays = {} if bits is None else {name: store.get(digest).tobytes() for name, digest in bits.tensors.items()}
        found[facts["id"]] = (told, store.plan(facts["id"]), None if bits is None else bits.random.check, arrays)
    store.close()
    return found


def zeroed(start: float, end: float) -> Damage:
    def damage(content: bytes) -> bytes:
        first, last = int(start * len(content)), int(end * len(content))
        return content[:first] + bytes(last - first) + content[last:]
    return damage


def cut(content: bytes) -> bytes:
    return content[: len(content) * 9 // 10]


DAMAGE: dict[str, tuple[Damage, Damage, int]] = {  # the database's, the copy's, and the states that must be there
    "both cut": (cut, cut, 1),
    "in other places": (zeroed(0.7, 1), zeroed(0.3, 0.45), 9),
    "the first page of one": (zeroed(0, 0.01), zeroed(0.5, 1), 9),
    "an end": (zeroed(0.97, 1), zeroed(0.97, 1), 7),
}


def damaged(source: Path, target: Path, database: Damage, copy: Damage) -> Path:
    folder = Path(shutil.copytree(source, target))
    for name, damage in ((DATABASE, database), (COPY, copy)):
        (folder / name).write_bytes(damage((folder / name).read_bytes()))
    return folder


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_is_left_is_saved(kind: str, tmp_path: Path, workspace: tuple[Path, dict[str, str]]) -> None:
    source, hashes = workspace
    database, copy, least = DAMAGE[kind]
    folder = damaged(source, tmp_path / "run", database, copy)
    for look in (pl.doctor, lambda folder: lab(workspace=folder)):
        with pytest.raises(errors.WorkspaceError, match=rf"prunelab doctor {folder} --salvage NEW"):
            look(folder)
    found = pl.salvage(folder, tmp_path / "new")
    assert len(found.states) >= least
    assert f"saved in {tmp_path / 'new'}" in repr(found)
    assert pl.doctor(tmp_path / "new").ok
    whole, now = contents(source), contents(tmp_path / "new")
    assert list(now) == list(found.states)
    assert all(now[state] == whole[state] for state in now if state not in found.without_weights)
    opened = pl.Lab(net(), train=batched(), val=data(12, 1), workspace=tmp_path / "new")
    for state in found.states:
        if state not in found.without_weights:
            opened.goto(state)
            assert everything(opened) == hashes[state]
    assert opened.finetune(1).number == max(int(state[1:]) for state in found.states) + 1
    opened.close()


def test_random_damage_never_gives_what_was_not_recorded(
    tmp_path: Path, workspace: tuple[Path, dict[str, str]]
) -> None:
    source, _ = workspace
    whole = contents(source)
    draw, n_saved = random.Random(0), 0

    def scattered(content: bytes) -> bytes:
        out = bytearray(content)
        for _ in range(draw.choice([1, 5, 25])):
            place, length = draw.randrange(len(out)), draw.choice([1, 16, 2048])
            out[place : place + length] = draw.randbytes(len(out[place : place + length]))
        return bytes(out)

    for n in range(12):
        folder = damaged(source, tmp_path / str(n), scattered, scattered)
        if n % 3 == 0:
            draw.choice(sorted((folder / "chunks").iterdir())).unlink()
        try:
            found = pl.salvage(folder, tmp_path / f"{n}.new")
        except errors.WorkspaceError as error:
            assert "nothing can be saved" in str(error)  # noqa: PT017
            assert not (tmp_path / f"{n}.new").exists()
            continue
        n_saved += len(found.states)
        assert pl.doctor(tmp_path / f"{n}.new").ok
        for state, content in contents(tmp_path / f"{n}.new").items():
            told = whole[state][0]
            assert content[0] in (told, {**told, "versions": {}})
            assert content[1] == whole[state][1]
            if state not in found.without_weights:
                assert content[2:] == whole[state][2:]
    assert n_saved > 30


def test_what_is_whole_is_saved_whole_and_the_source_is_left_as_it_is(
    tmp_path: Path, workspace: tuple[Path, dict[str, str]]
) -> None:
    source, _ = workspace
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    found = pl.salvage(source, tmp_path / "new")
    assert {path: path.read_bytes() for path in source.rglob("*") if path.is_file()} == before
    assert (found.without_weights, found.under_first) == ((), ())
    assert contents(tmp_path / "new") == contents(source)
    old, new = pl.Lab.watch(source), pl.Lab.watch(tmp_path / "new")
    assert [s.parent for s in new.states] == [s.parent for s in old.states]
    assert (new.tags.keys(), new.branches, new.state.id) == (old.tags.keys(), old.branches, old.state.id)
    old.close()
    new.close()


def test_states_whose_arrays_are_damaged_are_saved_without_them(
    tmp_path: Path, workspace: tuple[Path, dict[str, str]]
) -> None:
    folder = Path(shutil.copytree(workspace[0], tmp_path / "run"))
    opened = pl.Lab.watch(folder)
    first = set(opened._seen.store.snapshot("s0").tensors.values())
    places = opened._seen.store.arrays.places()
    opened.close()
    kept = {places[digest] for digest in first}
    chunk = next(path for path in sorted((folder / "chunks").iterdir()) if path.stem not in kept)
    chunk.write_bytes(chunk.read_bytes()[:-1] + bytes([chunk.read_bytes()[-1] ^ 1]))  # a bit of the last array
    (problem,) = pl.doctor(folder).problems
    found = pl.salvage(folder, tmp_path / "new")
    assert found.without_weights == problem.states != ()
    assert pl.doctor(tmp_path / "new").ok


def test_what_cannot_be_saved(tmp_path: Path, workspace: tuple[Path, dict[str, str]]) -> None:
    source, _ = workspace
    folder = damaged(source, tmp_path / "run", zeroed(0, 1), zeroed(0, 1))
    with pytest.raises(errors.WorkspaceError, match="no state can be read in"):
        pl.salvage(folder, tmp_path / "new")
    bare = Path(shutil.copytree(source, tmp_path / "bare"))
    shutil.rmtree(bare / "chunks")
    with pytest.raises(errors.WorkspaceError, match="of 9 states that can be read none has its plan and its"):
        pl.salvage(bare, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(errors.WorkspaceError, match="is there already; give a folder that is not"):
        pl.salvage(source, bare)
    np.testing.assert_equal(sorted(p.name for p in tmp_path.iterdir()), ["bare", "run"])
