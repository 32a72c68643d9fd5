"""`%prune report`: what was done, for a person who was not there."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import REPORT_FILE, TITLE
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """Where to, and what stands above."""
    parser.option("file", kind=REPORT_FILE, help="run.html, run.md or run.tex: the ending says which form")
    parser.option("--title", kind=TITLE, help="a heading (Pruning of the model)")


def call(given: Given, session: Session) -> Call:
    """``lab.report(file, title=...)``."""
    return session.call("report", given.file, title=given.title)


REPORT = Command(name="report", summary="write a report of the run: a page, Markdown, or tables for LaTeX",
                 example="%prune report run.html", options=options, call=call)
