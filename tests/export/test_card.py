"""``MODEL_CARD.md``: what it says of use is run, in another process."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import export_nets
import numpy as np
import paddle
import pytest
from export_nets import Two, Words

import prunelab as pl

EXTRAS = {"torchscript": "torch", "openvino": "openvino", "tensorflow": "tensorflow", "tflite": "tensorflow"}
NAMES = ["paddle", "onnx", "onnx-fp16", "python", "safetensors", *EXTRAS]
PROGRAM = """
import sys
sys.path[:0] = [".", {tests!r}]
from export_nets import Two as DenseModel
{code}
import numpy as np
import paddle
if "outputs" not in globals():
    model.eval()
    outputs = list(model(paddle.to_tensor(image), paddle.to_tensor(extra)).values())
outputs = paddle.utils.flatten(list(outputs.values()) if hasattr(outputs, "values") else list(outputs))
arrays = [np.asarray(t.numpy() if hasattr(t, "numpy") else t) for t in outputs]
expected = np.load("../hidden.npy")
errors = [abs(a - expected).max() for a in arrays if a.shape == expected.shape]
assert min(errors) < {tolerance}, errors
"""


def code_of(folder: Path) -> str:
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```python\n(.*?)```", card, re.DOTALL))


@pytest.mark.parametrize("name", NAMES)
def test_what_a_card_says_of_use_runs(name: str, tmp_path: Path) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name], reason=f"{name} needs {EXTRAS[name]}")
    model = Two()
    plan = pl.propose(pl.trace(model, [(1, 1, 8, 8), (1, 5)]), sparsity=0.5)
    small = pl.compact(model, plan)
    pl.export(small, tmp_path / "out", (name,), plan=plan, timing=None)
    code = code_of(tmp_path / "out")
    assert 'image = np.zeros((1, 1, 8, 8), "float32")' in code
    small.eval()
    hidden = small(paddle.ones([1, 1, 8, 8]), paddle.ones([1, 5]))["hidden"].numpy()
    assert np.abs(hidden).max() > 0.01
    np.save(tmp_path / "hidden.npy", hidden)
    program = PROGRAM.format(tests=str(Path(export_nets.__file__).parent), code=code.replace("np.zeros", "np.ones"),
                             tolerance=1e-2 if name == "onnx-fp16" else 1e-5)
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=tmp_path / "out", text=True,
                         capture_output=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_card_says_only_what_was_done(tmp_path: Path) -> None:
    pl.export(Words(), tmp_path / "out", ("onnx", "safetensors"), inputs=export_nets.ids(2, 9), lengths={"ids": 1},
              verify=False)
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert 'ids = np.zeros((1, 4), "int64")' in card
    assert "model = Model()\n" in card
    for word in ("Latency", "compared with the model in Paddle", "plan.json", "How it was pruned"):
        assert word not in card
