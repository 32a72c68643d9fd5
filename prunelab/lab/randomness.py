"""The global random states, out into plain arrays and back in, bit for bit.

Three generators decide what training does: Paddle's (weights, dropout), NumPy's global one (the order of samples) and
Python's (many transforms). Paddle's state has no constructor, but its ``__setstate__`` takes plain numbers: the device,
the seed, the offset, and the text of a 64-bit Mersenne twister, so nothing needs pickle.
"""

from __future__ import annotations

import hashlib
import random
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class RandomState:
    """All global random states: what they were seeded with, and the full states of those that were drawn from since.

    ``check`` is a digest of all of them, in full; ``seed`` is None where every state is in full.
    """

    seed: int | None
    arrays: Mapping[str, Array]
    check: str

    @classmethod
    def of(cls, states: Mapping[str, Array]) -> RandomState:
        """Full states, as `read_random` gives them."""
        return cls(None, states, _check(states))

    @classmethod
    def now(cls, seeded: tuple[int, Mapping[str, Array]]) -> RandomState:
        """The states as they are; ``seeded``: the seed, and the states right after it was set."""
        states = read_random()
        seed, fresh = seeded
        drawn = {key: s for key, s in states.items() if key not in fresh or not np.array_equal(s, fresh[key])}
        return cls(seed, drawn, _check(states))

    def restore(self) -> None:
        """Set the global generators to these states, bit for bit."""
        if self.seed is not None:
            seed_all(self.seed)
        states = {**read_random(), **self.arrays}
        restore_random(states)
        if self.seed is not None and _check(read_random()) != self.check:
            warnings.warn("this Paddle, NumPy or Python seeds its generators in another way, or for other devices, "
                          "than what the state was recorded with: what is drawn now differs from then",
                          RuntimeWarning, stacklevel=2)


def _check(states: Mapping[str, Array]) -> str:
    told = hashlib.sha256()
    for key in sorted(states):
        told.update(key.encode() + states[key].tobytes())
    return told.hexdigest()[:16]


def seed_all(seed: int) -> None:
    """Set Paddle's, NumPy's and Python's global generators."""
    paddle.seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def step_seed(seed: int, depth: int) -> int:
    """The seed of the work that starts ``depth`` states below the dense model.

    By depth and not by id: replayed on a fresh Lab a branch gets other ids, and has to give the same bits.
    """
    return int(np.random.SeedSequence([seed, depth]).generate_state(1)[0])


def read_random() -> dict[str, Array]:
    """All global random states, by the generator's name."""
    version, words, gauss = random.getstate()
    legacy: Any = np.random.get_state(legacy=True)
    _, keys, position, has_gauss, cached = legacy
    states = {
        "python": np.array([version, *words], np.uint64),
        "python.gauss": np.array([] if gauss is None else [gauss], np.float64),
        "numpy": np.array([*keys, position, has_gauss], np.uint64),
        "numpy.gauss": np.array([cached], np.float64),
    }
    for device in _devices():
        for index, state in enumerate(paddle.get_rng_state(device)):
            number, seed, offset, codes = state.__getstate__()
            twister = map(int, bytes(codes).decode("ascii").split())
            # the device is -1 on the CPU, the seed may fill 64 bits
            header = [number % 2**64, seed % 2**64, offset % 2**64]
            states[f"paddle.{device}.{index}"] = np.array([*header, *twister], np.uint64)
    return states


def restore_random(states: Mapping[str, Array]) -> None:
    """Set the global generators to what `read_random` gave; those of devices that are not here are left out."""
    version, *words = map(int, states["python"])
    gauss = states["python.gauss"]
    random.setstate((version, tuple(words), float(gauss[0]) if gauss.size else None))
    *keys, position, has_gauss = map(int, states["numpy"])
    cached = float(states["numpy.gauss"][0])
    np.random.set_state(("MT19937", np.array(keys, np.uint32), position, has_gauss, cached))
    for device in _devices():
        wanted = [states[k] for k in sorted(states, key=_index) if k.rpartition(".")[0] == f"paddle.{device}"]
        present = paddle.get_rng_state(device)
        if len(wanted) == len(present):
            paddle.set_rng_state([_paddle_state(type(p), w) for p, w in zip(present, wanted, strict=True)], device)


def _index(name: str) -> int:
    last = name.rpartition(".")[2]
    return int(last) if last.isdecimal() else -1


def _devices() -> list[str]:
    """The CPU, and the kind of device that Paddle works on."""
    return list(dict.fromkeys(["cpu", paddle.device.get_device().partition(":")[0]]))


def _paddle_state(kind: Any, numbers: Array) -> Any:
    number, seed, offset, *words = map(int, numbers)
    state = kind.__new__(kind)
    signed = number - 2**64 if number >= 2**63 else number
    state.__setstate__((signed, seed, offset, list(" ".join(map(str, words)).encode("ascii"))))
    return state
