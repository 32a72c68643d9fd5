"""Damage to a workspace's arrays, and workspaces that somebody crafted: found, named, and the other states open."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from lab_nets import batched, data, everything, lab, net
from safetensors.numpy import save

import prunelab as pl
from prunelab import errors
from prunelab.lab.store.connection import COPY, DATABASE


def reopened(folder: Path) -> pl.Lab:
    return pl.Lab(net(), train=batched(), val=data(12, 1), workspace=folder)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Four states, one of them trained, and the hash of each."""
    folder = tmp_path_factory.mktemp("workspace") / "run"
    opened = lab(workspace=folder)
    hashes = {"s0": everything(opened)}
    for layer, ratio, epochs in (("0", 0.5, 0), ("3", 0.5, 1), ("3", 0.8, 0)):
        state = opened.step(layer, ratio=ratio, finetune=epochs)
        hashes[state.id] = everything(opened)
    opened.close()
    return folder, hashes


def chunk_sets(folder: Path) -> dict[Path, set[str]]:
    """Which states need each chunk, as the doctor tells when it is gone."""
    found = {}
    for chunk in sorted((folder / "chunks").iterdir()):
        content = chunk.read_bytes()
        chunk.unlink()
        problems = pl.doctor(folder).problems
        found[chunk] = {state for problem in problems for state in problem.states}
        chunk.write_bytes(content)
    return found


DAMAGE = {
    "gone": None,
    "truncated": lambda content: content[:-5],
    "one bit": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "zeros": lambda content: bytes(len(content)),
    "longer": lambda content: content + b"x",
    "a huge header": lambda content: struct.pack("<Q", 2**40) + content[8:],
    "a header of half the memory": lambda content: struct.pack("<Q", len(content) * 2) + content[8:],
    "another array": lambda content: save({"other": np.ones(3)}),
}


WRONG = {"truncated": " were written", "longer": " were written", "a huge header": "header claims 1099511627776 bytes"}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_chunk_is_named_and_the_other_states_open(
    damage: str, tmp_path: Path, workspace: tuple[Path, dict[str, str]]
) -> None:
    source, hashes = workspace
    folder = Path(shutil.copytree(source, tmp_path / "run"))
    # the chunk that the fewest states need: the others have to open
    chunk, needing = min(chunk_sets(folder).items(), key=lambda item: len(item[1]))
    assert 0 < len(needing) < 4
    change = DAMAGE[damage]
    chunk.unlink() if change is None else chunk.write_bytes(change(chunk.read_bytes()))
    found = pl.doctor(folder)
    assert not found.ok
    (problem,) = found.problems
    assert problem.place == f"chunks/{chunk.name}"
    assert WRONG.get(damage, "") in problem.what
    assert set(problem.states) <= needing
    told = repr(found)
    assert chunk.name in told
    assert f"the other {4 - len(problem.states)} state" in told
    assert chunk.name in found._repr_html_()
    opened = pl.Lab.watch(folder)
    assert [s.id for s in opened.states] == list(hashes)
    opened.close()
    good = next(state for state in hashes if state not in needing)
    set_current(folder, good)
    opened = reopened(folder)
    for state, hashed in hashes.items():
        before = everything(opened)
        if state in problem.states:
            with pytest.raises(errors.WorkspaceError, match=f"{chunk.name} (cannot be read|does not hold)"):
                opened.goto(state)
            assert everything(opened) == before
        else:
            opened.goto(state)
            assert everything(opened) == hashed
    opened.goto(good)
    assert opened.step("0", ratio=0.9).id == "s4"
    opened.close()


def set_current(folder: Path, state: str) -> None:
    for name in (DATABASE, COPY):
        db = sqlite3.connect(folder / name)
        db.execute("UPDATE meta SET value = ? WHERE key = 'current'", (state,))
        db.commit()
        db.close()


def test_a_lab_whose_current_state_is_damaged_opens_in_the_nearest_one_that_is_not(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    hashes = {"s0": everything(opened)}
    opened.step("0", ratio=0.5)
    hashes["s1"] = everything(opened)
    opened.branch("wider")
    before = set((tmp_path / "chunks").iterdir())
    opened.finetune(1)
    (chunk,) = set((tmp_path / "chunks").iterdir()) - before
    opened.finetune(1)
    states = opened.states
    opened.close()
    chunk.write_bytes(chunk.read_bytes()[:-5])
    with pytest.warns(RuntimeWarning, match=rf"s3 cannot be opened: .*{chunk.name} .*; the Lab is in s1, and"):
        again = reopened(tmp_path)
    assert (again.state.id, everything(again), again.states) == ("s1", hashes["s1"], states)
    again.goto("s0")
    assert everything(again) == hashes["s0"]
    again.goto("s1")
    again.close()
    again = reopened(tmp_path)  # without a warning, which would be an error
    assert again.step("3", ratio=0.5).id == "s4"
    again.close()
    for path in (tmp_path / "chunks").iterdir():
        path.write_bytes(b"")
    with pytest.raises(errors.WorkspaceError, match="cannot be read: it has 0 bytes"):
        reopened(tmp_path)
    assert "no state can be opened" in repr(pl.doctor(tmp_path))


def test_a_whole_workspace_is_whole_also_while_it_is_written(workspace: tuple[Path, dict[str, str]]) -> None:
    folder, _ = workspace
    found = pl.doctor(folder)
    assert found.ok
    assert repr(found).startswith(f"{folder} is whole: 4 states, ")
    opened = reopened(folder)
    before = sorted(path.name for path in folder.rglob("*") if not path.name.endswith("-shm"))
    assert pl.doctor(folder).ok
    assert sorted(path.name for path in folder.rglob("*") if not path.name.endswith("-shm")) == before
    opened.close()


def test_a_byte_that_no_array_needs_is_found_too(tmp_path: Path, workspace: tuple[Path, dict[str, str]]) -> None:
    folder = Path(shutil.copytree(workspace[0], tmp_path / "run"))
    chunk = next(path for path in sorted((folder / "chunks").iterdir()) if b"} " in path.read_bytes())
    # safetensors fills its header up with spaces, and reads it as before
    chunk.write_bytes(chunk.read_bytes().replace(b"} ", b"}\n", 1))
    (problem,) = pl.doctor(folder).problems
    assert (problem.place, problem.states) == (f"chunks/{chunk.name}", ())
    assert problem.what == "it does not hold what its name says"


def test_what_no_state_needs_is_told_and_is_no_problem(
    tmp_path: Path, workspace: tuple[Path, dict[str, str]]
) -> None:
    folder = Path(shutil.copytree(workspace[0], tmp_path / "run"))
    (folder / "chunks" / f"{'0' * 64}.safetensors").write_bytes(b"x")
    (folder / "chunks" / "notes.txt").write_text("somebody's own")
    found = pl.doctor(folder)
    assert found.ok
    assert found.left_over == (f"{'0' * 64}.safetensors",)
    assert "1 file that no state needs" in repr(found)


@pytest.mark.parametrize("name", [DATABASE, COPY])
def test_a_damaged_database_is_named_by_the_doctor(
    name: str, tmp_path: Path, workspace: tuple[Path, dict[str, str]]
) -> None:
    folder = Path(shutil.copytree(workspace[0], tmp_path / "run"))
    (folder / name).write_bytes(bytes(4096))
    found = pl.doctor(folder)
    assert [problem.place for problem in found.problems] == [name]
    assert found.n_states == 4
    (folder / (COPY if name == DATABASE else DATABASE)).unlink()
    with pytest.raises(errors.WorkspaceError, match=r"cannot be checked: .*is not a database.*; restore it from a"):
        pl.doctor(folder)


def test_what_holds_no_history(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(errors.WorkspaceError, match="holds no history"):
            pl.doctor(place)


# crafted: every digest is right, and yet

def crafted(folder: Path, source: Path, *statements: tuple[str, tuple[object, ...]]) -> Path:
    shutil.copytree(source, folder)
    (folder / COPY).unlink()
    db = sqlite3.connect(folder / DATABASE)
    for statement, values in statements:
        db.execute(statement, values)
    db.commit()
    db.close()
    return folder


def test_a_chunk_outside_the_workspace_cannot_be_named(
    tmp_path: Path, workspace: tuple[Path, dict[str, str]]
) -> None:
    outside = tmp_path / "secret.safetensors"
    outside.write_bytes(save({"array": np.ones(3)}))
    for name in (b"../../secret", str(outside).encode(), b"\x00"):
        folder = crafted(tmp_path / name.hex()[:20], workspace[0],
                         ("UPDATE chunks SET digest = ? WHERE number = 1", (name,)))
        (problem,) = [p for p in pl.doctor(folder).problems if p.place.startswith("chunks/")]
        assert problem.place == f"chunks/{name.hex()}.safetensors"
        with pytest.raises(errors.WorkspaceError, match=f"{name.hex()}.safetensors cannot be read"):
            reopened(folder).goto("s0")


def test_patches_of_each_other_end(tmp_path: Path, workspace: tuple[Path, dict[str, str]]) -> None:
    folder = crafted(tmp_path / "run", workspace[0], ("UPDATE arrays SET base = number", ()))
    with pytest.raises(errors.WorkspaceError, match="does not say where the array"):
        reopened(folder)


def test_a_plan_that_unpacks_to_gigabytes_is_refused(
    tmp_path: Path, workspace: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prunelab.lab.store import plans

    monkeypatch.setattr(plans, "_MOST", 1 << 20)
    bomb = zlib.compress(b"[" + b"0," * (1 << 20) + b"0]")
    values = (bomb, hashlib.sha256(bomb).digest())
    folder = crafted(tmp_path / "run", workspace[0],
                     ("UPDATE shared SET value = ?, digest = ? WHERE number = 1", values))
    with pytest.raises(errors.WorkspaceError, match="damaged or too large"):
        reopened(folder)
