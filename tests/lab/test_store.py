"""The workspace on disk: what is committed is there, bit for bit; what is damaged or not ours is told."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lab_nets import batched, data, everything, lab, net
from safetensors.numpy import save

import prunelab as pl
from prunelab import errors
from prunelab.lab.randomness import RandomState
from prunelab.lab.snapshot import Change, Snapshot, digest_of, same_bits
from prunelab.lab.store import Entry, MemoryStore, chunks
from prunelab.lab.store.connection import DATABASE
from prunelab.lab.store.disk import DiskStore


def reopened(folder: Path, **options: Any) -> pl.Lab:
    return pl.Lab(net(), **{"train": batched(), "val": data(12, 1), "workspace": folder, **options})


def arrays_in(folder: Path) -> int:
    with sqlite3.connect(folder / DATABASE) as db:
        n = db.execute("SELECT COUNT(*) FROM arrays").fetchone()[0]
    db.close()
    return n


def test_an_existing_workspace_goes_on_from_its_current_state(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path / "a" / "run", seed=4)
    opened.step("0", ratio=0.5, finetune=1)
    opened.step("3", ratio=0.5)
    opened.back()
    here, states = everything(opened), opened.states
    opened.close()
    again = reopened(tmp_path / "a" / "run")
    assert everything(again) == here
    assert again.states == states
    assert [s.plan for s in again.states] == [s.plan for s in states]
    state = again.step("3", ratio=0.5)
    assert (state.id, state.parent, state.seed) == ("s3", "s1", states[2].seed)
    assert state.metrics == states[2].metrics
    again.close()


def test_a_history_in_memory_and_one_on_disk_are_the_same(tmp_path: Path) -> None:
    hashes = []
    for workspace in (None, tmp_path):
        opened = lab(workspace=workspace)
        opened.run(to=0.5, steps=2, finetune=1)
        hashes.append(everything(opened))
        assert opened.workspace == (None if workspace is None else str(workspace))
        opened.close()
    assert hashes[0] == hashes[1]


def test_a_state_stores_only_what_changed(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    stored = arrays_in(tmp_path)
    opened.step("3", ratio=0.5)
    more = arrays_in(tmp_path) - stored
    assert 0 < opened.state.stored_bytes < opened.states[0].stored_bytes / 2
    chunks = sum(file.stat().st_size for file in (tmp_path / "chunks").iterdir())
    assert chunks == sum(state.stored_bytes for state in opened.states)
    assert 1 <= more <= 3  # the convolution's weight and bias, and the linear layer's weight
    opened.back()
    opened.step("3", ratio=0.5)
    assert arrays_in(tmp_path) == stored + more
    assert opened.history["stored_bytes"].tolist()[2] == 0
    assert not list(tmp_path.rglob("*.part"))
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and p.read_bytes()[:2] == b"\x80\x04"], "a pickle"
    opened.close()


def test_a_workspace_of_another_model_is_refused_with_the_differences(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path)
    opened.close()
    with pytest.raises(errors.WorkspaceError, match=r"history of another model: .*0 has 9 units here and 6 there"):
        pl.Lab(net(width=9), val=data(12, 1), workspace=tmp_path)
    reopened(tmp_path).close()


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(errors.WorkspaceError, match="is a file; give a folder"):
        lab(workspace=file)
    with pytest.raises(errors.WorkspaceError, match="cannot be made or written: "):
        lab(workspace=file / "below")
    assert file.read_text() == "mine"


def test_a_newer_schema_and_what_is_no_database_are_refused(tmp_path: Path) -> None:
    lab(workspace=tmp_path / "new").close()
    db = sqlite3.connect(tmp_path / "new" / DATABASE)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(errors.WorkspaceError, match="schema version 99; this prunelab reads versions 1 to 2: update"):
        reopened(tmp_path / "new")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / DATABASE).write_bytes(b"no database at all" * 100)
    with pytest.raises(errors.WorkspaceError, match=r"is damaged: file is not a database; its copy .* not there"):
        reopened(tmp_path / "bad")


@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_a_full_disk_loses_only_the_step(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = lab(workspace=tmp_path)
    here = everything(opened)

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"prunelab.lab.store.files.os.{call}", full)
        with pytest.raises(errors.WorkspaceError, match=r"cannot be written: .*No space left on device"):
            opened.step("0", ratio=0.5)
    assert everything(opened) == here
    assert not list(tmp_path.rglob("*.part"))
    assert opened.step("0", ratio=0.5).id == "s1"
    opened.close()


def test_a_workspace_that_is_opened_again_in_one_process_is_the_newer_labs(tmp_path: Path) -> None:
    first = lab(workspace=tmp_path)
    first.step("0", ratio=0.5)
    second = reopened(tmp_path)
    state = everything(second)
    for change in (lambda: first.step("3", ratio=0.5), first.back):
        with pytest.raises(errors.WorkspaceError, match="was opened again by a newer Lab of this process"):
            change()
        assert everything(first) == state
    assert second.step("3", ratio=0.5).id == "s2"
    first.close()
    assert second.step("0", ratio=0.7).id == "s3"
    second.close()


def test_a_copy_of_the_folder_is_the_same_history(tmp_path: Path) -> None:
    opened = lab(workspace=tmp_path / "a")
    opened.step("0", ratio=0.5)
    here = everything(opened)
    opened.close()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    again = reopened(tmp_path / "b")
    assert everything(again) == here
    again.close()


ARRAYS = [
    np.array(1.5, np.float32),
    np.array([[np.nan, -0.0], [np.inf, 1e-45]], np.float32),
    np.arange(6, dtype=np.uint16).reshape(2, 3).T,
    np.array([True, False]),
    np.zeros((0, 3), np.float64),
    np.array([1, 2], np.float16),
]


def entry(name: str, plan: Any = None, **arrays: np.ndarray) -> Entry:
    tensors = {key: digest_of(array) for key, array in arrays.items()}
    fresh = {tensors[key]: Change(array) for key, array in arrays.items()}
    plan = {"groups": [], "cost": {}, "made": plan, "metrics": {}, "format": "x"}
    bits = Snapshot(tensors, RandomState.of({"numpy": np.arange(3, dtype=np.uint64)}))
    return Entry(facts={"id": name, "branch": "main", "versions": {"a": 1}}, plan=plan, bits=bits, fresh=fresh,
                 identity={"seed": 3})


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_arrays_come_back_to_the_last_bit(array: np.ndarray, tmp_path: Path) -> None:
    for store in (DiskStore(tmp_path), MemoryStore()):
        store.add(entry("s0", w=array))
        assert same_bits(store.get(digest_of(array)), array)
        assert store.snapshot("s0") is not None
        store.close()


def test_bits_are_compared_as_bits() -> None:
    one = np.array([0.0, np.nan], np.float32)
    assert same_bits(one, one.copy())
    assert not same_bits(one, np.array([-0.0, np.nan], np.float32))
    assert not same_bits(one, one.astype(np.float64))
    assert not same_bits(one, one[None])
    assert len({digest_of(a) for a in (*ARRAYS, one, -one, one[None])}) == len(ARRAYS) + 3


def test_a_state_and_its_being_current_are_one_transaction(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    added = entry("s0", w=np.ones(3))
    store.add(added)
    with pytest.raises(TypeError):
        store.add(entry("s1", plan=object()))
    with pytest.raises(errors.WorkspaceError, match="another Lab"):
        store.add(entry("s0"))
    assert store.current() == ("s0", "main")
    assert [s["id"] for s in store.states()] == ["s0"]
    assert store.identity() == {"seed": 3}
    assert store.plan("s0") == added.plan
    back = store.snapshot("s0")
    assert back.tensors == added.bits.tensors
    assert same_bits(back.random.arrays["numpy"], np.arange(3, dtype=np.uint64))
    json.dumps(store.states())
    store.close()


def test_what_is_committed_is_synced_and_a_schema_runs_nothing(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    told = {name: store._db.one(f"PRAGMA {name}")[0] for name in
            ("journal_mode", "synchronous", "trusted_schema", "cell_size_check")}
    assert told == {"journal_mode": "wal", "synchronous": 2, "trusted_schema": 0, "cell_size_check": 1}  # 2 is FULL
    store.close()


def test_no_byte_of_a_chunk_can_be_another_one_unnoticed(tmp_path: Path) -> None:
    base = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    cut = base.copy()
    cut[::3] = 0
    store = DiskStore(tmp_path)
    store.add(entry("s0", w=base))
    added = entry("s1", w=cut)
    digest = digest_of(cut)
    store.add(replace(added, identity=None, fresh={digest: Change(cut, digest_of(base), base)}))
    places = store.arrays.places()
    for name, array in ((digest, cut), (digest_of(base), base)):
        chunk = tmp_path / "chunks" / f"{places[name]}.safetensors"
        content = chunk.read_bytes()
        for place in range(0, len(content), 1 if name == digest else 37):
            chunk.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
            try:
                assert same_bits(store.get(name), array)  # the name of another array in the same chunk
            except errors.WorkspaceError as error:
                assert chunk.name in str(error)  # noqa: PT017
        chunk.write_bytes(content)
    store.close()


def test_an_array_whose_base_is_damaged_is_stored_whole(tmp_path: Path) -> None:
    arrays = [np.random.default_rng(0).normal(size=1000).astype(np.float32)]
    for k in (1, 2):
        arrays.append(np.where(np.arange(1000) % 3 < k, np.float32(0), arrays[0]))
    store = DiskStore(tmp_path)
    store.add(entry("s0", w=arrays[0]))
    (chunk,) = (tmp_path / "chunks").iterdir()
    for k in (1, 2):
        change = Change(arrays[k], digest_of(arrays[k - 1]), arrays[k - 1])
        store.add(replace(entry(f"s{k}", w=arrays[k]), identity=None, fresh={digest_of(arrays[k]): change}))
        if k == 1:
            assert store.arrays.root_of(digest_of(arrays[1])) == digest_of(arrays[0])
            chunk.write_bytes(bytes(chunk.stat().st_size))
    assert not store.arrays.readable(digest_of(arrays[1]))
    assert same_bits(store.get(digest_of(arrays[2])), arrays[2])
    store.close()


def test_a_header_that_is_larger_than_any_of_ours_is_not_read(tmp_path: Path) -> None:
    content = save({"a": np.ones(3)})
    length = int.from_bytes(content[:8], "little")
    # safetensors reads one that is filled up with spaces
    for size, is_read in ((1 << 16, True), ((1 << 24) + 1, False)):
        path = tmp_path / "chunk"
        path.write_bytes(size.to_bytes(8, "little") + content[8 : 8 + length].ljust(size) + content[8 + length :])
        assert chunks.names_in(path) == ({"a"} if is_read else set())
        if is_read:
            assert same_bits(chunks.read_parts(path, path.stat().st_size, "a")[""], np.ones(3))
        else:
            with pytest.raises(errors.WorkspaceError, match=f"its header claims {size} bytes"):
                chunks.read_parts(path, path.stat().st_size, "a")


def test_a_large_array_that_was_damaged_is_written_again_under_the_same_name(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=1 << 18).astype(np.float32)  # a chunk of its own
    store = DiskStore(tmp_path)
    store.add(entry("s0", w=array))
    (chunk,) = [path for path in (tmp_path / "chunks").iterdir() if path.stat().st_size > 1 << 20]
    content = chunk.read_bytes()
    chunk.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(errors.WorkspaceError, match=chunk.name):
        store.get(digest_of(array))
    store.add(replace(entry("s1", w=array), identity=None))
    assert same_bits(store.get(digest_of(array)), array)
    assert chunk.read_bytes() == content
    store.close()
