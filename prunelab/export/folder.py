"""A folder that appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from prunelab.errors import ExportError, PrunelabError
from prunelab.export.exchange import exchange
from prunelab.export.left_behind import clear_left_behind, hidden_sibling
from prunelab.graph.interrupts import Uninterrupted

# bytes; less than a few files' blocks: whatever failed there failed for want of space
_FULL = 1 << 16


@contextlib.contextmanager
def whole_folder(directory: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """A new folder beside ``directory`` to write into; it becomes ``directory`` at the end, and is gone after an error.

    An existing folder that holds something is refused, or with ``force`` replaced at the end: both exchange their names
    in one step, and the old one is deleted then. A kill at any instant leaves the old folder or the new one, whole, and
    at worst a hidden sibling (``.name.new-*``), which the next call that writes beside it clears away. Where the system
    cannot exchange names there are two renames, for whose end an interrupt waits; a kill between them leaves the old
    folder as ``.name.old-*``, and the next call puts it back.

    Raises:
        ExportError: a place that is taken or cannot be written.
    """
    # Where a link leads is replaced, not the link.
    target = Path(os.path.realpath(Path(directory).expanduser()))
    staging = hidden_sibling(target, "new")
    missing = [folder for folder in target.parents if not os.path.lexists(folder)]
    clear_left_behind(target.parent)
    try:
        _make(staging, target, force)
        try:
            yield staging
            _refuse(target, force)  # something may have come there meanwhile
            with Uninterrupted():
                _swap_in(staging, target)
        except OSError as error:
            raise _cannot_write(target, error.strerror or str(error)) from error
        except PrunelabError as error:
            # not every converter looks whether its writing succeeded
            if shutil.disk_usage(staging.parent).free < _FULL:
                raise _cannot_write(target, f"the disk is full ({error})") from error
            raise
    finally:
        with Uninterrupted():
            shutil.rmtree(staging, ignore_errors=True)
            _remove_empty(missing)


def _make(staging: Path, target: Path, force: bool) -> None:
    try:
        _refuse(target, force)
        staging.mkdir(parents=True)
    except OSError as error:
        raise ExportError(f"{target} cannot be written: {error.strerror} ({error.filename}); choose a folder that can "
                          "be written") from error


def _cannot_write(target: Path, why: str) -> ExportError:
    return ExportError(f"{target} cannot be written: {why}; free some space there, or choose another folder")


def _refuse(target: Path, force: bool) -> None:
    if os.path.isdir(target):
        if not os.listdir(target):
            return
        if not force:
            raise ExportError(f"{target} exists and is not empty; choose another folder, or replace it with force=True")
        here = Path.cwd()
        if target in (here, *here.parents, Path.home()):
            raise ExportError(f"{target} holds the folder you work in, and force=True would delete all of it; choose a "
                              "folder inside it")
    elif os.path.lexists(target):
        raise ExportError(f"{target} is a file; choose a folder")


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _swap_in(staging: Path, target: Path) -> None:
    if not target.exists():
        staging.rename(target)
        return
    if exchange(staging, target):
        return  # what is under the hidden name now is the old one, and goes as an unfinished one would
    old = hidden_sibling(target, "old")
    target.rename(old)
    try:
        staging.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
