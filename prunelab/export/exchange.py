"""Two folders that exchange their names in one step, where the system can do it."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}  # this system, or this kind of disk
_HERE = -100  # AT_FDCWD: paths are relative to the working folder
_LINUX_EXCHANGE, _MAC_SWAP = 2, 2  # RENAME_EXCHANGE of renameat2(2), RENAME_SWAP of renamex_np(2)


def exchange(a: Path, b: Path) -> bool:
    """Whether ``a`` and ``b`` have exchanged their names: at every instant both are there. False where the system has
    no such call, and then nothing is changed.

    Raises:
        OSError: it has one, which fails.
    """
    paths = os.fsencode(a), os.fsencode(b)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            failed = libc.renamex_np(*paths, _MAC_SWAP)
        else:
            failed = libc.renameat2(_HERE, paths[0], _HERE, paths[1], _LINUX_EXCHANGE)
    except (AttributeError, TypeError, OSError):  # a system, or a C library, without it
        return False
    if not failed:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(b))
