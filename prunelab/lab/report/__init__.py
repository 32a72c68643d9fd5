"""A report of a run: what is said (`content`), in words (`told`), and in a form a file (`html`, `markdown`, `latex`).

A new form is a file with a function from `Content` to text, and a line in `FORMS`.
"""

from __future__ import annotations

from prunelab.lab.report.content import Content, Measured, content_of, sensed_on, uncut_of
from prunelab.lab.report.kept import keep, kept
from prunelab.lab.report.write import FORMS, write_report

__all__ = ["FORMS", "Content", "Measured", "content_of", "keep", "kept", "sensed_on", "uncut_of", "write_report"]
