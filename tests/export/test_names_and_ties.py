"""Outputs that are inputs, parameters or each other, names that meet, and what Paddle saves only in part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

import prunelab as pl
from prunelab import errors
from prunelab.export import FORMATS, check

FORMS = ("paddle", "onnx", "python")


class Gives(nn.Layer):
    """A linear layer and what ``outputs`` makes of it, its input and its result."""

    def __init__(self, outputs: Callable[[nn.Layer, Any, Any], Any]) -> None:
        super().__init__()
        self.linear, self.outputs = nn.Linear(6, 8), outputs

    def forward(self, x: Any) -> Any:
        return self.outputs(self.linear, x, self.linear(x))


class Batch(nn.Layer):
    """Its inputs have the names that files have for other things, and its outputs those of its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 8)

    def forward(self, batch: Any, place: Any) -> Any:
        hidden = self.linear(batch)
        return {"batch": hidden, "place": place, "linear.weight": hidden + place, "MatMul_1": hidden * 2}


MODELS: dict[str, tuple[Callable[[], nn.Layer], list[tuple[int, ...]]]] = {
    "an input": (lambda: Gives(lambda _, x, h: (x, h)), [(2, 6)]),
    "the same twice": (lambda: Gives(lambda _, x, h: {"a": h, "b": [h, h + 1]}), [(2, 6)]),
    "a parameter": (lambda: Gives(lambda linear, x, h: (h, linear.weight)), [(2, 6)]),
    "a constant": (lambda: Gives(lambda _, x, h: (h, paddle.full([3], 2.0))), [(2, 6)]),
    "names that meet": (Batch, [(2, 6), (2, 8)]),
    # Paddle saves its first weight: what a forward writes over a buffer is not in the program
    "a weight that is written": (lambda: nn.Sequential(nn.utils.spectral_norm(nn.Linear(6, 8))), [(2, 6)]),
    "a hook of the whole model": (lambda: nn.utils.spectral_norm(nn.Linear(6, 8)), [(2, 6)]),
    # Paddle makes a loop of it, which its runtime does not end
    "a recurrent layer over a cell": (lambda: nn.RNN(nn.GRUCell(4, 5)), [(2, 3, 4)]),
}


@pytest.mark.filterwarnings("ignore:Found 'dict' in given outputs")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MODELS)
def test_a_file_gives_what_the_model_gives(name: str, form: str, tmp_path: Path) -> None:
    make, shapes = MODELS[name]
    model, inputs = make(), [paddle.randn(shape) for shape in shapes]
    out = pl.export(model, tmp_path / "out", (form,), inputs=inputs, timing=None)
    told = out.manifest["formats"][form]
    assert told["batch"]["free"]
    names = [i["name"] for i in told["inputs"]]
    run = FORMATS[form].load(out.files[form], told["setting"], 1)
    model.eval()
    given = [paddle.randn([5, *shape[1:]]) for shape in shapes]
    expected = [t.numpy() for t in paddle.utils.flatten(model(*given))]
    found = run(dict(zip(names, (t.numpy() for t in given), strict=True)))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_outputs_whose_order_nobody_knows_are_refused(tmp_path: Path) -> None:
    model = Gives(lambda _, x, h: {"a": h, 3: x})
    with pytest.raises(errors.InputError, match=r"whose keys have no order .*; give all of them keys of one kind"):
        pl.export(model, tmp_path / "out", ("onnx",), inputs=(1, 6))
    assert not list(tmp_path.iterdir())


def test_the_first_way_to_write_tells_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "relative_error", lambda *_: 1.0)
    model = nn.Linear(4, 2)
    with pytest.raises(errors.ParityError, match="max relative error 1 with onednn on, 1 with onednn off"):
        pl.export(model, tmp_path / "out", ("paddle",), inputs=(1, 4))
    assert not model._forward_post_hooks
    assert not list(tmp_path.iterdir())
