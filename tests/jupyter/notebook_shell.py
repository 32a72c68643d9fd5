"""A notebook without a front end: cells in a real IPython shell, and a notebook's usual variables."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

from IPython.core.completer import provisionalcompleter, rectify_completions

SETUP = """
import paddle
import prunelab as pl
from paddle import nn

class Small(nn.Layer):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2D(1, 8, 3, padding=1), nn.Conv2D(8, 12, 3, stride=2)
        self.fc = nn.Linear(12, 10)

    def forward(self, x):
        x = nn.functional.relu(self.conv1(x))
        return self.fc(nn.functional.relu(self.conv2(x)).mean([2, 3]))

paddle.seed(0)
net = Small()
digits = pl.datasets.digits("train").images[:96], pl.datasets.digits("train").labels[:96]
val_digits = pl.datasets.digits("val").images[:32], pl.datasets.digits("val").labels[:32]
"""


class Notebook:
    """Cells, one after another, in a shell of its own."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]

    def run(self, cell: str) -> Any:
        """What a cell gives; whatever it raises is raised here."""
        with contextlib.redirect_stdout(io.StringIO()):
            result = self.shell.run_cell(cell)
        result.raise_error()
        return result.result

    def shown(self, cell: str) -> list[str]:
        """The lines that a person sees of a cell."""
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
            self.shell.run_cell(cell)
        return re.sub(r"^Out\[\d+\]: ?\n?", "", out.getvalue().strip()).splitlines()

    def complete(self, line: str) -> list[str]:
        """What the kernel answers JupyterLab at the end of ``line``: the whole lines that completions make."""
        with provisionalcompleter():
            found = list(rectify_completions(line, self.shell.Completer.completions(line, len(line))))
        return [line[: c.start] + c.text + line[c.end :] for c in found]
