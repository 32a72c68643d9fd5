"""A history that is watched is shown as it grows."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from notebook_shell import Notebook
from panel_driving import small_lab, wait

import prunelab as pl
from prunelab.jupyter import live
from prunelab.jupyter.live import follow


class Handle:
    """What IPython's `display` gives, without a front end."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []

    def update(self, data: dict[str, str], raw: bool) -> None:
        assert raw
        self.shown.append(data)


def test_it_is_shown_again_when_there_is_another_state_and_only_then(tmp_path: Path) -> None:
    lab, handle = small_lab(workspace=tmp_path / "run"), Handle()
    watcher = pl.Lab.watch(tmp_path / "run")
    thread = follow(watcher, handle, every_s=0.02)
    wait(lambda: handle.shown)
    lab.step("first", 0.25)
    wait(lambda: len(handle.shown) > 1)
    assert "first 25 %" in handle.shown[-1]["text/plain"]
    for told in ("<svg", "data-state=\"s1\"", "accuracy"):
        assert told in handle.shown[-1]["text/html"]
    n = len(handle.shown)
    thread.join(0.3)
    assert thread.is_alive()
    assert len(handle.shown) == n
    watcher.close()
    thread.join(10)
    assert not thread.is_alive()


def test_a_look_that_fails_once_is_taken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_lab(workspace=tmp_path / "run")
    watcher, handle, show, failed = pl.Lab.watch(tmp_path / "run"), Handle(), live.shown, []

    def met_a_change(watched: Any) -> Any:
        if len(failed) < 3:
            failed.append(watched)
            raise KeyError("s1")
        return show(watched)

    monkeypatch.setattr(live, "shown", met_a_change)
    thread = follow(watcher, handle, every_s=0.02)
    wait(lambda: handle.shown)
    watcher.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(failed) == 3


def test_shown_elsewhere_it_leaves_and_it_holds_no_history(tmp_path: Path) -> None:
    small_lab(workspace=tmp_path / "run")
    watcher, handle = pl.Lab.watch(tmp_path / "run"), Handle()
    first, second = (follow(watcher, handle, every_s=0.02) for _ in range(2))
    first.join(10)
    assert not first.is_alive()
    gone = weakref.ref(watcher)
    del watcher
    second.join(10)
    gc.collect()
    assert not second.is_alive()
    assert gone() is None


def test_the_magic_shows_it_live_and_gives_it(fresh: Notebook, tmp_path: Path, capsys: Any) -> None:
    small_lab(workspace=tmp_path / "run")
    watcher = fresh.run(f"seen = %prune watch {tmp_path / 'run'}\nseen")
    assert watcher is fresh["seen"]
    told = "\n".join(fresh.shown("seen"))
    assert "1 state in" in told
    assert "s0 dense" in told
    watcher.close()
