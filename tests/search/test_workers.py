"""Trials measured elsewhere: the same numbers, no trial lost but those of workers that die, no process left behind."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn
from search_nets import digits, frame, trained

import prunelab as pl
from prunelab.errors import OptionError, SearchError
from prunelab.search import Trial
from prunelab.search.workers.processes import ProcessCrew


@pytest.fixture
def crews(monkeypatch: pytest.MonkeyPatch) -> list[ProcessCrew]:
    """All crews that a test makes."""
    made: list[ProcessCrew] = []
    init = ProcessCrew.__init__

    def remembered(self: ProcessCrew, *args: Any) -> None:
        made.append(self)
        init(self, *args)

    monkeypatch.setattr(ProcessCrew, "__init__", remembered)
    return made


def pids(crew: ProcessCrew) -> list[int]:
    return [w.process.pid for w in crew._workers]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_processes_measure_what_one_does_and_are_gone_afterwards(crews: list[ProcessCrew]) -> None:
    seen: list[int] = []
    # by QMC or at random trials do not depend on what came before
    study = pl.search(trained(), digits(120), sampler="random", trials=12, pruner=None, workers=2,
                      on_trial=lambda study, trial: seen.extend(pids(crews[0])))
    one = pl.search(trained(), digits(120), sampler="random", trials=12, pruner=None)
    assert frame(study).equals(frame(one))
    assert len(set(seen)) == 2
    assert not any(map(alive, seen))


def test_workers_that_are_killed_lose_their_trials_and_nothing_else(crews: list[ProcessCrew], tmp_path: Path) -> None:
    killed: list[int] = []

    def kill(study: pl.Study, trial: Trial) -> None:
        if len(study) in (2, 6):  # all of them, twice
            for pid in pids(crews[0]):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    study = pl.search(trained(), digits(120), sampler="annealing", trials=14, workers=2, on_trial=kill,
                      storage=tmp_path / "log")
    states = study.trials["state"].value_counts()
    assert states.sum() - states.get("lost", 0) == 14
    assert states.get("failed", 0) == 0
    lost = [t for t in study if t.state == "lost"]
    assert {t.reason for t in lost} <= {"its worker was killed (SIGKILL)"}
    assert len(killed) == 4
    assert len(lost) <= 4
    again = pl.search(trained(), digits(120), sampler="annealing", trials=14, storage=tmp_path / "log")
    assert frame(again).equals(frame(study))


def test_a_class_and_a_metric_that_no_other_process_can_import_are_sent_all_the_same() -> None:
    pytest.importorskip("cloudpickle", reason="functions by value are sent with it; Dask brings it")

    class Local(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.out = nn.LSTM(8, 10), nn.Linear(10, 10)

        def forward(self, x: Any) -> Any:
            return self.out(self.rnn(x[:, 0])[0].mean(1))

    def confident(outputs: Any, labels: Any) -> Any:
        return nn.functional.softmax(outputs, -1).max(-1).mean()

    paddle.seed(0)
    model = Local()
    options: dict[str, Any] = {"sampler": "random", "objectives": (confident, "params"), "trials": 4, "pruner": None}
    study = pl.search(model, digits(60), workers=2, **options)
    one = pl.search(model, digits(60), **options)
    np.testing.assert_allclose(study.trials["confident"], one.trials["confident"], rtol=1e-6)


def test_trials_that_train_do_so_in_the_workers() -> None:
    train = pl.datasets.digits("train")
    space = pl.space(ratios=(0.2, 0.6), per="pattern", epochs=1, repair=[False, True])
    data = train.images[:120], train.labels[:120]
    study = pl.search(trained(), digits(60), space, "random", trials=3, workers=2, train=data, pruner=None)
    assert (study.trials["state"] == "complete").all(), study.trials["reason"].tolist()
    one = pl.search(trained(), digits(60), space, "random", trials=3, train=data, pruner=None)
    np.testing.assert_allclose(study.trials["accuracy"], one.trials["accuracy"], atol=0.04)


def test_a_worker_that_cannot_begin_says_why(crews: list[ProcessCrew], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", shutil.which("false"))
    with pytest.raises(SearchError, match="workers die before they can begin, the last one ended with code 1: it said"):
        pl.search(trained(), digits(60), trials=3, workers=2)
    assert not any(map(alive, pids(crews[0])))


def test_an_interrupt_and_a_stop_end_the_workers_too(crews: list[ProcessCrew]) -> None:
    def interrupt(study: pl.Study, trial: Trial) -> None:
        raise KeyboardInterrupt

    study = pl.search(trained(), digits(60), trials=9, workers=2, on_trial=interrupt)
    assert study.note.startswith("interrupted after 1 of 9")
    assert not any(map(alive, pids(crews[0])))


def test_what_workers_cannot_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="workers is 0"):
        pl.search(trained(), digits(60), workers=0)
    with pytest.raises(OptionError, match="which workers cannot do"):
        pl.search(trained(), digits(60), objectives="accuracy", workers=2, pruner="halving")
    with pytest.raises(OptionError, match="energy is that of the whole machine"):
        pl.search(trained(), digits(60), objectives="energy", workers=2)
    with pytest.raises(OptionError, match="executor is 3; give a client of a Dask cluster"):
        pl.search(trained(), digits(60), executor=3)


def test_a_dask_cluster_measures_the_same() -> None:
    distributed = pytest.importorskip("distributed", reason="the extra dask brings it")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None,
                                  processes=True) as cluster, distributed.Client(cluster) as client:
        study = pl.search(trained(), digits(60), sampler="random", trials=6, pruner=None, executor=client)
    one = pl.search(trained(), digits(60), sampler="random", trials=6, pruner=None)
    assert frame(study).equals(frame(one))
