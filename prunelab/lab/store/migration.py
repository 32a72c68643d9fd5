"""From the first schema: one file for each array, plans whole in every row."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load

from prunelab.errors import WorkspaceError, reason_of
from prunelab.lab.randomness import RandomState
from prunelab.lab.snapshot import digest_of
from prunelab.lab.store import chunks, rows
from prunelab.lab.store.arrays import INCOMING
from prunelab.lab.store.connection import set_meta
from prunelab.lab.store.database import Database
from prunelab.lab.store.files import sync_folder, write_synced
from prunelab.lab.store.plans import pack, split_plan
from prunelab.lab.store.schema import make_tables


def migrate(db: Database, folder: Path) -> None:
    """Bring a workspace of the first schema to the present one; what goes wrong on the way leaves it as it was."""
    old = folder.parent / "arrays"
    try:
        db.migrate(lambda connection: _move(connection, folder, old))
    except (KeyError, ValueError, TypeError) as error:
        raise WorkspaceError(f"the workspace {folder.parent} is of an earlier prunelab and cannot be brought up to "
                             f"date: {reason_of(error)}; open it with prunelab 0.1, or restore it from a "
                             "backup") from error
    shutil.rmtree(old, ignore_errors=True)


def _move(db: sqlite3.Connection, folder: Path, old: Path) -> None:
    states = db.execute("SELECT states.id, facts, plan, tensors, random FROM states JOIN plans ON plans.state = "
                        "states.id JOIN bits ON bits.state = states.id ORDER BY states.number").fetchall()
    meta = dict(db.execute("SELECT key, value FROM meta"))
    for table in ("bits", "plans", "states", "meta"):
        db.execute(f"DROP TABLE {table}")
    make_tables(db)
    for name, facts, plan, tensors, random in states:
        _move_state(db, folder, old, (int(name[1:]), json.loads(facts), json.loads(plan), json.loads(tensors), random))
    sync_folder(folder)
    if states:
        set_meta(db, "identity", meta["identity"])
        set_meta(db, "identity.check", hashlib.sha256(meta["identity"].encode()).hexdigest())
        set_meta(db, "current", meta["current"])
        set_meta(db, "branch", "main")
        set_meta(db, "n_made", str(int(states[-1][0][1:]) + 1))


def _move_state(db: sqlite3.Connection, folder: Path, old: Path, state: tuple[int, Any, Any, Any, bytes]) -> None:
    number, facts, plan, tensors, random = state
    drawn = load(random)
    places = {digest: _linked(folder, old / digest[:2] / f"{digest}.safetensors") for digest in tensors.values()}
    content, of = chunks.packed({digest_of(array): {"": array} for array in drawn.values()})
    write_synced(folder, {f"{name}.safetensors": data for name, data in content.items()}, folder.parent / INCOMING)
    places.update({digest: (chunk, len(content[chunk])) for digest, chunk in of.items()})
    numbers = {}
    for digest, (chunk, size) in places.items():
        at = rows.insert_chunk(db, bytes.fromhex(chunk), size)
        numbers[digest] = rows.insert_array(db, bytes.fromhex(digest), at, None)
    versions = facts.pop("versions")
    shared, own = split_plan(plan)
    state_of = RandomState.of(drawn)
    told = {"seed": None, "arrays": {key: digest_of(array) for key, array in drawn.items()}, "check": state_of.check}
    rows.insert_state(db, (
        number, json.dumps({**facts, "branch": "main"}), rows.insert_shared(db, pack(versions)), own,
        rows.insert_shared(db, shared), json.dumps(told),
        np.array([numbers[digest] for digest in tensors.values()], "<i4").tobytes(),
        rows.insert_shared(db, pack(list(tensors)))))


def _linked(folder: Path, path: Path) -> tuple[str, int]:
    """A file of the first schema under the name of its bytes, without copying it: its digest and size."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    with contextlib.suppress(FileExistsError):
        os.link(path, folder / f"{digest}.safetensors")
    return digest, len(content)
