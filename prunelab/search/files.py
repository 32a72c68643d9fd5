"""Spaces and studies on disk: JSON of a format and a version."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prunelab.errors import SearchError, reason_of, shown
from prunelab.evaluate.files import write_json


def save(path: str | os.PathLike[str], data: Mapping[str, Any], what: str) -> Path:
    """Write JSON data; the file appears whole or not at all.

    Raises:
        SearchError: a place that cannot be written.
    """
    try:
        return write_json(path, data)
    except OSError as error:
        raise SearchError(f"{what} cannot be written to {os.fspath(path)}: {error.strerror}; choose a folder that "
                          "exists and can be written") from error


def load(path: str | os.PathLike[str], writer: str) -> Any:
    """JSON data; no code runs.

    Raises:
        SearchError: a file that is not there, or no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SearchError(f"{os.fspath(path)} cannot be read: {reason_of(error)}; such a file is written by "
                          f"{writer}") from error


def check_format(data: Any, kind: str, version: int, place: str, writer: str) -> None:
    """Refuse data of another format or version.

    Raises:
        SearchError: with both.
    """
    found = (data.get("format"), data.get("version")) if isinstance(data, Mapping) else (None, None)
    if found != (kind, version):
        raise SearchError(f"{place} is no {kind} of version {version} (its format is {shown(found[0])}, its version "
                          f"{shown(found[1])}); such a file is written by {writer}")
