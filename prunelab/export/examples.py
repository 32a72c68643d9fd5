"""``examples.safetensors``: inputs and the model's own outputs, so that a folder can be verified without the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from prunelab.export.base import Array
from prunelab.export.subject import Example

NAME = "examples.safetensors"


def save_examples(examples: Mapping[int, Example], folder: Path) -> None:
    """By batch: inputs by name, outputs by number."""
    arrays = {}
    for batch, example in examples.items():
        arrays.update({f"{batch}/input/{name}": np.ascontiguousarray(a) for name, a in example.inputs.items()})
        arrays.update({f"{batch}/output/{k}": np.ascontiguousarray(a) for k, a in enumerate(example.outputs)})
    (folder / NAME).write_bytes(save(arrays))


def load_examples(folder: Path, names: list[str]) -> dict[int, Example]:
    """As they were saved; ``names`` is the order of the inputs."""
    arrays = load_file(str(folder / NAME))
    found: dict[int, Example] = {}
    for batch in sorted({int(key.partition("/")[0]) for key in arrays}):
        outputs: list[Array] = []
        while f"{batch}/output/{len(outputs)}" in arrays:
            outputs.append(arrays[f"{batch}/output/{len(outputs)}"])
        inputs = {name: arrays[f"{batch}/input/{name}"] for name in names}
        found[batch] = Example(inputs, tuple(outputs))
    return found
