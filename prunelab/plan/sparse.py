"""`SparseGroup`: the units of one weight that a plan sets to zero and leaves in their place."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from prunelab.errors import PlanError
from prunelab.graph.groups import Group, Member
from prunelab.graph.sparse import Array, Pattern, expand, layout_of, n_units
from prunelab.render.patterns import PatternPicture

ENCODING = "base64(zlib(bits))"


@dataclass(frozen=True)
class SparseGroup:
    """One weight and its masked units, of which there may be millions: ``bits`` has one for each, packed as NumPy does.

    ``granularity`` is "element", "kernel", "block:4x4" or "2:4", ``members`` name the weight's output and input axes.
    """

    name: str
    units: int
    granularity: str
    members: tuple[Member, ...]
    shape: tuple[int, ...]
    bits: bytes

    @classmethod
    def of(cls, group: Group, shape: tuple[int, ...]) -> SparseGroup:
        """A group of a graph with nothing masked."""
        return cls(group.name, group.units, group.granularity, group.members, shape, bytes(-(-group.units // 8)))

    @property
    def parameter(self) -> str:
        """The weight's name."""
        return self.members[0].parameter

    @cached_property
    def gone(self) -> Array:
        """(units,) bool, true where a unit is masked."""
        return np.unpackbits(np.frombuffer(self.bits, np.uint8), count=self.units).astype(bool)

    def with_gone(self, gone: Array) -> SparseGroup:
        """The same weight with other units masked."""
        return replace(self, bits=np.packbits(gone).tobytes())

    def with_removed(self, units: Iterable[int]) -> SparseGroup:
        """The same weight with these units masked.

        Raises:
            PlanError: a unit that it does not have.
        """
        chosen = np.asarray(list(units) if not isinstance(units, np.ndarray) else units, np.int64)
        bad = chosen[(chosen < 0) | (chosen >= self.units)]
        if bad.size:
            raise PlanError(f"{self.name} has no unit {bad[0]}; its units are 0 to {self.units - 1}")
        gone = np.zeros(self.units, bool)
        gone[chosen] = True
        return self.with_gone(gone)

    @cached_property
    def removed(self) -> tuple[int, ...]:
        """The masked units by number; for millions of them, ask for `gone`."""
        return tuple(np.flatnonzero(self.gone).tolist())

    @cached_property
    def n_removed(self) -> int:
        """How many units are masked."""
        return int(np.count_nonzero(self.gone))

    @property
    def ratio(self) -> float:
        """The fraction masked."""
        return self.n_removed / self.units

    @cached_property
    def zeros(self) -> Array:
        """Which weights are zero: bool of the weight's shape."""
        pattern = Pattern.parse(self.granularity)
        if pattern is None:
            raise PlanError(f"{self.name} has the granularity '{self.granularity}', which is no pattern of a weight")
        return expand(pattern, layout_of(self.members, self.shape), self.gone)

    def picture(self) -> PatternPicture:
        """The weight as a matrix (outputs, inputs x kernel), masked weights dark."""
        zeros = layout_of(self.members, self.shape).moved(self.zeros)
        return PatternPicture(self.name, self.granularity, ~zeros.reshape(len(zeros), -1))

    def to_json(self) -> dict[str, Any]:
        """The group as JSON data."""
        return {"name": self.name, "units": self.units, "granularity": self.granularity, "shape": list(self.shape),
                "removed": {"encoding": ENCODING, "data": base64.b64encode(zlib.compress(self.bits)).decode("ascii")},
                "members": [{"parameter": m.parameter, "axis": m.axis, "role": m.role} for m in self.members]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SparseGroup:
        """The group that ``to_json`` gave.

        Raises:
            ValueError: data that contradicts itself.
        """
        members = tuple(Member(str(m["parameter"]), int(m["axis"]), str(m["role"])) for m in data["members"])
        shape, units = tuple(int(n) for n in data["shape"]), int(data["units"])
        pattern = Pattern.parse(str(data["granularity"]))
        if pattern is None or not shape or units != n_units(pattern, layout_of(members, shape)):
            raise ValueError(f"the units of {data['name']}")
        if data["removed"]["encoding"] != ENCODING:
            raise ValueError(f"the encoding {data['removed']['encoding']!r}")
        size = math.ceil(units / 8)
        # no more than is due is unpacked, whatever the data claims to hold
        bits = zlib.decompressobj().decompress(base64.b64decode(data["removed"]["data"], validate=True), size + 1)
        if len(bits) != size:
            raise ValueError(f"the bits of {data['name']}")
        return cls(str(data["name"]), units, str(data["granularity"]), members, shape, bits)
