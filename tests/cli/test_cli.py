"""The command line: what each sub-command prints and exits with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from paddle import nn
from safetensors.numpy import load_file

import prunelab as pl
from prunelab.cli import COMMANDS, main
from prunelab.cli.command import tell
from prunelab.export.weights import save_weights


def test_every_sub_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["-h"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for command in COMMANDS.values():
        assert command.name in told
        with pytest.raises(SystemExit):
            main([command.name, "-h"])


def test_the_help_loads_neither_paddle_nor_jupyter() -> None:
    code = ("import sys\nfrom prunelab.cli import main\ntry:\n    main(['-h'])\nexcept SystemExit:\n    pass\n"
            "print([m for m in ('paddle', 'IPython', 'ipywidgets', 'pandas') if m in sys.modules])")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


def test_the_doctor_tells_of_a_whole_and_of_a_damaged_workspace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    lab = pl.Lab(model, val=(np.ones((4, 4), np.float32), np.zeros(4, np.int64)), workspace=tmp_path)
    lab.step("0", ratio=0.5)
    lab.close()
    assert main(["doctor", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path} is whole: 2 states, ")
    chunk = next((tmp_path / "chunks").iterdir())
    chunk.write_bytes(chunk.read_bytes()[:-3])
    assert main(["doctor", str(tmp_path)]) == 1
    assert chunk.name in capsys.readouterr().out
    assert main(["doctor", str(tmp_path / "nowhere")]) == 2
    assert "prunelab doctor: " in capsys.readouterr().err


def test_verify_tells_of_a_whole_and_of_a_damaged_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    pl.export(nn.Linear(4, 3), folder, ("onnx",), inputs=(1, 4), timing=None)
    assert main(["verify", str(folder)]) == 0
    assert "as exported" in capsys.readouterr().out
    assert main(["verify", str(folder), "--json", "--time"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"]
    assert told["formats"]["onnx"]["latency"]["median_ms"] > 0
    (folder / "model.onnx").write_bytes(b"")
    assert main(["verify", str(folder)]) == 1
    assert "model.onnx is damaged or missing" in capsys.readouterr().out
    assert main(["verify", str(tmp_path)]) == 2
    assert "holds no export" in capsys.readouterr().err


def _full(*args: object) -> None:
    raise OSError(28, "No space left on device")


def test_apply_writes_the_smaller_models_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.py").write_text("from paddle import nn\n\ndef net(width=8):\n"
                                     "    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))\n")
    make = f"{tmp_path / 'net.py'}:net"
    model = pl.load_model(make)
    plan = pl.propose(pl.trace(model, (1, 4)), sparsity=0.5)
    plan.save(tmp_path / "plan.json")
    save_weights(model.state_dict(), tmp_path / "dense.safetensors")
    target = tmp_path / "small.safetensors"
    words = ["apply", str(tmp_path / "plan.json"), make, str(tmp_path / "dense.safetensors"), "-o", str(target)]
    assert main(words) == 0
    small = pl.compact(model, plan)
    found = load_file(str(target))
    assert {n: t.numpy().tolist() for n, t in small.state_dict().items()} == {n: a.tolist() for n, a in found.items()}
    before = target.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", _full)
        assert main(words) == 2
    assert "cannot be written: No space left on device" in capsys.readouterr().err
    assert target.read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    save_weights(pl.load_model(make, 9).state_dict(), tmp_path / "dense.safetensors")
    assert main(words) == 2
    assert "0.weight is (4, 9), not (4, 8)" in capsys.readouterr().err


def test_json_is_json_whatever_a_loss_became(capsys: pytest.CaptureFixture[str]) -> None:
    tell(Namespace(json=True), "", {"loss": [float("nan"), (1.5, float("-inf"))], "n": 3})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {"loss": [None, [1.5, None]], "n": 3}
