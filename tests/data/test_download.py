"""Files by URL, from a server on this machine that also behaves badly: whole and checked, or not at all."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import paddle
import pytest
from safetensors.numpy import save

import prunelab as pl
from prunelab.data.download import Checksum, download
from prunelab.errors import DataError, OptionError

FILE = bytes(range(256)) * 40
SHA = hashlib.sha256(FILE).hexdigest()
NET = b"import paddle\ndef small(width=3):\n    return paddle.nn.Linear(2, width)\n"


def weights(width: int = 3) -> bytes:
    rng = np.random.default_rng(0)
    return save({"weight": rng.normal(size=(2, width)).astype("float32"), "bias": np.ones(width, "float32")})


class Server(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        files = {"/file.bin": FILE, "/net.py": NET, "/w.safetensors": weights(), "/there": FILE}
        if self.path == "/latest-weights":
            self.send_response(302)
            self.send_header("Location", "/w.safetensors")
            self.end_headers()
        elif self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/file.bin")
            self.end_headers()
        elif self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
            self.end_headers()
        elif self.path == "/cut.bin":
            self.send_response(200)
            self.send_header("Content-Length", str(len(FILE)))
            self.end_headers()
            self.wfile.write(FILE[:1000])
        elif self.path == "/silent":
            time.sleep(1.5)
        elif self.path == "/drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            for _ in range(30):
                try:
                    self.wfile.write(b"x")
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(0.05)
        elif self.path in files:
            self.send_response(200)
            self.send_header("Content-Length", str(len(files[self.path])))
            self.end_headers()
            self.wfile.write(files[self.path])
        else:
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server, and an empty cache."""
    monkeypatch.setenv("PRUNELAB_CACHE", str(tmp_path / "cache"))
    Server.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as found:
        found.daemon_threads = True
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


def left(tmp_path: Path) -> list[str]:
    return sorted(p.name for p in (tmp_path / "cache").rglob("*") if p.is_file())


def test_a_file_comes_once_and_then_from_the_cache(server: str, tmp_path: Path) -> None:
    path = download(f"{server}/file.bin", checksum=SHA)
    assert path.read_bytes() == FILE
    assert download(f"{server}/file.bin") == path
    assert Server.asked == ["/file.bin"]
    assert left(tmp_path) == ["file.bin"]
    # one that was changed on the disk is got again
    path.write_bytes(b"other")
    assert download(f"{server}/file.bin", checksum=f"md5:{hashlib.md5(FILE).hexdigest()}").read_bytes() == FILE
    assert len(Server.asked) == 2
    assert download(f"{server}/file.bin", cache=tmp_path / "elsewhere").parent.parent == tmp_path / "elsewhere"


def test_a_redirect_is_followed_but_not_out_of_the_network(server: str, tmp_path: Path) -> None:
    assert download(f"{server}/moved", checksum=SHA).read_bytes() == FILE
    with pytest.raises(DataError, match="is not allowed"):
        download(f"{server}/away")
    with pytest.raises(DataError, match="answers 302"):
        download(f"{server}/round")
    assert left(tmp_path) == ["moved"]


MISBEHAVIOUR = {
    "another checksum": ("/file.bin", {"checksum": "0" * 64}, f"has the sha256 {SHA}, not 0000.* was thrown away"),
    "not there": ("/nothing", {}, "answers 404 Not Found; look at the address"),
    "cut off": ("/cut.bin", {}, "was cut off"),
    "silent": ("/silent", {"timeout": 0.3}, "is too slow"),
    "dripping": ("/drip", {"timeout": 0.3}, "is too slow: less than a kilobyte a second for 0.3 s"),
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_what_goes_wrong_is_told_and_leaves_nothing(server: str, tmp_path: Path, name: str) -> None:
    path, options, says = MISBEHAVIOUR[name]
    with pytest.raises(DataError, match=says):
        download(server + path, **options)
    assert left(tmp_path) == []


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"does not answer: .*; look at the address and at your network"):
        download("http://127.0.0.1:9/file", cache=tmp_path, timeout=2)


@pytest.mark.parametrize(("call", "says"), [
    (lambda: Checksum.parse("xyz"), "checksum is 'xyz'; give the 64 digits"),
    (lambda: Checksum.parse("md5:" + "0" * 64), "give the 64 digits"),
    (lambda: download("ftp://host/file"), "is no address that is read"),
    (lambda: download("http://host/file", timeout=0), "timeout is 0"),
])
def test_mistakes(call: object, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        call()


def test_weights_by_url_fill_a_network(server: str) -> None:
    model = pl.load_model("paddle.nn:Linear", 2, 3, weights=f"{server}/w.safetensors",
                          checksum=hashlib.sha256(weights()).hexdigest())
    assert model.bias.numpy().tolist() == [1, 1, 1]
    with pytest.raises(DataError, match="not 0000"):
        pl.load_model("paddle.nn:Linear", 2, 3, weights=f"{server}/w.safetensors", checksum="0" * 64)


def test_an_address_that_names_no_form_is_read_by_what_comes(server: str) -> None:
    model = pl.load_model("paddle.nn:Linear", 2, 3, weights=f"{server}/latest-weights")
    np.testing.assert_array_equal(model.bias.numpy(), np.ones(3))
    with pytest.raises(OptionError, match=f"weights is '{server}/there'; give a file of .safetensors or .pdparams"):
        pl.load_model("paddle.nn:Linear", 2, 3, weights=f"{server}/there")


def test_code_by_url_runs_only_when_it_is_trusted(server: str) -> None:
    with pytest.raises(OptionError, match="is code from elsewhere, which runs when it is loaded; read it"):
        pl.load_model(f"{server}/net.py:small")
    assert Server.asked == []
    model = pl.load_model(f"{server}/net.py:small", width=5, trust=True, checksum=hashlib.sha256(NET).hexdigest())
    assert isinstance(model, paddle.nn.Linear)
    assert model.weight.shape[1] == 5


@pytest.mark.parametrize(("source", "says"), [
    ("/m.json", "one of two files of a program"), ("/m.zip", "ends with '.zip'; give the URL of an .onnx"),
    ("/w.safetensors", "holds weights, and no network"),
])
def test_urls_of_other_things(server: str, source: str, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        pl.load_model(server + source)
