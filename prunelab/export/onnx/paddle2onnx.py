"""paddle2onnx, in a process of its own: for operators that the table lacks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from importlib import util
from pathlib import Path
from typing import Any

from prunelab.errors import ExportError
from prunelab.export.base import STEM
from prunelab.export.onnx.paddle2onnx_names import unsupported
from prunelab.export.paddle import save_program
from prunelab.graph import TensorSpec
from prunelab.surgery import class_name

# Has layer norm as an operator of its own, and every runtime of the last years reads it.
OPSET = 17
# Even the largest networks take seconds; what takes longer hangs.
TIMEOUT_S = 900.0

# Run in a process of its own: an operator that paddle2onnx does not know aborts the process. The list of what it knows
# comes first, since after an abort nothing more is said. Without optimize_tool="None" it would run pip.
_CHILD = f"""
import json, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except ImportError:
    pass
import paddle2onnx
from paddle2onnx import paddle2onnx_cpp2py_export as native
known = getattr(native, "get_all_supported_operators_pir", list)()
print("KNOWN", json.dumps(list(known)), flush=True)
program, parameters, target = sys.argv[1:]
paddle2onnx.export(program, parameters, save_file=target, opset_version={OPSET}, optimize_tool="None")
"""


def convert(model: Any, target: Path, specs: tuple[TensorSpec, ...]) -> None:
    """Write ``model`` to ``target`` by paddle2onnx, through a program of Paddle's beside it that is removed.

    Raises:
        ExportError: paddle2onnx is not installed, or cannot convert it; with the operator's name where it is known.
    """
    if util.find_spec("paddle2onnx") is None:
        raise ExportError("paddle2onnx, which may know more, is not installed: pip install paddle2onnx")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".program-") as folder:
        program, parameters = save_program(model, Path(folder) / STEM, specs, class_name(model))
        _convert(program, parameters, target)


def _convert(program: Path, parameters: Path, target: Path) -> None:
    # The converter must find the packages of this process, also those on a path that was added by hand.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", _CHILD, str(program), str(parameters), str(target.resolve())]
    try:
        run = subprocess.run(command, env=environment, cwd=program.parent, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                             timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ExportError(f"paddle2onnx was still converting after {TIMEOUT_S:.0f} s and was stopped; leave 'onnx' out "
                          "of formats") from error
    if run.returncode or not target.is_file():
        reason = explain(run.stdout, run.returncode, program)
        raise ExportError(f"paddle2onnx cannot convert the model to ONNX: {reason}; replace the operator, or leave "
                          "'onnx' out of formats")


def explain(output: str, returncode: int, program: Path) -> str:
    """What went wrong, with the operator's name where it can be found, from what the converter printed."""
    feature = re.search(r"\[OP: (?:pd_op\.)?([\w.]+)\] (.+)", output)
    if feature:
        return f"operator '{feature[1]}': {feature[2].strip()}"
    if "unsupported operators" in output:
        names = unsupported(json.loads(program.read_text(encoding="utf-8")), _known(output))
        if names:
            return f"it does not know the operator{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"
        return "it does not know one of the operators, and does not say which"
    failed = re.search(r"Failed to convert PaddlePaddle model: (.+)", output)
    if failed:
        return failed[1].strip()
    told = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("KNOWN")]
    return f"it ended with {returncode} and said: {told[-1] if told else 'nothing'}"


def _known(output: str) -> list[str]:
    line = next((line for line in output.splitlines() if line.startswith("KNOWN ")), "KNOWN []")
    return list(json.loads(line.removeprefix("KNOWN ")))
