"""Saved models as layers that train: a program of Paddle Inference, an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prunelab.errors import DataError, OptionError


def load_saved(path: Path) -> Any:
    """The layer of a saved model.

    Raises:
        DataError: a file that is missing or damaged.
        OptionError: a model that cannot be made trainable again, with the reason.
    """
    if path.suffix == ".pdiparams":
        path = path.with_suffix(".json")
    if path.suffix == ".pdmodel":
        raise OptionError(f"'{path}' is a program of Paddle 2; load it there, and save it again with Paddle 3: "
                          "paddle.jit.save(model, ...)")
    if not path.is_file():
        raise DataError(f"there is no file '{path}'; look at the path")
    if path.suffix == ".onnx":
        from prunelab.data.saved.onnx import load_onnx

        return load_onnx(path)
    from prunelab.data.saved.program import load_program

    return load_program(path)


__all__ = ["load_saved"]
