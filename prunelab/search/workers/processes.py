"""Workers on this machine: processes of their own, which share nothing with this one and may be killed at any time."""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing import AuthenticationError
from multiprocessing import connection as connections
from typing import Any

from prunelab.errors import SearchError
from prunelab.search.workers.base import Lost, Outcome, Task
from prunelab.search.workers.worker import KEY

# Processes that died one after another before they did anything: then none will
_MOST_STILLBORN = 3
_POLL_S = 0.05
# What Paddle and NumPy read when they begin
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class ProcessCrew:
    """So many processes; one that dies is followed by another. They begin at once, which takes seconds, and work when
    they are sent what on.

    Args:
        threads: of each.
    """

    def __init__(self, workers: int, threads: int) -> None:
        self._parcel: bytes | None = None
        self._threads, self._key = threads, secrets.token_bytes(32)
        self._listener = connections.Listener(backlog=64, authkey=self._key)
        self._called: queue.Queue[tuple[int, Any]] = queue.Queue()
        self._stillborn = 0.0
        self._closed = False
        threading.Thread(target=self._answer, daemon=True).start()
        self._workers = [self._begun() for _ in range(workers)]

    def send(self, parcel: bytes) -> None:
        """Give all of them what they work on: what `as_bytes` gave."""
        self._parcel = parcel
        for worker in self._workers:
            worker.equip(parcel)

    @property
    def free(self) -> int:
        return sum(1 for w in self._workers if w.task is None)

    def take(self, task: Task) -> None:
        next(w for w in self._workers if w.task is None).give(task)

    def wait(self, seconds: float) -> list[Outcome]:
        until = time.monotonic() + seconds
        while True:
            self._connect()
            out = [outcome for k in range(len(self._workers)) if (outcome := self._heard(k)) is not None]
            left = until - time.monotonic()
            if out or left <= 0:
                return out
            there = [w.connection for w in self._workers if w.connection is not None]
            if there:
                connections.wait(there, min(left, _POLL_S))
            else:
                time.sleep(min(left, _POLL_S))

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.close()
        for worker in self._workers:
            worker.end()

    # the processes

    def _begun(self) -> _Worker:
        return _Worker(self._listener.address, self._key, self._threads)

    def _answer(self) -> None:
        """In a thread of its own: who calls, and how."""
        while not self._closed:
            with contextlib.suppress(OSError, EOFError, AuthenticationError):
                connection = self._listener.accept()
                self._called.put((connection.recv(), connection))

    def _connect(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                pid, connection = self._called.get_nowait()
                for worker in self._workers:
                    if worker.process.pid == pid:
                        worker.meet(connection)
                        if self._parcel is not None:
                            worker.equip(self._parcel)

    def _heard(self, k: int) -> Outcome | None:
        """What a worker says; if it is dead, another one takes its place."""
        worker = self._workers[k]
        try:
            said = worker.said()
        except (EOFError, OSError):
            worker.process.wait()
            said = None
        if isinstance(said, str):
            raise SearchError(f"a worker cannot begin: {said}; define functions and classes that the search uses in a "
                              "module, or leave workers at 1")
        if worker.ready:
            self._stillborn = 0
        if said is not None:
            return said
        if worker.process.poll() is None:
            return None
        return self._followed(k)

    def _followed(self, k: int) -> Outcome | None:
        """Another worker in the place of a dead one; what that one had begun is lost, what it had not is handed on."""
        dead, self._workers[k] = self._workers[k], self._begun()
        why = dead.why_dead()
        dead.end()
        if dead.ready:
            return None if dead.task is None else Outcome(dead.task.number, Lost(f"its worker {why}"))
        # one that somebody killed says nothing about the next
        self._stillborn += 1 if dead.process.returncode >= 0 else 1 / _MOST_STILLBORN
        if self._stillborn >= _MOST_STILLBORN:
            raise SearchError(f"workers die before they can begin, the last one {why}; leave workers at 1 to see more")
        if dead.task is not None:
            self._workers[k].give(dead.task)
        return None


class _Worker:
    """One process, and what it is at."""

    def __init__(self, address: Any, key: bytes, threads: int) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        environment = {**os.environ, KEY: key.hex(), **dict.fromkeys(_THREADS, str(threads)),
                       "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "prunelab.search.workers.worker", str(address)], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._errors,
            start_new_session=True)  # an interrupt in the terminal is this process's to handle
        self.connection: Any = None
        self.task: Task | None = None
        self.ready = False
        self._given = False

    def meet(self, connection: Any) -> None:
        self.connection = connection

    def equip(self, parcel: bytes) -> None:
        if self.connection is not None:  # one that has not called yet gets it when it does
            with contextlib.suppress(OSError):  # that it is dead is found when it is listened to
                self.connection.send_bytes(parcel)
            self._send()

    def give(self, task: Task) -> None:
        self.task, self._given = task, False
        self._send()

    def _send(self) -> None:
        if self.connection is not None and self.task is not None and not self._given:
            self._given = True
            with contextlib.suppress(OSError):
                self.connection.send(self.task)

    def said(self) -> Outcome | str | None:
        """What it measured, why it cannot begin, or nothing yet."""
        if self.connection is None or not self.connection.poll():
            return None
        said = self.connection.recv()
        if said is None:
            self.ready = True
        if isinstance(said, Outcome):
            self.task = None
        return said

    def why_dead(self) -> str:
        code = self.process.returncode
        if code < 0:
            return f"was killed ({signal.Signals(-code).name})"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"ended with code {code}: {lines[-1] if lines else 'it said nothing'}"

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self.process.kill()
        self.process.wait()
        if self.connection is not None:
            self.connection.close()
        self._errors.close()
