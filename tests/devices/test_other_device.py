"""Law 9 on a second device: a fake one of host memory, which Paddle loads as it loads the plug-in of an accelerator."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import paddle
import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the fake device's library."""
    if sys.platform != "linux":
        pytest.skip("Paddle loads plug-ins of devices on Linux only")
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        tell = pytest.fail if IN_CI else pytest.skip
        tell("no C++ compiler to make the fake device with; on Debian: apt-get install -y g++")
    folder = tmp_path_factory.mktemp("device")
    subprocess.run([compiler, "-std=c++17", "-shared", "-fPIC", "-w", "-I", paddle.sysconfig.get_include(),
                    str(HERE / "fake_device.cc"), "-o", str(folder / "libfake.so")], check=True)
    return folder


@pytest.mark.parametrize(("default", "home"), [("cpu", "fake:0"), ("fake:0", "cpu"), ("fake:0", "fake:0")])
def test_all_lives_where_the_model_does(plugin: Path, default: str, home: str) -> None:
    # The plug-in has no kernels: Paddle copies to the CPU for each, and knows no strides there.
    env = {**os.environ, "CUSTOM_DEVICE_ROOT": str(plugin), "FLAGS_use_stride_kernel": "0", "GLOG_minloglevel": "3",
           "DEFAULT_DEVICE": default, "HOME_DEVICE": home, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist",
                           "-W", "ignore", str(HERE / "living_there.py")], cwd=ROOT, env=env, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
