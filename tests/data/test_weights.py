"""Weights of files: all of them or none, and no code."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle import nn
from safetensors.numpy import save_file

import prunelab as pl
from prunelab.data.weights import read_weights
from prunelab.errors import DataError, OptionError, UnknownNameError
from prunelab.testing import laws


def net():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1D(4), nn.LSTM(4, 2))


def same(a, b):
    return all(np.array_equal(v.numpy(), b.state_dict()[k].numpy()) for k, v in a.state_dict().items()
               if v._is_initialized())


def test_a_file_that_is_cut_off_is_no_matter_of_trust(tmp_path: Path) -> None:
    path = tmp_path / "w.pdparams"
    paddle.save(net().state_dict(), str(path))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"it may be cut short, get it again$"):
        pl.load_model(net(), weights=path)
    with pytest.raises(DataError, match=r"cannot be read by Paddle either: .*; get it again"):
        pl.load_model(net(), weights=path, trust=True)


FORMS = {
    "a state dict": lambda m, path: paddle.save(m.state_dict(), str(path)),
    "among other things": lambda m, path: paddle.save({"model": m.state_dict(), "epoch": 3}, str(path)),
    "protocol 2": lambda m, path: paddle.save(m.state_dict(), str(path), protocol=2),
    "plain arrays": lambda m, path: path.write_bytes(pickle.dumps(
        {k: v.numpy() for k, v in m.state_dict().items() if v._is_initialized()})),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_pdparams_is_read_as_paddle_reads_it(form: str, tmp_path: Path) -> None:
    saved, fresh = laws.stir(net()), net()
    FORMS[form](saved, tmp_path / "w.pdparams")
    assert pl.load_model(fresh, weights=tmp_path / "w.pdparams") is fresh
    assert same(saved, fresh)


def test_safetensors_and_other_float_types(tmp_path: Path) -> None:
    saved, fresh = laws.stir(net()), net()
    save_file({k: v.numpy() for k, v in saved.state_dict().items() if v._is_initialized()}, tmp_path / "w.safetensors")
    pl.load_model(fresh, weights=str(tmp_path / "w.safetensors"))
    assert same(saved, fresh)
    half = nn.Linear(2, 2)
    paddle.save({k: v.astype("bfloat16") for k, v in half.state_dict().items()}, str(tmp_path / "h.pdparams"))
    pl.load_model(half, weights=tmp_path / "h.pdparams")
    expected = paddle.load(str(tmp_path / "h.pdparams"))["weight"].astype("float32").numpy()
    np.testing.assert_array_equal(half.weight.numpy(), expected)


def test_large_weights_that_are_saved_in_slices_are_put_together(tmp_path: Path) -> None:
    w = np.arange(6, dtype="float32")
    path = tmp_path / "w.pdparams"
    path.write_bytes(pickle.dumps({"w@@.0": w[:4], "w@@.1": w[4:], "b": w[:1], "UnpackBigParamInfor@@": {
        "w": {"OriginShape": (2, 3), "slices": ["w@@.0", "w@@.1"]}}}, protocol=2))
    found = read_weights(path)
    assert sorted(found) == ["b", "w"]
    np.testing.assert_array_equal(found["w"], w.reshape(2, 3))


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_pickle_that_asks_for_code_is_refused_unless_it_is_trusted(tmp_path: Path) -> None:
    path = tmp_path / "w.pdparams"
    path.write_bytes(pickle.dumps({"weight": Evil(tmp_path / "ran")}))
    model = nn.Linear(2, 2)
    before = laws.bits(model)
    with pytest.raises(DataError, match=r"asks for \S+, which is no array: .* is not read; .*; or give trust=True"):
        pl.load_model(model, weights=path)
    assert not (tmp_path / "ran").exists()
    assert laws.bits(model) == before
    with pytest.raises(DataError, match="holds no weights"):
        pl.load_model(model, weights=path, trust=True)
    assert (tmp_path / "ran").exists()


CRAFTED = {
    "a codec that is looked up": b"c_codecs\nencode\n(Vx\nVidna\ntR.",
    "an array of another kind": b"cnumpy.core.multiarray\n_reconstruct\n(cbuiltins\ntuple\n(I0\ntVb\ntR.",
    "the builtins": b"cbuiltins\neval\n(V1\ntR.",
    "a persistent id": b"Vx\nQ.",
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_pickles_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "w.pdparams"
    path.write_bytes(CRAFTED[name])
    with pytest.raises(DataError, match="asks for"):
        read_weights(path)


def test_weights_of_another_model_change_nothing(tmp_path: Path) -> None:
    model = nn.Linear(2, 3)
    before = laws.bits(model)
    save_file({"weight": np.zeros((2, 4), "float32"), "extra": np.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(OptionError, match=r"another model than Linear: bias is missing; extra is not the model's; "
                                          r"weight is \(2, 4\), not \(2, 3\); give the network"):
        pl.load_model(model, weights=tmp_path / "w.safetensors")
    assert laws.bits(model) == before


@pytest.mark.parametrize(("name", "content", "says"), [
    ("w.safetensors", b"no", "cannot be read as safetensors"), ("w.pdparams", b"no", "is no pickle of arrays"),
    ("w.pdparams", pickle.dumps([1]), "it holds a list"), ("w.pdparams", pickle.dumps({"a": "b"}), "'a' is no array"),
    ("w.pth", b"", "give a file of .safetensors or .pdparams"), ("w.pdparams", None, "there is no file"),
])
def test_files_that_are_no_weights(name: str, content: bytes | None, says: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises((DataError, OptionError), match=says):
        pl.load_model(nn.Linear(2, 2), weights=tmp_path / name)


def test_weights_are_a_file() -> None:
    with pytest.raises(OptionError, match=r"weights is 3; give a file of \.safetensors"):
        pl.load_model(nn.Linear(2, 2), weights=3)


HUB = "dependencies = []\nimport paddle\ndef small(width=3):\n    'A layer.'\n    return paddle.nn.Linear(2, width)\n"


def test_a_hub_repository_runs_only_when_it_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "hubconf.py").write_text(HUB + f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(OptionError, match="is code of a hub repository"):
        pl.load_model(f"hub:{tmp_path}:small")
    with pytest.raises(OptionError, match="is code of a hub repository"):
        pl.load_model("github:somebody/models:small")
    assert not (tmp_path / "ran").exists()
    assert pl.load_model(f"hub:{tmp_path}:small", width=6, trust=True).weight.shape[1] == 6
    with pytest.raises(UnknownNameError, match="did you mean 'small'"):
        pl.load_model(f"hub:{tmp_path}:smal", trust=True)
    with pytest.raises(OptionError, match="cannot be loaded: TypeError"):
        pl.load_model(f"hub:{tmp_path}:small", depth=1, trust=True)
    with pytest.raises(OptionError, match=r"there is no '.*nowhere/hubconf\.py'"):
        pl.load_model(f"hub:{tmp_path}/nowhere:small", trust=True)
    with pytest.raises(OptionError, match="names no entry"):
        pl.load_model("hub:small", trust=True)
