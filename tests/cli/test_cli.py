"""The command line: what each sub-command prints and exits with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from paddle import nn

import prunelab as pl
from prunelab.cli import COMMANDS, main


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
