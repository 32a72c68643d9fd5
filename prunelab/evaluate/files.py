"""Small files on disk, which appear whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from prunelab.graph.interrupts import Uninterrupted


def write_json(path: str | os.PathLike[str], data: Any) -> Path:
    """Write JSON data, whole or not at all; see `write_text`."""
    return write_text(path, json.dumps(data, indent=1) + "\n")


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write a text in UTF-8; see `write_bytes`."""
    return write_bytes(path, text.encode())


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write under another name, then rename it: who reads meanwhile sees the old file or the new one.

    Raises:
        OSError: a place that cannot be written; nothing is left there.
    """
    target = Path(path).expanduser()
    with Uninterrupted():  # these files are small
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o644)  # a temporary file is its owner's alone
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    return target
