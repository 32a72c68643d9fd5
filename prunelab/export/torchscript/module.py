"""A listing as a torch module, and the module as TorchScript."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from prunelab.errors import ExportError
from prunelab.export.base import Array
from prunelab.export.listing import Listing
from prunelab.export.sizes import Size
from prunelab.export.torchscript.table import TABLE
from prunelab.export.translate import refuse_unknown, translate


class Said(torch.nn.Module):
    """The listing's operators by torch's functions; parameters and buffers keep their names, with `_` for a dot."""

    def __init__(self, listing: Listing) -> None:
        super().__init__()
        refuse_unknown(listing, TABLE, "the torch table")
        self.listing = listing
        self._names: dict[int, Any] = {}
        for value, array in listing.held.items():
            name = listing.variables[value].name if value in listing.variables else f"v{value}"
            self._names[value] = self._hold(name.replace(".", "_"), array)

    def _hold(self, name: str, array: Any) -> Any:
        if isinstance(array, list):
            return [self._hold(f"{name}_{k}", part) for k, part in enumerate(array)]
        self.register_buffer(name, torch.from_numpy(np.array(array)))
        return name

    def _held(self, name: Any) -> Any:
        return [self._held(n) for n in name] if isinstance(name, list) else self.get_buffer(name)

    def forward(self, *inputs: Any) -> Any:
        env: dict[int, Any] = {v: self._held(name) for v, name in self._names.items()}
        given = dict(zip(self.listing.inputs, inputs, strict=True))
        env.update(given)
        lengths = {name: given[value].size(axis) for name, (value, axis) in self.listing.free.items()}

        def number(size: Any) -> Any:
            if isinstance(size, Size):
                return size.at(lengths)
            return [number(n) for n in size] if isinstance(size, list) else size

        translate(self.listing, TABLE, env, number=number, array=_tensor)
        out = tuple(_tensor(env[v]) for _, v in self.listing.outputs)
        return out if len(out) > 1 else out[0]


def _tensor(value: Any) -> Any:
    return torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value


def save(listing: Listing, target: Path) -> None:
    """Trace the listing and save it to ``target``.

    Raises:
        ExportError: operators that torch has no words for, by name.
    """
    examples, content = _examples(listing), io.BytesIO()
    try:
        with torch.no_grad(), _quiet():
            traced = torch.jit.trace(Said(listing).eval(), examples, check_trace=False)
            torch.jit.save(traced, content)  # into memory: on a full disk torch's writer ends the process
    except RuntimeError as error:
        raise ExportError(f"torch cannot trace {listing.model}: {str(error).splitlines()[0]}") from error
    target.write_bytes(content.getbuffer())


def _examples(listing: Listing) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    lengths = {**dict.fromkeys(listing.free, 2), **listing.at}

    def one(variable: Any) -> Any:
        shape = [n.at(lengths) if isinstance(n, Size) else n for n in variable.shape]
        if "float" in variable.dtype:
            return torch.from_numpy(rng.standard_normal(shape).astype(variable.dtype))
        # ones: an index that any table has, a length that any sequence has
        return torch.from_numpy(np.ones(shape, variable.dtype))
    return tuple(one(v) for v in listing.inputs.values())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a size that became a number of the trace is found by comparing
        yield


def load(file: Path, threads: int) -> Any:
    """The saved file as a function of arrays by name, in the order of its inputs."""
    with _quiet():
        module = torch.jit.load(str(file))

    def run(arrays: Mapping[str, Array]) -> list[Array]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            with torch.no_grad(), _quiet():
                out = module(*[torch.from_numpy(np.ascontiguousarray(a)) for a in arrays.values()])
        finally:
            torch.set_num_threads(before)
        return [t.numpy() for t in (out if isinstance(out, tuple) else (out,))]

    return run
