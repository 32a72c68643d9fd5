"""Weights from files that run no code (``.safetensors``, ``.pdparams``), put into a model all at once or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from prunelab.data.unpickling import read_plain
from prunelab.errors import DataError, OptionError, reason_of

Array = np.ndarray[Any, Any]

SUFFIXES = (".safetensors", ".pdparams")
# what people call the dict of weights in a dict of more
_NESTED = ("state_dict", "model", "params", "model_state_dict", "network")
_NAMES, _SLICED = "StructuredToParameterName@@", "UnpackBigParamInfor@@"


def read_weights(path: Path, *, trust: bool = False) -> dict[str, Array]:
    """Arrays by name.

    A ``.pdparams`` is a pickle; only what makes arrays is called in it. One that asks for more is refused, or with
    ``trust`` read by ``paddle.load``, which runs what it asks for.

    Raises:
        DataError: a file that cannot be read, holds something else, or asks for code.
    """
    if not path.is_file():
        raise DataError(f"there is no file '{path}'; look at the path")
    if kind_of(path) == ".safetensors":
        return _safetensors(path)
    try:
        with open(path, "rb") as file:
            found = read_plain(file, f"'{path}'")
    except DataError as error:
        if not trust:
            # what is damaged no trust mends
            hint = "; or give trust=True" if "asks for" in str(error) else ""
            raise DataError(f"{error}{hint}") from error
        try:
            found = paddle.load(str(path), return_numpy=True)
        except Exception as failed:  # a damaged file raises nearly anything
            raise DataError(f"'{path}' cannot be read by Paddle either: {reason_of(failed)}; get it again") from failed
    return _arrays(_joined(_innermost(found)), path)


def kind_of(path: Path) -> str | None:
    """Which of the two forms a file has: as its name says, or, where an address names no form, as it begins; None for
    neither."""
    if path.suffix in SUFFIXES or not path.is_file():
        return path.suffix if path.suffix in SUFFIXES else None
    with open(path, "rb") as file:
        start = file.read(9)
    # a header in JSON, behind its length
    if start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        return ".safetensors"
    return ".pdparams" if start[:1] == b"\x80" else None


def fill(model: Any, arrays: Mapping[str, Array], path: Path) -> None:
    """Put arrays into a model by the names of its ``state_dict``, on its own place and in its own types.

    Raises:
        OptionError: weights of another model: what is missing, too much or of another shape is named, and nothing is
            changed.
    """
    own = {name: t for name, t in model.state_dict().items() if t._is_initialized()}
    wrong = [f"{n} is missing" for n in own if n not in arrays]
    wrong += [f"{n} is not the model's" for n in arrays if n not in own]
    wrong += [f"{n} is {arrays[n].shape}, not {tuple(own[n].shape)}" for n in own
              if n in arrays and arrays[n].shape != tuple(own[n].shape)]
    if wrong:
        more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise OptionError(f"'{path}' has the weights of another model than {type(model).__name__}: "
                          f"{'; '.join(wrong[:3])}{more}; give the network that they were saved from")
    with paddle.no_grad():
        for name, tensor in own.items():
            value = paddle.to_tensor(_plain(arrays[name], tensor), place=tensor.place)
            paddle.assign(value.astype(tensor.dtype), output=tensor)


def _safetensors(path: Path) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(str(path)))
    except (OSError, SafetensorError, ValueError) as error:
        raise DataError(f"'{path}' cannot be read as safetensors: {reason_of(error)}; get it again") from error


def _innermost(found: Any) -> Any:
    """The dict of weights, of a dict that also has epochs, optimizers and the like."""
    nested = [name for name in _NESTED if isinstance(found, Mapping) and isinstance(found.get(name), Mapping)]
    return _innermost(found[nested[0]]) if nested else found


def _joined(found: Any) -> Any:
    """Weights above a size are saved in slices (by ``paddle.save`` with protocols 2 and 3): put together."""
    if not isinstance(found, Mapping):
        return found
    out = {k: v for k, v in found.items() if k not in (_NAMES, _SLICED)}
    for name, told in dict(found.get(_SLICED, {})).items():
        out[name] = np.concatenate([out.pop(part) for part in told["slices"]]).reshape(told["OriginShape"])
    return out


def _arrays(found: Any, path: Path) -> dict[str, Array]:
    # a tensor among other things is saved as its name and its array
    named = {k: v[1] if isinstance(v, tuple) and len(v) == 2 else v for k, v in found.items()} if isinstance(
        found, Mapping) else {}
    wrong = [k for k, v in named.items() if not isinstance(v, np.ndarray) or v.dtype.kind not in "biuf"]
    if not named or wrong:
        what = f"'{wrong[0]}' is no array" if wrong else f"it holds a {type(found).__name__}"
        raise DataError(f"'{path}' holds no weights: {what}; give what paddle.save(model.state_dict(), ...) wrote")
    return {str(k): v for k, v in named.items()}


def _plain(array: Array, tensor: Any) -> Array:
    """Paddle saves bfloat16 as the 16 bits it has."""
    if array.dtype == np.uint16 and tensor.is_floating_point():
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array
