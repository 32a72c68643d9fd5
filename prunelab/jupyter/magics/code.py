"""`%prune code`: the session so far, to be kept."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call, Named
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import CODE_FILE, FORM
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """Where to, and in which form."""
    parser.option("file", nargs="?", kind=CODE_FILE, help="write it there: run.py, run.toml or run.ipynb")
    parser.option("--as", dest="form", kind=FORM, help="script, recipe or notebook (what the ending says, or script)")


def call(given: Given, session: Session) -> Call:
    """``code(lab, file, form=...)``."""
    from prunelab.jupyter.code import code

    options = {"form": given.form, "names": Named("globals()", session.variables)}
    return Call(code, "code", [session.lab(), *([given.file] if given.file is not None else [])],
                {name: value for name, value in options.items() if value is not None},
                imports="from prunelab.jupyter.code import code")


CODE = Command(name="code", summary="the way to the current state as a script, a recipe or a notebook that repeats it",
               example="%prune code --as recipe", options=options, call=call)
