"""TorchScript: ``model.pt``, the graph by torch's functions, traced and saved."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunelab.export.base import STEM, Runner, Setting, require
from prunelab.export.lengths import read_listing
from prunelab.graph import TensorSpec


@dataclass(frozen=True)
class TorchScript:
    """One file that needs torch and nothing else; its inputs are the model's, in order."""

    name: str = "torchscript"
    extension: str = ".pt"
    settings: tuple[Setting, ...] = ({},)
    packages: tuple[str, ...] = ("torch",)

    def check_available(self) -> None:
        """See `prunelab.export.base.Format`."""
        require(self.packages, "torchscript")

    def write(self, model: Any, directory: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, ...]:
        """See `prunelab.export.base.Format`."""
        target = directory / f"{STEM}{self.extension}"
        _module().save(read_listing(model, specs), target)
        return (target,)

    def load(self, files: tuple[Path, ...], setting: Setting, threads: int) -> Runner:
        """See `prunelab.export.base.Format`."""
        return _module().load(files[0], threads)


def _module() -> Any:
    """What imports torch, late."""
    return importlib.import_module("prunelab.export.torchscript.module")
