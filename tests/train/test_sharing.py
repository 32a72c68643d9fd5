"""Data-parallel training: two processes take the steps of one, and end with the same bits."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import several_processes

pytestmark = pytest.mark.xdist_group("sharing")  # its processes are started once

Found = list[dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What each of two processes ended with, and what one does alone."""
    folder = tmp_path_factory.mktemp("sharing")
    program = [sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node", "2", "--backend", "gloo",
               "--log_dir", str(folder / "log"), several_processes.__file__, str(folder)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))})
    logs = "".join(log.read_text() for log in sorted(folder.glob("log/workerlog.*")))
    assert done.returncode == 0, logs[-3000:]
    # they are files of our own, written a moment ago
    each = [pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in (0, 1)]  # noqa: S301
    return [*each, several_processes.everything(0)]


@pytest.mark.parametrize("training", ["whole arrays", "batches", "batches of one", "a plan", "norms", "a mean",
                                      "a judged mean", "a branch", "a sampler", "stopped"])
def test_all_processes_end_with_the_same_bits(found: Found, training: str) -> None:
    first, second, _ = (one[training] for one in found)
    assert first["losses"] == second["losses"]
    assert first["stopped"] == second["stopped"] == (training == "stopped")
    for name, value in first["weights"].items():
        np.testing.assert_array_equal(value, second["weights"][name], err_msg=name)


@pytest.mark.parametrize("training", ["batches", "batches of one", "a plan"])
def test_they_take_the_steps_of_one_process_on_whole_batches(found: Found, training: str) -> None:
    first, _, alone = (one[training] for one in found)
    np.testing.assert_allclose(np.concatenate(first["losses"]), np.concatenate(alone["losses"]), rtol=1e-5)
    for name, value in alone["weights"].items():
        np.testing.assert_allclose(first["weights"][name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_sampler_that_shares_out_gives_each_its_own(found: Found) -> None:
    assert len(found[0]["a sampler"]["losses"][0]) == 3  # batches of four, of eleven samples each
    assert len(found[2]["a sampler"]["losses"][0]) == 6


def test_one_process_ends_the_training_of_all(found: Found) -> None:
    assert len(found[0]["stopped"]["losses"][0]) == 2
