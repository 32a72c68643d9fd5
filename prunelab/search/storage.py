"""The Optuna study behind a search: opened in a storage, or refused with what to do."""

from __future__ import annotations

import contextlib
import json
import os
import time
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.study import StudyDirection
from sqlalchemy import Connection, event

from prunelab.errors import OptionError, SearchError, reason_of, shown
from prunelab.graph.interrupts import Uninterrupted

# Under this name a study says what it is of
_IDENTITY = "prunelab"
_JOINED = "prunelab:joined:"
# How often, and how soon again, it is looked at a storage that another process makes at this moment
_TRIES, _WAIT_S = 40, 0.1
# How long another process may hold an SQLite file
_HELD_S = 30
# What SQLite says where both make the tables
_MADE_BY_ANOTHER = ("already exists", "UNIQUE constraint failed")
_WANTED = ("give a database's URL such as 'sqlite:///search.db', a journal file such as 'search.log', or an Optuna "
           "storage")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Inside, Optuna logs nothing but errors and warns of no experiments: what matters a study tells."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


class _Journal(JournalFileBackend):
    """Optuna's journal file, where an interrupt comes between two changes.

    In the middle of one it leaves a lock behind, which holds the next search up for half a minute, or becomes an error
    of the lock's.
    """

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        with Uninterrupted():
            logs = list(super().read_logs(log_number_from))
        yield from logs

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with Uninterrupted():
            super().append_logs(logs)


def open_storage(storage: Any) -> Any:
    """What Optuna takes: a URL, a storage, a journal file by its path, or None for memory.

    Raises:
        OptionError: something else.
    """
    if storage is None or isinstance(storage, BaseStorage):
        return storage
    if isinstance(storage, str) and "://" in storage:
        return _sqlite(storage) if storage.startswith("sqlite") else storage
    if isinstance(storage, (str, os.PathLike)) and os.fspath(storage):
        _check_journal(Path(storage))
        return JournalStorage(_Journal(os.fspath(storage)))
    raise OptionError(f"storage is {shown(storage)}; {_WANTED}")


def _sqlite(url: str) -> RDBStorage:
    """Optuna's storage of an SQLite file, each of whose changes holds the file from its first look on.

    SQLite knows no row that is held for a change: of two processes that see a trial waiting, both would take it, and
    one of them fail at its end, for the trial has ended already. Where the file is another's, it is waited for.
    """
    storage = RDBStorage(url, engine_kwargs={"connect_args": {"timeout": _HELD_S}})
    event.listen(storage.engine, "begin", _hold)
    return storage


def _hold(connection: Connection) -> None:
    """Begin a change as SQLAlchemy's pages on SQLite tell it: the driver, which would look first, begins nothing."""
    driver: Any = connection.connection.dbapi_connection
    driver.isolation_level = None
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check_journal(path: Path) -> None:
    """Refuse a file that is no journal: Optuna would write at its end, and only then find out.

    Raises:
        SearchError: a file of something else.
    """
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb") as file:
        first = file.readline(100_000)
    try:
        is_journal = "op_code" in json.loads(first)
    except (ValueError, TypeError):
        is_journal = False
    if not is_journal:
        raise SearchError(f"the storage {path} cannot be used: it is no journal of a study; {_WANTED}")


def open_study(storage: Any, name: str, directions: Sequence[StudyDirection],
               identity: Mapping[str, Any]) -> optuna.Study:
    """The study of that name, new or gone on with.

    Raises:
        OptionError: no storage.
        SearchError: a storage that is locked, cannot be had, or holds another search under this name.
    """
    for left in reversed(range(_TRIES)):
        try:
            return _opened(storage, name, directions, identity, last=not left)
        except _Beginning:
            pass
        except (OptionError, SearchError):
            raise
        except Exception as error:
            if not left or not any(told in str(error) for told in _MADE_BY_ANOTHER):
                raise SearchError(f"the storage {place_of(storage)} cannot be used: {why(error)}") from error
        time.sleep(_WAIT_S)
    raise AssertionError("the last try returns or raises")


class _Beginning(Exception):
    """Another process makes the study at this moment."""


def _opened(storage: Any, name: str, directions: Sequence[StudyDirection], identity: Mapping[str, Any],
            last: bool) -> optuna.Study:
    opened = open_storage(storage)
    known = () if opened is None else optuna.get_all_study_names(opened)
    if name in known:
        study = optuna.load_study(study_name=name, storage=opened)
        if not last and _IDENTITY not in study.user_attrs and not study.get_trials(deepcopy=False):
            raise _Beginning
        _check(study, name, storage, identity)
        return study
    with Uninterrupted():  # a study that does not say what it is of is none of ours
        study = optuna.create_study(storage=opened, study_name=name, directions=list(directions), load_if_exists=True)
        if _IDENTITY not in study.user_attrs:
            study.set_user_attr(_IDENTITY, dict(identity))
    return study


def place_among(study: optuna.Study) -> tuple[int, int]:
    """How many processes began at as many trials as there are now, this one among them, and its place in their order.

    Two that begin at once have not both the same: one writes first, and the other sees it.
    """
    tried = len(study.get_trials(deepcopy=False))
    own = f"{_JOINED}{time.time_ns()}:{os.getpid()}"
    study.set_user_attr(own, tried)
    there = sorted(key for key, value in study.user_attrs.items() if key.startswith(_JOINED) and value == tried)
    return len(there), there.index(own)


def why(error: BaseException) -> str:
    """Why a storage failed, and what to do."""
    told = " ".join(str(e) for e in (error, error.__cause__, getattr(error, "orig", None)) if e is not None)
    if "locked" in told:
        return ("it is locked by another process; wait until that is done, or use a journal file "
                "(storage='search.log') or a database server, which many processes can write")
    return f"{reason_of(error)}; {_WANTED}"


def place_of(storage: Any) -> str:
    """Where a storage is, as messages name it."""
    return os.fspath(storage) if isinstance(storage, (str, os.PathLike)) else shown(storage)


def _check(study: optuna.Study, name: str, storage: Any, identity: Mapping[str, Any]) -> None:
    there = study.user_attrs.get(_IDENTITY)
    if there is None:
        raise SearchError(f"the storage {place_of(storage)} holds the study '{name}', which is none of prunelab's; "
                          "give another name: pl.search(..., name='mine')")
    apart = [key for key, value in identity.items() if there.get(key) != value]
    if apart:
        told = "; ".join(f"{key} was {_short(there.get(key))} and is {_short(identity[key])}" for key in apart)
        raise SearchError(f"the storage {place_of(storage)} holds another search under the name '{name}': {told}; give "
                          "another name or storage, or search as it was begun")


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
