"""Text as LaTeX: special characters escaped, Greek and signs as formulas, what pdfLaTeX has no letter for by number."""

from __future__ import annotations

import unicodedata

# Set in LuaLaTeX and XeLaTeX, if the document's font has it; pdfLaTeX prints its number.
UNSET = r"\providecommand{\prunelabletter}[2]{\ifdefined\Umathchar#1\else\texttt{U+#2}\,\fi}"

_SMALL = (r"\alpha \beta \gamma \delta \epsilon \zeta \eta \theta \iota \kappa \lambda \mu \nu \xi o \pi \rho "
          r"\varsigma \sigma \tau \upsilon \phi \chi \psi \omega").split()
_LARGE = r"A B \Gamma \Delta E Z H \Theta I K \Lambda M N \Xi O \Pi P ? \Sigma T \Upsilon \Phi X \Psi \Omega".split()
_GREEK = {chr(first + k): name if len(name) == 1 else f"${name}$"
          for first, names in ((0x3b1, _SMALL), (0x391, _LARGE)) for k, name in enumerate(names) if name != "?"}
_SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "[": "{[}",  # at a row's beginning it would be an option of the line break before
    "−": "$-$", "±": r"$\pm$", "×": r"$\times$", "÷": r"$\div$", "·": r"$\cdot$", "∞": r"$\infty$", "√": r"$\surd$",
    "≤": r"$\leq$", "≥": r"$\geq$", "≈": r"$\approx$", "≠": r"$\neq$", "¬": r"$\neg$", "∑": r"$\sum$", "∈": r"$\in$",
    "→": r"$\rightarrow$", "←": r"$\leftarrow$", "«": r"$\ll$", "»": r"$\gg$", "•": r"$\bullet$", "°": r"$^\circ$",
    "\u2032": "$'$", "¹": "$^1$", "²": "$^2$", "³": "$^3$", "½": "1/2", "¼": "1/4", "¾": "3/4", "µ": r"$\mu$",
    "–": "--", "—": "---", "…": r"\ldots{}", "’": "'", "\u2018": "`", "“": "``", "”": "''", '"': "''", "„": ",,",
    "¡": "!`", "¿": "?`", "§": r"\S{}", "¶": r"\P{}", "©": r"\copyright{}", "£": r"\pounds{}",
}
# what pdfLaTeX sets by itself: these letters, and those of ASCII with one of these accents
_LETTERS = frozenset("ßæÆœŒøØłŁıåÅ")
_ACCENTS = frozenset("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327")


def escaped(text: str) -> str:
    """The text as LaTeX; it needs `UNSET` where it holds ``\\prunelabletter``."""
    return "".join(map(_letter, " ".join(text.split())))


def _letter(letter: str) -> str:
    told = _SIGNS.get(letter) or _GREEK.get(letter)
    if told is None:
        told = letter if _is_set(letter) else rf"\prunelabletter{{{letter}}}{{{ord(letter):04X}}}"
    return told


def _is_set(letter: str) -> bool:
    decomposed = unicodedata.normalize("NFD", letter)
    first, accents = decomposed[0], decomposed[1:]
    return letter in _LETTERS or (ord(letter) < 0x180 and first.isascii() and _ACCENTS.issuperset(accents))
