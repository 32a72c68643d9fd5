"""A real IPython shell with prunelab loaded, and a notebook's usual variables in it."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from notebook_shell import SETUP, Notebook
from panel_driving import small_lab
from traitlets.config import Config

from prunelab.jupyter.panels.panel import Panel
from prunelab.lab import Lab


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """A shell with ``%load_ext prunelab`` done, and `SETUP`'s variables; the hooks are put back afterwards."""
    hooks = sys.displayhook, sys.excepthook, dict(vars(builtins))
    patch = pytest.MonkeyPatch()
    patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell.instance(config=config)
    book = Notebook(shell)
    book.run("%load_ext prunelab")
    book.run(SETUP)
    yield book
    shell.run_line_magic("unload_ext", "prunelab")
    InteractiveShell.clear_instance()
    sys.displayhook, sys.excepthook = hooks[:2]
    for name in set(vars(builtins)) - set(hooks[2]):
        delattr(builtins, name)
    patch.undo()


@pytest.fixture
def fresh(notebook: Notebook) -> Iterator[Notebook]:
    """The shell without a Lab: what a test adds to its variables is taken away again."""
    before = dict(notebook.shell.user_ns)
    notebook.run("%reload_ext prunelab")
    yield notebook
    for name in set(notebook.shell.user_ns) - set(before):
        del notebook.shell.user_ns[name]
    notebook.shell.user_ns.update(before)


@pytest.fixture
def opened(fresh: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """The shell with a Lab called ``lab``, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    fresh.run("lab = %prune open net --train digits --val val_digits --seed 3")
    fresh["lab"].show_progress = False
    return fresh


@pytest.fixture
def lab() -> Lab:
    """A Lab of a small network with two layers to cut."""
    return small_lab()


@pytest.fixture
def panel(lab: Lab) -> Iterator[Panel]:
    """Its panel, closed afterwards."""
    made = lab.panel()
    yield made
    made.close()
