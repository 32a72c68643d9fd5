"""`environment`: what this runs on, for a bug report."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass

from prunelab import __version__
from prunelab.render.table import html_table, text_table

_PACKAGES = (
    "paddlepaddle", "paddlepaddle-gpu", "numpy", "pandas", "ipython", "ipykernel", "jupyterlab", "ipywidgets", "bqplot",
    "anywidget", "onnx", "onnxruntime", "paddle2onnx",
)
_HEADERS = ("what", "is")


@dataclass(frozen=True)
class Environment:
    """``facts`` by name: versions of what is installed (without the packages that are not), system, device, threads."""

    facts: Mapping[str, str]

    def __repr__(self) -> str:
        return text_table(_HEADERS, list(self.facts.items()))

    def _repr_html_(self) -> str:
        return html_table(_HEADERS, list(self.facts.items()))


def environment() -> Environment:
    """The versions, the device and the threads of this process."""
    import paddle

    facts = {"prunelab": __version__, "Python": platform.python_version()}
    facts.update((package, version) for package in _PACKAGES if (version := _version(package)))
    facts["system"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    facts["device"] = str(paddle.get_device())
    facts["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "not set")
    return Environment(facts)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
