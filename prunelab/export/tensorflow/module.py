"""A listing as a TensorFlow module, and the module as SavedModel and TFLite."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from prunelab.errors import ExportError, pass_on_interrupt
from prunelab.export.base import Array
from prunelab.export.hushed import hushed
from prunelab.export.listing import Listing
from prunelab.export.sizes import Size
from prunelab.export.tensorflow.table import TABLE
from prunelab.export.translate import refuse_unknown, translate


class Said(tf.Module):
    """The listing's operators by TensorFlow's functions; its outputs are in a dict by their names."""

    def __init__(self, listing: Listing) -> None:
        super().__init__()
        refuse_unknown(listing, TABLE, "the TensorFlow table")
        self._listing = listing
        self.held = {str(v): _constant(a) for v, a in listing.held.items()}
        signature = [tf.TensorSpec([None if isinstance(n, Size) else n for n in x.shape], tf.as_dtype(x.dtype),
                                   name=_name(x.name)) for x in listing.inputs.values()]
        self.call = tf.function(self._forward, input_signature=signature, autograph=False)

    def concrete(self) -> Any:
        """The function that TensorFlow traced.

        Raises:
            ExportError: what TensorFlow refuses.
        """
        with _writing(self._listing), quiet():
            return self.call.get_concrete_function()

    def _forward(self, *inputs: Any) -> dict[str, Any]:
        env: dict[int, Any] = {int(v): a for v, a in self.held.items()}
        given = dict(zip(self._listing.inputs, inputs, strict=True))
        env.update(given)
        lengths = {name: tf.shape(given[value])[axis] for name, (value, axis) in self._listing.free.items()}

        def number(size: Any) -> Any:
            if isinstance(size, Size):
                found = size.at(lengths)
                return tf.cast(found, size.dtype) if size.dtype.startswith("float") else found
            return [number(n) for n in size] if isinstance(size, list) else size

        translate(self._listing, TABLE, env, number=number, array=tf.constant)
        return {f"output_{k}": tf.convert_to_tensor(env[v]) for k, (_, v) in enumerate(self._listing.outputs)}


def _name(name: str) -> str:
    return name.replace(".", "_")


def _constant(array: Any) -> Any:
    return [_constant(a) for a in array] if isinstance(array, list) else tf.constant(array)


def save(listing: Listing, folder: Path) -> None:
    """Write a SavedModel into ``folder``.

    Raises:
        ExportError: operators that TensorFlow has no words for, by name.
    """
    with _writing(listing), quiet():
        said = Said(listing)
        tf.saved_model.save(said, str(folder), signatures=said.concrete())


def save_lite(listing: Listing, target: Path) -> None:
    """Write a TFLite file.

    Raises:
        ExportError: operators that TensorFlow or TFLite has no words for.
    """
    with _writing(listing), quiet():
        said = Said(listing)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([said.concrete()], said)
        target.write_bytes(converter.convert())


@contextlib.contextmanager
def _writing(listing: Listing) -> Iterator[None]:
    try:
        yield
    except ExportError:
        raise
    except Exception as error:  # of another project: its converter raises what its parts raise
        pass_on_interrupt(error)
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"TensorFlow cannot write {listing.model}: {first}") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """TensorFlow tells of every file that it writes."""
    loggers = [logging.getLogger(name) for name in ("tensorflow", "absl")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def load_saved(folder: Path) -> Any:
    """The SavedModel as a function of arrays by name."""
    with quiet():
        loaded = tf.saved_model.load(str(folder))
    serve = loaded.signatures["serving_default"]

    def run(arrays: Mapping[str, Array]) -> list[Array]:
        out = serve(**{_name(name): tf.constant(a) for name, a in arrays.items()})
        return [out[f"output_{k}"].numpy() for k in range(len(out))]

    run.keeps = loaded  # type: ignore[attr-defined]  # a signature lives as long as what was loaded
    return run


def load_lite(file: Path, threads: int) -> Any:
    """The TFLite file as a function of arrays by name."""
    with quiet():  # it tells of its successor each time
        interpreter = tf.lite.Interpreter(str(file), num_threads=threads)
    runner = interpreter.get_signature_runner()
    first = iter([hushed()])  # of calls, at which it tells of its delegate

    def run(arrays: Mapping[str, Array]) -> list[Array]:
        with next(first, contextlib.nullcontext()):
            out = runner(**{_name(name): a for name, a in arrays.items()})
        return [np.array(out[f"output_{k}"]) for k in range(len(out))]

    return run
