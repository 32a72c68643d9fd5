"""A process is killed at random instants: every state that it was given is there, bit for bit, and the store opens."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_nets import batched, data, everything, net

import prunelab as pl

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and fork are POSIX's")


class Victim:
    """A process that works until it is killed."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen([sys.executable, str(HERE / "killed.py")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)

    def killed_after(self, delay_s: float, folder: Path, seed: int) -> dict[str, str]:
        """The states that a child reported, each with its hash. It is killed ``delay_s`` after its first one, or, where
        that is negative, so long after it began to open the Lab."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(folder, seed, file=self.process.stdin, flush=True)
        states: dict[str, str] = {}
        for line in self.process.stdout:
            kind, *words = line.split()
            if kind == "child":
                child = int(words[0])
                if delay_s < 0:
                    threading.Timer(-delay_s, os.kill, (child, signal.SIGKILL)).start()
            elif kind == "state":
                if not states and delay_s >= 0:
                    threading.Timer(delay_s, os.kill, (child, signal.SIGKILL)).start()
                states[words[0]] = words[1]
            elif kind == "ended":
                return states
            else:
                pytest.fail(line)
        pytest.fail("the process that forks ended")

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture
def victim() -> Iterator[Victim]:
    found = Victim()
    yield found
    found.close()


@pytest.mark.parametrize("n_kills", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_killed_process_loses_no_state_that_it_was_given(n_kills: int, victim: Victim, tmp_path: Path) -> None:
    draw = random.Random(n_kills)
    reported: dict[str, str] = {}
    n_with_states = 0
    for number in range(n_kills):
        folder = tmp_path / str(number // 20)  # a history of some hundred states, then a new one
        if number % 20 == 0:
            reported = {}
        states = victim.killed_after(draw.uniform(-0.2, 0.8), folder, number)
        n_with_states += len(states) > 1
        same = states.keys() & reported.keys()
        assert {name: states[name] for name in same} == {name: reported[name] for name in same}
        reported.update(states)
        if number % 20 == 19:
            check(folder, reported)
    assert n_with_states > n_kills / 4, "killed before anything was done: the test says nothing"


def check(folder: Path, reported: dict[str, str]) -> None:
    assert pl.doctor(folder).ok
    opened = pl.Lab(net(), train=batched(), val=data(12, 1), workspace=folder)
    numbers = [state.number for state in opened.states]
    assert numbers == list(range(len(numbers))), "a state is missing between others"
    for name, hashed in reported.items():
        opened.goto(name)
        assert everything(opened) == hashed, name
    opened.close()
