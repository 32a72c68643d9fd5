"""One worker process: ``python -m prunelab.search.workers.worker ADDRESS`` takes a rehearsal, then task after task."""

from __future__ import annotations

import contextlib
import os
import sys
from multiprocessing.connection import Client, Connection

# What the parent and its workers know each other by, so that nobody else on the machine is listened to
KEY = "PRUNELAB_WORKER_KEY"


def main(address: str) -> None:
    """Work until the other end is gone."""
    connection = Client(address, authkey=bytes.fromhex(os.environ.pop(KEY)))
    connection.send(os.getpid())
    with contextlib.suppress(EOFError, OSError):  # nobody is there any more
        work(connection)


def work(connection: Connection) -> None:
    """Make the rehearsal, say so, and measure what comes."""
    from prunelab.errors import reason_of
    from prunelab.search.workers.base import Outcome, Task
    from prunelab.search.workers.parcel import Parcel

    try:
        parcel: Parcel = connection.recv()  # its own process's bytes, known by the key
        rehearsal = parcel.rehearsal()
    except Exception as error:
        connection.send(reason_of(error))
        return
    connection.send(None)
    while True:
        task: Task = connection.recv()
        try:
            found = rehearsal.run(task.candidate, task.look)
            connection.send(Outcome(task.number, found))
        except (EOFError, OSError):
            raise
        except Exception as error:
            connection.send(Outcome(task.number, reason_of(error)))


if __name__ == "__main__":
    main(sys.argv[1])
