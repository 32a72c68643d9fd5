"""A workspace as the first prunelab wrote it: one file for each array, whole plans, whole random states."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
from safetensors.numpy import save

import prunelab as pl
from prunelab.lab.randomness import read_random
from prunelab.lab.store.connection import DATABASE

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE states (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, facts TEXT NOT NULL);
CREATE TABLE plans (state TEXT PRIMARY KEY REFERENCES states(id), plan TEXT NOT NULL);
CREATE TABLE bits (state TEXT PRIMARY KEY REFERENCES states(id), tensors TEXT NOT NULL, random BLOB NOT NULL);
"""


def write_first_schema(opened: pl.Lab, folder: Path) -> None:
    """Write a Lab's history as schema 1 had it; it is left in its current state."""
    here = opened.state
    (folder / "arrays").mkdir(parents=True)
    db = sqlite3.connect(folder / DATABASE)
    db.executescript(SCHEMA + "PRAGMA user_version = 1; PRAGMA journal_mode = WAL")
    store = opened._bench.store
    for state in opened.states:
        opened.goto(state)
        tensors = dict(store.snapshot(state.id).tensors)
        for digest in tensors.values():
            path = folder / "arrays" / digest[:2] / f"{digest}.safetensors"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(save({"array": np.asarray(store.get(digest), order="C")}))
        facts = {key: value for key, value in state.to_json().items() if key != "branch"}
        db.execute("INSERT INTO states (id, facts) VALUES (?, ?)", (state.id, json.dumps(facts)))
        db.execute("INSERT INTO plans VALUES (?, ?)", (state.id, json.dumps(state.plan.to_json())))
        random = {key: np.asarray(value, order="C") for key, value in read_random().items()}
        db.execute("INSERT INTO bits VALUES (?, ?, ?)", (state.id, json.dumps(tensors), save(random)))
    opened.goto(here)
    db.execute("INSERT INTO meta VALUES ('identity', ?), ('current', ?)", (json.dumps(store.identity()), here.id))
    db.commit()
    db.close()
