"""A report written: the form by the file's ending, the file whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from prunelab.errors import OptionError, WorkspaceError, shown, unknown_name
from prunelab.evaluate.files import write_text
from prunelab.lab.report.content import Content
from prunelab.lab.report.html import html
from prunelab.lab.report.latex import latex
from prunelab.lab.report.markdown import markdown

FORMS: Mapping[str, Callable[[Content], str]] = {".html": html, ".md": markdown, ".tex": latex}


def form_of(path: object) -> Callable[[Content], str]:
    """The form of a file, by its ending.

    Raises:
        OptionError: what is no path, or has another ending.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise OptionError(f"the path of a report is {shown(path)}; give a file's name, such as 'run.html'")
    ending = Path(path).suffix.lower()
    if ending not in FORMS:
        raise unknown_name("ending", ending, FORMS, place=f"the report {os.fspath(path)}")
    return FORMS[ending]


def write_report(content: Content, path: str | os.PathLike[str]) -> Path:
    """Write it; gives the path.

    Raises:
        OptionError: an ending that is no form's.
        WorkspaceError: a place that cannot be written; nothing is left there.
    """
    text = form_of(path)(content)
    try:
        return write_text(path, text)
    except OSError as error:
        raise WorkspaceError(f"the report cannot be written to {os.fspath(path)}: {error.strerror or error}; choose a "
                             "folder that exists and can be written") from error
