"""Completion as the shells do it: bash, zsh and fish are asked what they would offer."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prunelab.cli import main

# a line that somebody has typed so far -> what is offered, and what is not
LINES = {
    "prunelab ": (["apply", "doctor", "verify"], ["--force"]),
    "prunelab do": (["doctor"], ["apply"]),
    "prunelab export --f": (["--force", "--formats"], ["--json"]),
    "prunelab completion ": (["bash", "fish", "zsh"], ["doctor"]),
    "prunelab recipe ": (["check", "schema", "show"], ["doctor"]),
    "prunelab search --sampler a": (["annealing"], ["random"]),
}


def script(shell: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["completion", shell]) == 0
    path = folder / f"prunelab.{shell}"
    path.write_text(capsys.readouterr().out)
    return path


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


def check(line: str, offered: str) -> None:
    wanted, others = LINES[line]
    assert all(re.search(rf"(^|\s){word}\b", offered) for word in wanted), offered
    assert not any(re.search(rf"(^|\s){word}\b", offered) for word in others), offered


@needs("fish")
def test_fish_offers_what_the_parsers_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("fish", tmp_path, capsys)
    for line in LINES:
        run = subprocess.run(["fish", "--no-config", "-c", f"source {path}; complete -C '{line}'"], text=True,
                             capture_output=True, check=True, cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)})
        offered = "\n".join(told.partition("\t")[0] for told in run.stdout.splitlines())
        check(line, offered)
        assert run.stderr == ""


@needs("bash")
def test_bash_offers_what_the_parsers_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("bash", tmp_path, capsys)
    for line in LINES:
        words = [*line.split(" ")]
        ask = (f"source {path}; COMP_WORDS=({' '.join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}; "
               'compopt() { :; }; _prunelab; printf "%s\\n" "${COMPREPLY[@]}"')
        run = subprocess.run(["bash", "--norc", "-c", ask], text=True, capture_output=True, check=True, cwd=tmp_path)
        check(line, run.stdout)


class Terminal:
    """zsh at a terminal, which alone completes."""

    def __init__(self, folder: Path) -> None:
        import pty

        self.process, self.handle = pty.fork()
        if not self.process:
            os.chdir(folder)
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "xterm", "HOME": str(folder), "PS1": "> "})

    def say(self, text: str) -> None:
        os.write(self.handle, text.encode())

    def hear(self, until: str, seconds: float = 60) -> str:
        """What is written up to a text, and what follows it at once."""
        told, deadline = "", time.monotonic() + seconds
        while time.monotonic() < deadline:
            ready = select.select([self.handle], [], [], 0.5 if until in told else 1)[0]
            if ready:
                told += os.read(self.handle, 65536).decode(errors="replace")
                told = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", " ", told)
            elif until in told:
                return told
        pytest.fail(f"zsh did not say {until!r}: {told!r}")

    def close(self) -> None:
        os.close(self.handle)
        os.waitpid(self.process, 0)


@needs("zsh")
@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")
def test_zsh_offers_what_the_parsers_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = script("zsh", tmp_path, capsys)
    shell = Terminal(tmp_path)
    try:
        shell.say(f"stty cols 300; autoload -U compinit; compinit -u -D; source {path}; print -r RE''ADY\n")
        shell.hear("READY")
        for line, (wanted, _) in LINES.items():
            shell.say(f"\x15{line}" + ("\t" if len(wanted) == 1 else "\x04"))  # one is completed, several are listed
            told = shell.hear(wanted[-1]).rpartition("\x07")[2]
            check(line, told.split(line, 1)[-1] if len(wanted) > 1 else told)
    finally:
        shell.close()
