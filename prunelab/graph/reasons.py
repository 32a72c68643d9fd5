"""Why a model could not be read, in a person's words: Paddle's reason, and the line of the user's file."""

from __future__ import annotations

import functools
import linecache
import os
import warnings
from typing import Any

import numpy as np
import paddle
from paddle.jit.dy2static.origin_info import global_origin_info_map

from prunelab.errors import InputError, TraceError
from prunelab.graph.model_copy import copy_of
from prunelab.graph.nests import call
from prunelab.graph.program import TensorSpec


def explain(error: BaseException, model: Any, specs: tuple[TensorSpec, ...]) -> TraceError | InputError:
    """The error to raise when Paddle could not read ``model``: about the inputs, its forward, or what cannot be read.

    The forward itself is run once, on zeros: what fails there too is no matter of reading it.
    """
    name = type(model).__name__
    own = _own_failure(model, specs)
    told = own or error
    text = str(told)
    reason, where = _reason(told), user_line(text.splitlines()) or _line_of(told)
    about_inputs = any(word in text for word in ("InvalidArgument", "InvalidType", "broadcast"))
    if own is not None and (about_inputs or "missing" in reason or "takes" in reason):
        shapes = ", ".join(f"{s.name} {tuple(s.shape)} {s.dtype}" for s in specs)
        return InputError(f"{name} does not take the inputs {shapes}{where}: {reason}; "
                          "give the shapes and dtypes that its forward takes")
    if own is not None:
        return TraceError(f"{name} cannot be read as a graph: its own forward fails{where}: {reason}; mend it, so that "
                          "the model runs on inputs of this shape")
    return TraceError(f"{name} cannot be read as a graph{where}: {reason}; prunelab needs a forward that Paddle's "
                      "to_static can read, with no branch on the values of tensors")


def _reason(error: BaseException) -> str:
    """The last line that names an error, without the place in Paddle's sources."""
    lines = [line for line in str(error).strip().splitlines() if not line.strip().startswith("[Hint")]
    found = next((line.strip() for line in reversed(lines) if "Error" in line and ":" in line), "")
    found = found or (lines or [""])[-1].strip()
    kind = type(error).__name__
    return (found if "Error" in found else f"{kind}: {found}".rstrip(": ")).partition(" (at /paddle/")[0]


def _own_failure(model: Any, specs: tuple[TensorSpec, ...]) -> Exception | None:
    """What the model's forward raises on zeros; None where it runs."""
    place = next((t.place for t in model.parameters()), None)
    vars(model).pop("forward", None)  # made static by the reading that failed
    try:
        model = copy_of(model)  # its forward may write over its buffers
        inputs = [paddle.to_tensor(np.zeros(s.shape, np.float32), place=place).astype(s.dtype) for s in specs]
        with paddle.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call(model, specs, inputs)
    except Exception as error:
        return error
    return None


def _line_of(error: BaseException) -> str:
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(f'File "{trace.tb_frame.f_code.co_filename}", line {trace.tb_lineno}')
        trace = trace.tb_next
    return user_line(frames)


_OURS = (os.path.dirname(os.path.abspath(paddle.__file__)), os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_MODELS = os.path.join(_OURS[0], "vision", "models")
# Letters of a line of code that are shown
_CODE_SHOWN = 72
_PYTHONS = os.path.dirname(os.path.abspath(os.__file__))


@functools.lru_cache(maxsize=4096)
def is_users(path: str) -> bool:
    """Whether a file is neither Paddle's (its model zoo apart), prunelab's, generated, nor of Python's own library."""
    if path.startswith(_MODELS):
        return True
    if "<" in path or any(path.startswith(own) for own in _OURS):
        return False
    return not path.startswith(_PYTHONS) or "site-packages" in path


def user_line(frames: list[str]) -> str:
    """`` (net.py, line 12)``: the last frame outside Paddle and prunelab.

    The file of a notebook's cell is called by a number, which tells nobody anything: its line is there instead.
    """
    for frame in reversed(frames):
        head = _as_written(frame.strip())
        if head.startswith('File "') and is_users(head.split('"')[1]):
            path, _, rest = head[len('File "'):].partition('"')
            number = rest.partition("line ")[2].split(",")[0].strip()
            if os.path.basename(os.path.dirname(path)).startswith("ipykernel_"):
                code = linecache.getline(path, int(number)).strip() if number.isdigit() else ""
                return f" (cell, line {number}{f': {_shortened(code)}' if code else ''})"
            return f" ({os.path.basename(path)}, line {number})"
    return ""


def _as_written(frame: str) -> str:
    """A frame in a file in which Paddle wrote a forward anew, as one in the user's file. The condition of a loop stands
    on a line of its own there, which nothing is known of: its body's first line is told."""
    if "to_static_tmp" not in frame:
        return frame
    path, _, rest = frame.partition('"')[2].partition('"')
    number = rest.partition("line ")[2].split(",")[0].strip()
    known = {location[1]: info for location, info in global_origin_info_map.items() if location[0] == path}
    later = sorted(k for k in known if number.isdigit() and k >= int(number))
    if not later:
        return frame
    file, line = known[later[0]].as_frame()[:2]
    return f'File "{file}", line {line}'


def _shortened(code: str) -> str:
    return code if len(code) <= _CODE_SHOWN else f"{code[: _CODE_SHOWN - 1]}…"


_BLOCKS = {"pd_op.if": "an if", "pd_op.while": "a loop"}


def refuse_blocks(model: Any, block: Any) -> None:
    """Refuse operators that hold a program of their own: branches and loops on data, and a backward of somebody's own.

    Paddle ends the process over the attributes of what surrounds the last of them, so all are looked for first.
    """
    for op in block.ops:
        if op.name() in _BLOCKS:
            raise TraceError(f"{type(model).__name__} cannot be read as a graph: {_BLOCKS[op.name()]} on the values of "
                             f"a tensor{_condition_line(op)}; decide it outside the forward, or compute "
                             "both sides and choose with paddle.where")
        if op.name() == "pd_op.pylayer":
            raise TraceError(f"{type(model).__name__} cannot be read as a graph: a PyLayer with a backward of its own"
                             f"{_pylayer_line(op)}; write it with operators, with detach() where no gradient goes on")


def _pylayer_line(op: Any) -> str:
    """Where its operators are written."""
    inside = [o for region in op.blocks() for o in region.ops]
    return next((line for o in inside if (line := user_line(o.attrs().get("op_callstack", [])))), "")


def _condition_line(op: Any) -> str:
    """Paddle gives branches no line of their own: what computes their condition has one."""
    maker = op.operands_source()[0].get_defining_op()
    return user_line(maker.attrs().get("op_callstack", [])) if maker is not None else ""
