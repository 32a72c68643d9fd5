"""Hidden folders of exports that were killed: their names say whose they are, so that the next export clears them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import socket
import sys
from pathlib import Path

_NAME = re.compile(r"\.(?P<name>.+)\.(?P<kind>new|old)-(?P<host>[0-9a-f]{6})-(?P<process>\d+)-[0-9a-f]{8}")


def hidden_sibling(target: Path, kind: str) -> Path:
    """A free name beside ``target`` for its "new" or its "old" content; it names this process and its host."""
    return target.with_name(f".{target.name}.{kind}-{_host()}-{os.getpid()}-{secrets.token_hex(4)}")


def clear_left_behind(parent: Path) -> None:
    """Delete what exports into ``parent`` by processes of this host left there that live no more.

    A process that was killed between the two renames of a replacement left the old folder under its hidden name and
    none under its own: it is put back.
    """
    try:
        entries = list(parent.iterdir())
    except OSError:  # it is not there, or nobody may look into it
        return
    for entry in entries:
        found = _NAME.fullmatch(entry.name)
        if found is None or found["host"] != _host() or _may_live(int(found["process"])):
            continue
        target = parent / found["name"]
        with contextlib.suppress(OSError):  # another export clears, too
            if found["kind"] == "old" and not os.path.lexists(target):
                entry.rename(target)
            else:
                shutil.rmtree(entry)


def _host() -> str:
    """A short word for this machine: a process's number says nothing on another that shares the disk."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


def _may_live(process: int) -> bool:
    if sys.platform == "win32":  # there signal 0 is Ctrl-C, and no question
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's
        pass
    return True
