"""A plan's JSON in two parts: what all plans of a history share, and the little that tells one from another."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

_OWN = ("cost", "made", "metrics")
_MOST = 1 << 28  # bytes of one plan, unpacked; a plan of masks over a billion weights has less


def split_plan(plan: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """The shared part (structure, members) and its own part (removed units, cost, metrics), both compressed."""
    groups = [dict(group) for group in plan["groups"]]
    removed = [group.pop("removed") for group in groups]
    own = {"removed": removed, **{key: plan[key] for key in _OWN}}
    shared = {**{key: value for key, value in plan.items() if key not in _OWN}, "groups": groups}
    return pack(shared), pack(own)


def join_plan(shared: bytes, own: bytes) -> dict[str, Any]:
    """The plan's JSON data again.

    Raises:
        ValueError: parts that do not belong together.
    """
    plan, mine = unpack(shared), unpack(own)
    if len(plan["groups"]) != len(mine["removed"]):
        raise ValueError("the two parts of a plan do not fit")
    groups = [{**group, "removed": gone} for group, gone in zip(plan["groups"], mine.pop("removed"), strict=True)]
    return {**plan, **mine, "groups": groups}


def pack(data: Any) -> bytes:
    """JSON data as compressed bytes, the same for the same data."""
    return zlib.compress(json.dumps(data, sort_keys=True, separators=(",", ":")).encode(), 6)


def unpack(packed: bytes) -> Any:
    """The data that `pack` packed.

    Raises:
        ValueError: what is no such data, or too much of it.
    """
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, _MOST)
    except zlib.error as error:
        raise ValueError(f"packed data is damaged: {error}") from error
    if not unpacker.eof:
        raise ValueError("packed data is damaged or too large")
    return json.loads(text)
