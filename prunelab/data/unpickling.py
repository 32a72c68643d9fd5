"""Pickled arrays, read without running code: nothing is called but what makes arrays and dicts.

`pickle` calls whatever a file names. This reader knows a handful of names, by which NumPy and Paddle spell arrays, and
refuses a file with any other before it is called.
"""

from __future__ import annotations

import collections
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from prunelab.errors import DataError, reason_of


class _Refused(Exception):
    """A name that a plain file does not need."""


def _latin1(text: str, encoding: str) -> bytes:
    """Bytes as Python 2 files spell them; of other codecs nothing is looked up."""
    if encoding not in ("latin1", "latin-1"):
        raise _Refused(f"_codecs.encode with '{encoding}'")
    return text.encode("latin1")


def _array(kind: Any, shape: Any, code: Any) -> np.ndarray[Any, Any]:
    """An empty array, which the file then fills."""
    if kind is not np.ndarray:
        raise _Refused(f"numpy._reconstruct of {kind!r}")
    return np.ndarray((0,), np.int8)


def _tuple(values: Any = ()) -> tuple[Any, ...]:
    return tuple(values)


def _scalar(dtype: Any, data: bytes) -> Any:
    if dtype.hasobject:
        raise _Refused("numpy.scalar of objects")
    return np.frombuffer(data, dtype)[0]


_ARRAYS = {"_reconstruct": _array, "scalar": _scalar}
_NAMES: Mapping[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    # before and since NumPy 2
    **{(module, name): value for module in ("numpy.core.multiarray", "numpy._core.multiarray")
       for name, value in _ARRAYS.items()},
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("_codecs", "encode"): _latin1,
    ("builtins", "tuple"): _tuple,
    ("__builtin__", "tuple"): _tuple,
}


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise _Refused(f"{module}.{name}")
        return _NAMES[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("something outside the file")


def read_plain(file: IO[bytes], place: str | Path) -> Any:
    """What a pickle of arrays, numbers, strings, lists and dicts holds; strings of Python 2 as Latin-1.

    Raises:
        DataError: a file that asks for anything else (it is named, and was not called), or is damaged.
    """
    try:
        return _Plain(file, encoding="latin1").load()
    except _Refused as error:
        raise DataError(f"{place} asks for {error}, which is no array: reading it could run code, so it is not read; "
                        "save plain arrays, or load it yourself if you trust who made it") from error
    except Exception as error:  # a damaged file raises nearly anything
        raise DataError(f"{place} is no pickle of arrays: {reason_of(error)}; it may be cut short, get it again"
                        ) from error
