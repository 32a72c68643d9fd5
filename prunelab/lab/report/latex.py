r"""The report as LaTeX tables, for a paper: ``\input`` the file; it needs the package booktabs."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from prunelab.lab.report.content import Content
from prunelab.lab.report.told import beside, step_headers, step_row, summary
from prunelab.render.numbers import percent

_SPECIAL = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "−": "$-$", "±": r"$\pm$", "–": "--", "∞": r"$\infty$", "→": r"$\rightarrow$",
    "×": r"$\times$", "≤": r"$\leq$", "≥": r"$\geq$", "·": r"$\cdot$", "…": r"\ldots{}", "’": "'", '"': "''",
    "[": "{[}",  # at a row's beginning it would be an option of the line break before
})
# what pdfLaTeX sets by itself: these letters, and those of ASCII with one of these accents
_LETTERS = frozenset("ßæÆœŒøØłŁıåÅ")
_ACCENTS = frozenset("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327")


def latex(content: Content) -> str:
    """Three tables: dense beside pruned, the steps, the layers that were cut."""
    return "\n".join(_lines(content)) + "\n"


def _lines(content: Content) -> Iterator[str]:
    version = content.state.versions.get("prunelab", "")
    yield from (rf"% written by prunelab {version} from state {content.state.id}; needs \usepackage{{booktabs}}", "")
    yield from _table("result", summary(content), ["", "dense", "pruned", "change"], beside(content))
    steps = [[text for text, _ in step_row(state, content.metrics)] for state in content.path]
    yield from _table("steps", f"How {content.model} was pruned.", step_headers(content.metrics), steps)
    rows = [[row.name, row.granularity, f"{row.kept}", f"{row.units}", percent(row.ratio, 0)] for row in content.layers
            if row.kept < row.units]
    if rows:
        yield from _table("layers", f"Units that are left in the layers of {content.model} that were cut.",
                          ["layer", "unit", "kept", "of", "cut"], rows)


def _table(label: str, caption: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    sides = "".join("r" if k and all(row[k][:1] in "+−±–" or row[k][:1].isdigit() for row in rows) else "l"
                    for k in range(len(headers)))
    yield from (r"\begin{table}", r"  \centering", rf"  \caption{{{escaped(caption)}}}",
                rf"  \label{{tab:pruning-{label}}}", rf"  \begin{{tabular}}{{{sides}}}", r"    \toprule",
                f"    {_row(headers)}", r"    \midrule")
    yield from (f"    {_row(row)}" for row in rows)
    yield from (r"    \bottomrule", r"  \end{tabular}", r"\end{table}", "")


def _row(cells: Sequence[str]) -> str:
    return " & ".join(map(escaped, cells)) + r" \\"


def escaped(text: str) -> str:
    """The text as LaTeX; what pdfLaTeX has no letter for becomes a question mark."""
    told = text.translate(_SPECIAL)
    return "".join(c if _is_set(c) else "?" for c in " ".join(told.split()))


def _is_set(letter: str) -> bool:
    decomposed = unicodedata.normalize("NFD", letter)
    first, accents = decomposed[0], decomposed[1:]
    return letter in _LETTERS or (ord(letter) < 0x180 and first.isascii() and _ACCENTS.issuperset(accents))
