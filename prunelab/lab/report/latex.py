r"""The report as LaTeX tables, for a paper: ``\input`` the file; it needs the package booktabs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prunelab.lab.report.content import Content
from prunelab.lab.report.letters import UNSET, escaped
from prunelab.lab.report.told import beside, step_headers, step_row, summary, timed, unmeasured
from prunelab.render.numbers import percent

# what a page of LaTeX's own article class holds in the smaller letters
_MOST_ROWS, _MOST_COLUMNS = 48, 6
_SMALL = r"  \footnotesize\setlength{\tabcolsep}{3.5pt}"


def latex(content: Content) -> str:
    """Three tables: dense beside pruned, the steps, the layers that were cut."""
    version = content.state.versions.get("prunelab", "")
    tables = "\n".join(_tables(content)) + "\n"
    head = [rf"% written by prunelab {version} from state {content.state.id}; needs \usepackage{{booktabs}}",
            "% " + " ".join((timed(content) or unmeasured(content)).split())]
    if r"\prunelabletter" in tables:
        head += ["% Some names have letters that pdfLaTeX lacks, and prints by number; LuaLaTeX and XeLaTeX set them,",
                 "% in a font that has them.", UNSET]
    return "\n".join([*head, "", tables])


def _tables(content: Content) -> Iterator[str]:
    yield from _table("result", summary(content), ["", "dense", "pruned", "change"], beside(content))
    steps = [[text for text, _ in step_row(state, content.metrics)] for state in content.path]
    yield from _table("steps", f"How {content.model} was pruned.", step_headers(content.metrics), steps)
    rows = [[row.name, row.granularity, f"{row.kept}", f"{row.units}", percent(row.ratio, 0)] for row in content.layers
            if row.kept < row.units]
    if rows:
        yield from _table("layers", f"Units that are left in the layers of {content.model} that were cut.",
                          ["layer", "unit", "kept", "of", "cut"], rows)


def _table(label: str, caption: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """One table, or several where one would run off the page."""
    sides = "".join("r" if k and all(row[k][:1] in "+−±–" or row[k][:1].isdigit() for row in rows) else "l"
                    for k in range(len(headers)))
    small = len(headers) > _MOST_COLUMNS or len(rows) > _MOST_ROWS // 2
    for first in range(0, max(1, len(rows)), _MOST_ROWS):
        more = f"-{first // _MOST_ROWS + 1}" if first else ""
        told = f"{caption} (continued)" if first else caption
        yield from (r"\begin{table}", r"  \centering", *([_SMALL] if small else []), rf"  \caption{{{escaped(told)}}}",
                    rf"  \label{{tab:pruning-{label}{more}}}", rf"  \begin{{tabular}}{{{sides}}}", r"    \toprule",
                    f"    {_row(headers)}", r"    \midrule")
        yield from (f"    {_row(row)}" for row in rows[first:first + _MOST_ROWS])
        yield from (r"    \bottomrule", r"  \end{tabular}", r"\end{table}", "")


def _row(cells: Sequence[str]) -> str:
    return " & ".join(map(escaped, cells)) + r" \\"
