"""``manifest.json``: everything that was found out about the files, as data. ``manifest.schema.json`` describes it."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from prunelab import __version__
from prunelab.export.base import free_shape, installed_version, tolerance_of
from prunelab.export.check import Rejected, Written, told
from prunelab.export.parity import TOLERANCE

# what repeats the numbers, in the folder
_COMMANDS = ["prunelab verify . --time"]

FORMAT, VERSION = "prunelab-export", 1
NAME = "manifest.json"


def manifest(written: Sequence[Written], dense: Mapping[str, Written | str], folder: Path, *,
             options: Mapping[str, Any], plan: str | None, more: Sequence[str] = ()) -> dict[str, Any]:
    """What is written to ``manifest.json``.

    ``dense`` holds the dense model's file of a format, or why there is none. ``plan`` is the name of the plan's file,
    ``more`` are those of other files that are no format's.
    """
    owner = {path: w.format.name for w in written for path in w.files}
    files = [*owner, *(folder / name for name in [plan, *more] if name)]
    return {
        "format": FORMAT,
        "version": VERSION,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "model": written[0].subject.name,
        "options": dict(options),
        "tolerance": TOLERANCE,
        "formats": {w.format.name: _format(w, dense.get(w.format.name), options.get("threads")) for w in written},
        "files": [file_entry(path, folder, owner.get(path)) for path in files],
        "plan": plan,
        "versions": versions(package for w in written for package in w.format.packages),
        "commands": list(_COMMANDS),
        "machine": {"system": platform.system(), "processor": platform.machine(), "n_cpus": os.cpu_count() or 1},
    }


def file_entry(path: Path, folder: Path, owner: str | None = None) -> dict[str, Any]:
    """What the manifest tells of a file; ``owner`` is its format."""
    return {"path": path.relative_to(folder).as_posix(), "format": owner, "size_bytes": path.stat().st_size,
            "sha256": sha256(path)}


def write_manifest(content: Mapping[str, Any], folder: Path) -> None:
    """As ``manifest.json`` in ``folder``."""
    (folder / NAME).write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _format(written: Written, dense: Written | str | None, threads: Any) -> dict[str, Any]:
    parity = written.parity
    return {
        "inputs": [{"name": s.name, "shape": free_shape(s), "dtype": s.dtype} for s in written.subject.specs],
        "batch": {"free": written.subject.free, "size": None if written.subject.free else written.subject.batch,
                  "reason": written.subject.why_fixed or None},
        "setting": None if written.setting is None else dict(written.setting),
        "parity": None if parity is None else {
            "max_relative_error": max([*parity.values(), *written.by_length.values()]),
            "by_batch": {str(batch): error for batch, error in parity.items()},
            "by_length": {str(n): error for n, error in written.by_length.items()}},
        "tolerance": tolerance_of(written.format),
        "same_class": written.same_class,
        "validation": None if written.judged is None else written.judged.to_json(),
        "rejected": [_rejected(r) for r in written.rejected],
        "size_bytes": written.size_bytes,
        "peak_bytes": written.peak_bytes,
        "latency": _latency(written, threads),
        "dense": None if dense is None else _dense(dense, threads),
        "notes": notes(written, dense),
    }


def _rejected(rejected: Rejected) -> dict[str, Any]:
    return {"setting": dict(rejected.setting), "reason": rejected.reason or None,
            "max_relative_error": rejected.error if math.isfinite(rejected.error) else None}


def _latency(written: Written, threads: Any) -> dict[str, Any] | None:
    if written.timing is None:
        return None
    return {**written.timing.to_json(), "batch": written.timed_batch, "threads": threads}


def _dense(dense: Written | str, threads: Any) -> dict[str, Any]:
    if isinstance(dense, str):
        return {"size_bytes": None, "peak_bytes": None, "setting": None, "latency": None, "reason": dense}
    return {"size_bytes": dense.size_bytes, "peak_bytes": dense.peak_bytes,
            "setting": None if dense.setting is None else dict(dense.setting),
            "latency": _latency(dense, threads), "reason": None}


def notes(written: Written, dense: Written | str | None) -> list[str]:
    """What a person who uses the files must know, a sentence each."""
    used = told(written.setting or {})
    own = getattr(written.format, "notes", ())
    told_so = [f"use it with {used}: with {told(r.setting)} it {_trouble(r)}"
               for r in written.rejected]
    told_so += own
    if written.subject.why_fixed:
        told_so.append(f"the batch is fixed to {written.subject.batch}, since {written.subject.why_fixed}")
    if isinstance(dense, str):
        told_so.append(f"the dense model was not measured: {dense}")
    elif dense is not None and dense.setting != written.setting:
        told_so.append(f"the dense model was measured with {told(dense.setting or {})}")
    return told_so


def _trouble(rejected: Rejected) -> str:
    return f"fails ({rejected.reason})" if rejected.reason else f"is off by {rejected.error:.3g}"


def versions(packages: Iterable[str]) -> dict[str, str | None]:
    """Of prunelab, Python, NumPy, Paddle and ``packages``."""
    names = dict.fromkeys(["paddlepaddle", "numpy", *packages])
    ours = {"prunelab": __version__, "python": platform.python_version()}
    return {**ours, **{name: installed_version(name) for name in names}}


def sha256(path: Path) -> str:
    """Of a file's bytes, as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
