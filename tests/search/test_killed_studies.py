"""Processes that are killed or begin at once: what a storage holds afterwards is whole, and the study goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
import pytest
import searching
import sqlalchemy
from optuna.storages._rdb.models import TrialModel
from optuna.study import StudyDirection
from search_nets import frame
from searching import job

import prunelab as pl
from prunelab.errors import SearchError
from prunelab.search.samplers import Settings
from prunelab.search.storage import open_study, place_among


class Searching:
    """A process that searches, ready to begin."""

    def __init__(self, storage: str, trials: int, workers: int = 1) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        self.wrong = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", searching.__file__, storage, str(trials), str(workers)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.wrong, env=environment)

    def says(self, what: str) -> list[str]:
        """The rest of the next line that begins so; what came before is passed over."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            word, *rest = line.split()
            if word == what:
                return rest
        raise AssertionError(f"it ended without saying {what}: {self.told_wrong()}")

    def told_wrong(self) -> str:
        self.wrong.seek(0)
        return self.wrong.read()[-3000:]

    def begin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@pytest.fixture
def started() -> Iterator[list[Searching]]:
    """All processes that a test begins, which end with it."""
    made: list[Searching] = []
    yield made
    for one in made:
        one.process.kill()
        one.process.communicate()
        one.wrong.close()


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
def test_a_study_goes_on_after_its_process_and_all_workers_are_killed(started: list[Searching], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    begun = Searching(url, 500, workers=2)
    started.append(begun)
    begun.says("ready")
    begun.begin()
    workers = [int(begun.says("worker")[0]) for _ in range(2)]
    numbers = [int(begun.says("trial")[0]) for _ in range(3)]
    begun.process.send_signal(signal.SIGKILL)
    begun.process.wait()
    # nobody tells the workers: they see that the other end is gone
    until = time.monotonic() + 30
    while not all(map(ended, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert all(map(ended, workers))

    there = pl.search(**job(), storage=url, trials=1)  # no more than are there
    done = sum(t.counts for t in there)
    assert {*numbers} <= {t.number for t in there}
    study = pl.search(**job(), storage=url, trials=done + 3)
    assert sum(t.counts for t in study) == done + 3
    assert (study.trials["state"] == "complete").all(), study.trials["reason"].tolist()
    kept = frame(study).loc[[t.number for t in there]]
    assert kept.equals(frame(there))
    alone = pl.search(**job(), trials=40)
    both = sorted({t.number for t in alone} & {t.number for t in there})
    assert both
    for number in both:  # what was recorded is what one process alone would have
        assert there[number].chosen == alone[number].chosen
        assert there[number].values == pytest.approx(alone[number].values)


@pytest.mark.parametrize("storage", ["sqlite:///{}/s.db", pytest.param("{}/log", marks=pytest.mark.slow)])
def test_two_processes_that_begin_at_once_share_one_study_and_try_no_plan_twice(
        storage: str, started: list[Searching], tmp_path: Path) -> None:
    place = storage.format(tmp_path)
    started += [Searching(place, 16), Searching(place, 16)]
    for one in started:
        one.says("ready")
    for one in started:
        one.begin()
    for one in started:
        assert one.process.wait(120) == 0, one.told_wrong()
    study = pl.search(**job(), storage=place, trials=16)
    assert 16 <= len(study) <= 17  # both may be at their last
    assert (study.trials["state"] == "complete").all(), study.trials["reason"].tolist()
    assert study.trials["same_as"].isna().sum() >= len(study) - 4  # the first trials, which cut all alike, both have
    assert sorted(study.numbers) == list(range(len(study)))


def test_a_trial_that_waits_in_an_sqlite_file_is_taken_by_one_process_only(tmp_path: Path) -> None:
    """Both look before either writes: what Optuna's own storage of SQLite lets happen."""
    url = f"sqlite:///{tmp_path}/s.db"
    mine, other = (open_study(url, "mine", [StudyDirection.MAXIMIZE], {"model": "Net"}) for _ in range(2))
    mine.enqueue_trial({"x": 0.5})
    looked, may_write = threading.Event(), threading.Event()
    find = TrialModel.find_or_raise_by_id

    def pausing(trial_id: int, session: Any, for_update: bool = False) -> TrialModel:
        found = find(trial_id, session, for_update)
        if for_update and not looked.is_set():  # the first that looks; the other comes while it waits
            looked.set()
            may_write.wait(0.5)
        return found

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as threads:
        patch.setattr(TrialModel, "find_or_raise_by_id", pausing)
        first = threads.submit(mine.ask)
        assert looked.wait(10)
        second = threads.submit(other.ask)
        numbers = [first.result(30).number, second.result(30).number]
    assert numbers == [0, 1]


def test_a_storage_that_another_process_makes_at_this_moment_is_tried_again(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    create, failing = optuna.create_study, ["table trials already exists", "UNIQUE constraint failed: alembic_version"]

    def racing(**options: Any) -> optuna.Study:
        if failing:
            raise sqlalchemy.exc.OperationalError("CREATE TABLE trials", {}, Exception(failing.pop()))
        return create(**options)

    monkeypatch.setattr(optuna, "create_study", racing)
    study = open_study(f"sqlite:///{tmp_path}/s.db", "mine", [StudyDirection.MAXIMIZE], {"model": "Net"})
    assert study.user_attrs["prunelab"] == {"model": "Net"}
    assert not failing


def test_a_study_whose_maker_has_not_yet_said_what_it_is_of_is_waited_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    made = optuna.create_study(storage=url, study_name="mine", direction="maximize")
    maker = threading.Timer(0.3, lambda: made.set_user_attr("prunelab", {"model": "Net"}))
    maker.start()
    assert open_study(url, "mine", [StudyDirection.MAXIMIZE], {"model": "Net"}).user_attrs["prunelab"]
    maker.join()
    optuna.create_study(storage=url, study_name="a stranger's", direction="maximize").add_trial(
        optuna.trial.create_trial(value=1.0))
    with pytest.raises(SearchError, match="none of prunelab's"):
        open_study(url, "a stranger's", [StudyDirection.MAXIMIZE], {"model": "Net"})


def test_processes_that_begin_with_one_study_draw_apart_and_one_alone_as_without_a_storage() -> None:
    study = optuna.create_study()
    places = [place_among(study) for _ in range(3)]
    assert places == [(1, 0), (2, 1), (3, 2)]
    seeds = [Settings(seed=3, space={}, place=place).seed32 for place in places]
    assert len(set(seeds)) == 3
    assert seeds[0] == Settings(seed=3, space={}).seed32
    study.add_trial(optuna.trial.create_trial(value=1.0))
    assert place_among(study) == (1, 0)  # at another number of trials
