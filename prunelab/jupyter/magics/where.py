"""What `%prune` alone and `%prune -h` show."""

from __future__ import annotations

from typing import Any

from prunelab.jupyter.magics.call import Text
from prunelab.jupyter.magics.session import Session


def where(session: Session) -> Any:
    """The status of the current Lab, or how to open one."""
    current = session.current()
    if current is not None:
        from prunelab.jupyter.status import status

        return status(current.value)
    labs = list(session.labs)
    if labs:
        return Text(f"there are several Labs, {', '.join(labs)}; next: choose one: %prune open {labs[0]}")
    return Text(f"no Lab is open; next: {session.opening()}\n(%prune -h lists the sub-commands)")


def overview() -> str:
    """All sub-commands, each in a line."""
    from prunelab.jupyter.magics import COMMANDS

    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join([
        "usage: %prune SUB-COMMAND [options]", "", *lines, "",
        "%prune alone shows where one is and what next; %prune step -h tells about one sub-command.",
        "Variables of the notebook work wherever a value is expected; --explain prints the Python that does the same."])
