"""The sub-commands of `%prune`: one a file, named in one table.

A new one is a file with a `Command`, a line here, and a line in the table of `tests/jupyter/test_lines.py`. Reading
this table loads neither Paddle nor a widget library: a sub-command imports what it needs when it is called.
"""

from __future__ import annotations

from prunelab.jupyter.magics.back import BACK
from prunelab.jupyter.magics.branch import BRANCH
from prunelab.jupyter.magics.code import CODE
from prunelab.jupyter.magics.command import Command
from prunelab.jupyter.magics.compare import COMPARE
from prunelab.jupyter.magics.curves import CURVES
from prunelab.jupyter.magics.env import ENV
from prunelab.jupyter.magics.export import EXPORT
from prunelab.jupyter.magics.goto import GOTO
from prunelab.jupyter.magics.graph import GRAPH
from prunelab.jupyter.magics.history import HISTORY
from prunelab.jupyter.magics.latency import LATENCY
from prunelab.jupyter.magics.layers import LAYERS
from prunelab.jupyter.magics.masks import MASKS
from prunelab.jupyter.magics.open import OPEN
from prunelab.jupyter.magics.panel import PANEL
from prunelab.jupyter.magics.plan import PLAN
from prunelab.jupyter.magics.report import REPORT
from prunelab.jupyter.magics.run import RUN
from prunelab.jupyter.magics.search import SEARCH
from prunelab.jupyter.magics.sensitivity import SENSITIVITY
from prunelab.jupyter.magics.status import STATUS
from prunelab.jupyter.magics.step import STEP
from prunelab.jupyter.magics.tag import TAG
from prunelab.jupyter.magics.tree import TREE
from prunelab.jupyter.magics.watch import WATCH

# in the order in which a person meets them
COMMANDS: dict[str, Command] = {command.name: command for command in (
    OPEN, STATUS, LAYERS, SENSITIVITY, LATENCY, STEP, RUN, BACK, GOTO, BRANCH, TAG, HISTORY, TREE, COMPARE, PLAN, MASKS,
    CURVES, SEARCH, EXPORT, REPORT, CODE, PANEL, WATCH, GRAPH, ENV,
)}

__all__ = ["COMMANDS", "Command"]
