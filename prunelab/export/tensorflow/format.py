"""TensorFlow: ``model_tf`` (a SavedModel), and TFLite: ``model.tflite``."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunelab.export.base import STEM, Runner, Setting, require
from prunelab.export.hushed import hushed
from prunelab.export.lengths import read_listing
from prunelab.graph import TensorSpec


@dataclass(frozen=True)
class TensorFlow:
    """A SavedModel with one signature, ``serving_default``; outputs are ``output_0``, ``output_1``, ... in order.

    Imported before Paddle, TensorFlow crashes the process; imported after it, as here, it does not.
    """

    name: str = "tensorflow"
    extension: str = ".pb"
    settings: tuple[Setting, ...] = ({},)
    packages: tuple[str, ...] = ("tensorflow-cpu",)

    def check_available(self) -> None:
        """See `prunelab.export.base.Format`."""
        require(("tensorflow",), "tensorflow")

    def write(self, model: Any, directory: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, ...]:
        """See `prunelab.export.base.Format`."""
        folder = directory / f"{STEM}_tf"
        _module().save(read_listing(model, specs), folder)
        return tuple(sorted(path for path in folder.rglob("*") if path.is_file()))

    def load(self, files: tuple[Path, ...], setting: Setting, threads: int) -> Runner:
        """See `prunelab.export.base.Format`."""
        return _module().load_saved(next(f.parent for f in files if f.name == "saved_model.pb"))


@dataclass(frozen=True)
class TFLite(TensorFlow):
    """One file, for phones and small devices; run by TensorFlow's own interpreter."""

    name: str = "tflite"
    extension: str = ".tflite"

    def write(self, model: Any, directory: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, ...]:
        """See `prunelab.export.base.Format`."""
        target = directory / f"{STEM}{self.extension}"
        _module().save_lite(read_listing(model, specs), target)
        return (target,)

    def load(self, files: tuple[Path, ...], setting: Setting, threads: int) -> Runner:
        """See `prunelab.export.base.Format`."""
        return _module().load_lite(files[0], threads)


def _module() -> Any:
    """What imports TensorFlow, late and quietly."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with hushed() if "tensorflow" not in sys.modules else contextlib.nullcontext():  # what it says before it reads that
        return importlib.import_module("prunelab.export.tensorflow.module")
