"""`prunelab lab`: JupyterLab, with a notebook that begins."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from prunelab.cli.command import Command

NAME = "prunelab.ipynb"
_CELLS = ("%load_ext prunelab", "%prune")


def options(parser: argparse.ArgumentParser) -> None:
    """Where, and what JupyterLab is told."""
    parser.add_argument("directory", metavar="DIR", nargs="?", default=".", help="the folder to work in (this one)")
    parser.add_argument("jupyter", metavar="-- OPTION", nargs="*", help="options of JupyterLab's own, after --")


def run(given: argparse.Namespace) -> int:
    """JupyterLab's own exit code. A folder without a notebook gets one that loads the magics."""
    folder = Path(given.directory).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.glob("*.ipynb")):
        (folder / NAME).write_text(json.dumps(notebook(_CELLS), indent=1) + "\n", encoding="utf-8")
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with _leaving_interrupts():
        return subprocess.call([sys.executable, "-m", "jupyterlab", *as_root, *given.jupyter, str(folder)])


@contextlib.contextmanager
def _leaving_interrupts() -> Iterator[None]:
    """Inside, Ctrl-C is JupyterLab's alone, which asks back, and ends its kernels: `subprocess` would kill it after a
    quarter of a second."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # a function, which no child inherits, and not SIG_IGN, which it would
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def notebook(cells: tuple[str, ...]) -> dict[str, object]:
    """A notebook (format 4.5) of cells of code."""
    empty: dict[str, object] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    made = [{**empty, "id": f"cell-{k}", "source": cell} for k, cell in enumerate(cells)]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


LAB = Command(name="lab", summary="open JupyterLab, on a notebook with the magics", options=options, run=run)
