"""`%prune watch`: a run of another process."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import WORKSPACE
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """Which one."""
    parser.option("workspace", kind=WORKSPACE, help="the folder that the other process keeps its history in")


def call(given: Given, session: Session) -> Call:
    """``pl.Lab.watch(workspace)``."""
    from prunelab.lab import Lab

    return Call(Lab.watch, "pl.Lab.watch", [given.workspace], imports="import prunelab as pl")


WATCH = Command(name="watch", summary="look on while another process works: its tree and its curves as they grow",
                example="%prune watch runs/digits", options=options, call=call)
