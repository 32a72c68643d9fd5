"""A server of a test's own, JupyterLab's or Notebook 7's, and a notebook opened in it: what a person sees, driven by
playwright."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "browser-test"

HOMES = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTERLAB_WORKSPACES_DIR")
# A quiet JupyterLab: no news, no toasts, the theme that the test says.
OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False,
                                                     "doNotDisturbMode": True},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
# What each front end is started as, what its options are called, and where it shows a notebook
APPS = {"jupyterlab": ("LabApp", "lab/tree"), "notebook": ("JupyterNotebookApp", "notebooks")}
READY = """async () => {
    const app = window.jupyterapp;
    if (!app) return false;
    await app.restored;
    const context = app.shell.currentWidget?.sessionContext;
    if (!context) return false;
    await context.ready;
    const kernel = context.session?.kernel;
    return kernel?.status === 'idle' && kernel?.connectionStatus === 'connected';
}"""


@contextlib.contextmanager
def server(folder: Path, app: str = "jupyterlab") -> Iterator[str]:
    """A front end over ``folder``'s ``notebooks``; gives its address. Everything it writes stays in ``folder``."""
    settings = folder / "lab" / "settings"
    settings.mkdir(parents=True)
    (settings / "overrides.json").write_text(json.dumps(OVERRIDES))
    (folder / "notebooks").mkdir(exist_ok=True)
    port = free_port()
    homes = {name: str(folder / name.lower()) for name in HOMES}
    environment = {**os.environ, **homes, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    name = APPS[app][0]
    command = [sys.executable, "-m", app, "--no-browser", "--allow-root", f"--port={port}",
               "--ServerApp.port_retries=0",
               f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder / 'notebooks'}",
               f"--{name}.app_settings_dir={settings}", f"--{name}.user_settings_dir={folder / 'user'}",
               f"--{name}.expose_app_in_browser=True"]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(process, f"{address}/api?token={TOKEN}", folder / "server.log")
        yield address
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(process: subprocess.Popen[Any], url: str, log: Path, seconds: float = 60) -> None:
    """Wait until the server answers; what it logged is the message if it does not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if answers(url):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the server did not answer:\n{log.read_text()[-2000:]}")


def answers(url: str) -> bool:
    """Whether somebody serves that address."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def open_notebook(page: Any, address: str, name: str, app: str = "jupyterlab") -> None:
    """Open a notebook, and wait for its kernel."""
    page.goto(f"{address}/{APPS[app][1]}/{name}?token={TOKEN}&reset")
    wait_ready(page)


def wait_ready(page: Any) -> None:
    """Until the notebook is there and its kernel idle; the sidebar is put away."""
    page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext", timeout=60_000)
    page.evaluate("() => { if (!window.jupyterapp.shell.leftCollapsed) window.jupyterapp.shell.collapseLeft?.(); }")
    page.wait_for_function(READY, timeout=90_000)


def run_all(page: Any) -> None:
    """Run all cells, and wait until they ended."""
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")


def set_theme(page: Any, dark: bool) -> None:
    """JupyterLab's own light or dark theme."""
    name = "JupyterLab Dark" if dark else "JupyterLab Light"
    page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })", name)
    page.wait_for_function("dark => document.body.dataset.jpThemeLight === String(!dark)", arg=dark)
    page.wait_for_timeout(600)  # the stylesheet arrives after the attribute
