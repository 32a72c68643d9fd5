"""`%prune export`: the smaller model as files."""

from __future__ import annotations

from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.command import Command, Given, Parser
from prunelab.jupyter.magics.kinds import EXPORTED, FORMATS, SAMPLES
from prunelab.jupyter.magics.session import Session


def options(parser: Parser) -> None:
    """Where to, and as what."""
    parser.option("directory", kind=EXPORTED, help="a folder, which is made")
    parser.option("--formats", kind=FORMATS, help="with commas between them (paddle)")
    parser.option("--batch", kind=SAMPLES, help="samples a call when the files are timed (1)")
    parser.option("--no-examples", help="leave out the samples of the data that files are compared on elsewhere")
    parser.option("--force", help="replace a folder that holds something")


def call(given: Given, session: Session) -> Call:
    """``lab.export(directory, formats=...)``."""
    return session.call("export", given.directory, formats=given.formats, batch=given.batch,
                        examples=False if given.no_examples else None, force=given.force or None)


EXPORT = Command(name="export",
                 summary="write the smaller model for other runtimes, compared and timed beside the dense one",
                 example="%prune export out --formats paddle", options=options, call=call)
