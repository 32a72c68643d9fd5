"""Chunks: safetensors files in one folder, each named by the SHA-256 of its bytes. Small arrays share one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from safetensors.numpy import save

from prunelab.errors import WorkspaceError
from prunelab.graph.interrupts import Uninterrupted

Array = np.ndarray[Any, Any]
Parts = Mapping[str, Array]  # of one array: itself under "", or a patch

_ALONE = 1 << 20  # bytes from which an array gets a chunk of its own, so that space comes back when it goes
_MOST_HEADER = 1 << 24  # bytes: 100,000 tensors in one chunk have less
OURS = re.compile(r"[0-9a-f]{64}\.safetensors")  # the name of a chunk
_RESTORE = "states without it can still be opened, or restore the file from a copy"


def packed(arrays: Mapping[str, Parts]) -> tuple[dict[str, bytes], dict[str, str]]:
    """The chunks (name -> bytes) that hold these arrays, and which array is in which."""
    alone = [name for name, parts in arrays.items() if sum(part.nbytes for part in parts.values()) >= _ALONE]
    together = [name for name in arrays if name not in set(alone)]
    chunks, places = {}, {}
    for names in [*([name] for name in alone), *([together] if together else [])]:
        content = save({f"{name}{key and '.'}{key}": np.asarray(part, order="C")
                        for name in names for key, part in arrays[name].items()})
        digest = hashlib.sha256(content).hexdigest()
        chunks[digest] = content
        places.update(dict.fromkeys(names, digest))
    return chunks, places


def path_of(folder: Path, digest: str) -> Path:
    """Where a chunk is; its name is made of hexadecimal digits only, so it is nowhere else."""
    return folder / f"{bytes.fromhex(digest).hex()}.safetensors"


def read_parts(path: Path, size: int, name: str) -> Parts:
    """The parts of one array; only these are read.

    Raises:
        WorkspaceError: a file that is not there, is damaged, or claims what cannot be.
    """
    try:
        _check_header(path, size)
        with safetensors.safe_open(path, framework="numpy") as chunk:
            found = {key: chunk.get_tensor(key) for key in _keys(chunk.keys(), name)}
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise WorkspaceError(f"{path} cannot be read: {error}; {_RESTORE}") from error
    if not found:
        raise WorkspaceError(f"{path} does not hold the array {name[:12]}: it is damaged; {_RESTORE}")
    return {key.partition(".")[2]: part for key, part in found.items()}


def names_in(path: Path) -> set[str]:
    """The arrays that a chunk says it holds, patches among them; none where it cannot be read."""
    try:
        _check_header(path, path.stat().st_size)
        with safetensors.safe_open(path, framework="numpy") as chunk:
            return {key.partition(".")[0] for key in chunk.keys()}  # noqa: SIM118
    except (OSError, ValueError, safetensors.SafetensorError):
        return set()


def _keys(present: Iterable[str], name: str) -> list[str]:
    present = list(present)
    # "array" is what the first schema called the one array of its files
    return [key for key in present if key.partition(".")[0] == name] or ["array"] * (present == ["array"])


def _check_header(path: Path, size: int) -> None:
    found = os.stat(path).st_size
    if found != size:
        raise ValueError(f"it has {found} bytes, and {size} were written")
    # an interrupt between `open` and `with` would leave the file to Python's collector, which complains
    with Uninterrupted(), open(path, "rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if header > min(size, _MOST_HEADER):
        raise ValueError(f"its header claims {header} bytes")


def damage(path: Path, digest: str, size: int) -> str:
    """What is wrong with a chunk's file; empty if nothing."""
    try:
        _check_header(path, size)
        found = hashlib.sha256()
        with contextlib.ExitStack() as stack:
            with Uninterrupted():
                file = stack.enter_context(open(path, "rb"))
            while block := file.read(1 << 20):
                found.update(block)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return "" if found.hexdigest() == digest else "it does not hold what its name says"


def not_what_was_recorded(path: Path) -> WorkspaceError:
    """The error for an array whose digest is another one."""
    return WorkspaceError(f"{path} does not hold what was recorded: it is damaged; {_RESTORE}")
