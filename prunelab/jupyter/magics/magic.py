"""`%prune` itself: a line's words, the sub-command they name, its one call; and `%%prune` with a recipe in its cell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope

from prunelab.errors import OptionError, Stopped, unknown_name
from prunelab.jupyter.magics import COMMANDS
from prunelab.jupyter.magics.call import Text
from prunelab.jupyter.magics.cell import run_cell
from prunelab.jupyter.magics.open import origin_of
from prunelab.jupyter.magics.session import Session


@magics_class
class PruneMagics(Magics):
    """The magics ``%prune`` and ``%%prune``."""

    matcher: Any = None

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.session = Session(shell)

    @needs_local_scope
    @line_cell_magic
    def prune(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        """Prune a model step by step: ``%prune -h`` lists the sub-commands, ``%prune step -h`` tells about one;
        ``%%prune`` takes a whole run as a recipe in the cell."""
        self.session.local = local_ns or {}
        try:
            words = split(line)
            silent = bool(words) and words[-1].endswith(";")
            if silent:
                words[-1] = words[-1][:-1]
            words = [word for word in words if word]
            result = run(words, self.session) if cell is None else run_cell(words, cell, self.session)
        except KeyboardInterrupt:
            mark = "%" if cell is None else "%%"
            raise Stopped(f"{f'{mark}prune {line}'.strip()} was interrupted{self._where()}") from None
        finally:
            self.session.local = {}
        return None if silent else result

    def _where(self) -> str:
        current = self.session.current()
        return f"; {current.source} is at {current.value.state.id}, its last recorded state" if current else ""


def split(line: str) -> list[str]:
    """The words of a line, up to a ``#``; quotes keep spaces together.

    Raises:
        OptionError: a quote that is not closed.
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    # a backslash is a part of a path on Windows; whatever a comment holds, quotes too, is not read
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    words = []
    try:
        for word in lexer:
            if word.startswith("#"):
                break
            words.append(word)
    except ValueError:
        raise OptionError(f"a quote is not closed in: %prune {line}") from None
    return words


def run(words: list[str], session: Session) -> Any:
    """What a line gives: the sub-command's object, its help, or its Python."""
    from prunelab.jupyter.magics.where import overview, where

    if not words:
        return where(session)
    name, *rest = words
    if name in ("-h", "--help", "help"):
        return Text(COMMANDS[rest[0]].help(session) if rest and rest[0] in COMMANDS else overview())
    if name.startswith("-"):
        known = next((word for word in rest if word in COMMANDS), "step")
        raise OptionError(f"%prune begins with a sub-command, and options come after it: %prune {known} {name}")
    if name not in COMMANDS:
        raise unknown_name("sub-command", name, COMMANDS, place="%prune")
    command = COMMANDS[name]
    if "-h" in rest or "--help" in rest:
        return Text(command.help(session))
    given = command.parser().read(rest, session)
    call = command.call(given, session)
    if given.explain:
        return Text(call)
    result = call.make()
    if name == "open":
        session.use(result)
        result.origin = result.origin or origin_of(given)
    return result
