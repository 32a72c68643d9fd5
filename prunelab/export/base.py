"""What a format is: how its files are written, loaded again by their own runtime, and run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata, util
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from prunelab.errors import MissingExtraError
from prunelab.graph import TensorSpec

Array = np.ndarray[Any, Any]
Runner = Callable[[Mapping[str, Array]], list[Array]]  # arrays by input name -> the outputs, flat, in the model's order
Setting = Mapping[str, Any]  # one way to run a file, told in the manifest

# Runtimes that compute the same in float32 agree within 1.5e-6 on ten networks of all kinds, and the smallest wrong
# conversion known (a tanh GELU of paddle2onnx) is off by 2.7e-4. Between the two, with room for networks deeper than
# those ten.
TOLERANCE = 1e-4
STEM = "model"  # files are called model.json, model.onnx, ...


class Format(Protocol):
    """One kind of file. A new one is a file with such a class, and a line in ``FORMATS``.

    ``settings`` are the ways to run its files, the preferred first: each is compared with the model until one agrees,
    and the manifest says which, and by how much the others were off. A format with only one way has one empty setting.
    """

    @property
    def name(self) -> str:
        """What a person asks for."""

    @property
    def extension(self) -> str:
        """Of the file that holds the network."""

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The ways to run it, the preferred first."""

    @property
    def packages(self) -> tuple[str, ...]:
        """The distributions whose versions the manifest names."""

    def check_available(self) -> None:
        """Raise MissingExtraError if a package is missing. Quick: imports nothing."""

    def write(self, model: Any, directory: Path, specs: tuple[TensorSpec, ...]) -> tuple[Path, ...]:
        """Write ``model`` into ``directory`` and give the files; axis ``batch_axis`` of an input is free.

        The model is a layer in eval mode whose forward is plain (not static).

        Raises:
            ExportError: with the operator's name where it is known.
        """

    def load(self, files: tuple[Path, ...], setting: Setting, threads: int) -> Runner:
        """The written files in their own runtime; it raises whatever it likes."""


@runtime_checkable
class OfWeights(Protocol):
    """A format whose files are no program: they are tried in a copy of the model."""

    def load_into(self, model: Any, files: tuple[Path, ...], specs: tuple[TensorSpec, ...]) -> Runner:
        """A copy of ``model`` whose weights come from the files."""


@runtime_checkable
class Calibrated(Protocol):
    """A format that looks at data before it writes."""

    def calibrated(self, data: Any) -> Format:
        """The same with data, where it has none of its own; an OptionError where it needs some."""


@runtime_checkable
class Fitted(Protocol):
    """A format that looks at the model before it writes."""

    def fitted(self, model: Any, metrics: Any, loss: Any) -> Format:
        """The same for this model, whose layers it knows then."""


@runtime_checkable
class Otherwise(Protocol):
    """A format with a second way to write a model, for where the first fails or computes something else."""

    def otherwise(self) -> Format | None:
        """The same format, that other way; None where this is it."""


def tolerance_of(fmt: Format) -> float:
    """The largest relative error that a format's files may have: its own ``tolerance``, where it computes in fewer
    bits."""
    return float(getattr(fmt, "tolerance", TOLERANCE))


@dataclass(frozen=True)
class LongSpec(TensorSpec):
    """An input with another free axis than the batch: that of positions in a sequence."""

    length_axis: int | None = field(default=None, kw_only=True)

    def at_length(self, n: int) -> LongSpec:
        """The same with ``n`` positions."""
        shape = tuple(n if axis == self.length_axis else size for axis, size in enumerate(self.shape))
        return replace(self, shape=shape)


def at_length(specs: Sequence[TensorSpec], n: int) -> tuple[TensorSpec, ...]:
    """The same inputs with ``n`` positions, where their number is free."""
    return tuple(s.at_length(n) if isinstance(s, LongSpec) else s for s in specs)


def length_axis(spec: TensorSpec) -> int | None:
    """The axis of positions, where its length is free."""
    return spec.length_axis if isinstance(spec, LongSpec) else None


def free_shape(spec: TensorSpec) -> list[int | None]:
    """The input's shape with None for a free batch, and for a free length."""
    return [None if axis in (spec.batch_axis, length_axis(spec)) else n for axis, n in enumerate(spec.shape)]


def require(packages: Sequence[str], extra: str) -> None:
    """Raise MissingExtraError for the first of ``packages`` that cannot be imported."""
    for package in packages:
        try:
            found = util.find_spec(package) is not None
        except ValueError:  # sys.modules holds a None for it
            found = False
        if not found:
            raise MissingExtraError(package, extra)


def installed_version(package: str) -> str | None:
    """The version of a distribution, None where it is not installed (a build from source has no metadata)."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
