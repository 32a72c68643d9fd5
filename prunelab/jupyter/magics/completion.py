"""What may stand at the cursor of a `%prune` line, read from the sub-commands' own parsers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from prunelab.errors import PrunelabError
from prunelab.jupyter.magics import COMMANDS
from prunelab.jupyter.magics.session import Session
from prunelab.jupyter.magics.values import Kind, Listed

if TYPE_CHECKING:
    from prunelab.jupyter.magics.command import Option

# `%prune ...`, alone in its line or assigned; the rest of the line up to the cursor
_LINE = re.compile(r"\s*(?:[\w.\[\]'\", ]+=\s*)?%prune\s+(?P<rest>.*)", re.DOTALL)


def matcher(session: Session) -> Callable[[Any], dict[str, Any]]:
    """A matcher for IPython's completer (its second API): what it finds is shown alone, without jedi's guesses."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(identifier="prunelab.prune", priority=1000)
    def prune_matcher(context: Any) -> dict[str, Any]:
        line, cell = _LINE.fullmatch(context.text_until_cursor), _cell(context)
        if line is None and cell is None:
            return {"completions": [], "suppress": False}
        try:
            fragment, words = _in_cell(cell, session) if line is None else complete(line["rest"], session)
        except PrunelabError:  # a line that is wrong so far has no completions
            fragment, words = "", []
        # where nothing fits, what stands there already: without any, IPython adds its own, files and magics
        completions = [SimpleCompletion(word, type="prunelab") for word in words or [fragment]]
        return {"completions": completions, "matched_fragment": fragment, "suppress": True, "ordered": True}

    return prune_matcher


def _cell(context: Any) -> list[str] | None:
    """The lines of a `%%prune` cell up to the cursor; None in another cell."""
    lines = context.full_text.split("\n")[: context.cursor_line + 1]
    if not lines or not re.match(r"\s*%%prune\b", lines[0]):
        return None
    return [*lines[:-1], context.text_until_cursor]


def _in_cell(lines: list[str] | None, session: Session) -> tuple[str, list[str]]:
    from prunelab.jupyter.magics.cell_completion import complete_cell

    return complete_cell(lines or [""], session)


def complete(text: str, session: Session) -> tuple[str, list[str]]:
    """The piece before the cursor that a completion replaces, and the completions.

    Args:
        text: the line after ``%prune``, up to the cursor.
    """
    *before, word = _words(text)
    if not before:
        return _begin(word, [*COMMANDS, "--help"])
    if before[0] not in COMMANDS:
        return word, []
    options = COMMANDS[before[0]].parser().options
    flag, equals, value = word.partition("=")
    if equals and flag.startswith("-"):
        return _values(value, next((o.kind for o in options if flag in o.flags), None), session)
    pending, n_places, used = _walk(before[1:], options)
    if pending is not None and pending.kind is not None:
        fragment, found = _values(word, pending.kind, session)
        # what a value looks like, where no name is known; IPython would fill the list with its magics
        return fragment, found if found or word else [pending.kind.example(session)]
    flags = [o.flags[-1] for o in options if o.flags and (o.repeats or not used.intersection(o.flags))]
    places = [o for o in options if not o.flags]
    place = places[n_places] if n_places < len(places) else places[-1] if places and places[-1].repeats else None
    if word.startswith("-"):
        return _begin(word, flags)
    fragment, found = _values(word, place.kind if place else None, session)
    return fragment, found if word else [*found, *flags]


def _words(text: str) -> list[str]:
    """The words before the cursor; the last is the one it stands in, empty after a space."""
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:  # in an open quote: the quote's words, as they are
        words = text.replace('"', " ").replace("'", " ").split()
    return [*words, ""] if not text or text[-1].isspace() else words


def _walk(words: Iterable[str], options: list[Option]) -> tuple[Option | None, int, set[str]]:
    """The option whose value comes next, how many places are taken, and which options were given."""
    by_flag = {flag: option for option in options for flag in option.flags}
    pending: Option | None = None
    n_places, used = 0, set[str]()
    for word in words:
        if pending is not None:
            pending = None
        elif word.startswith("-"):
            flag, equals, _ = word.partition("=")
            used.add(flag)
            option = by_flag.get(flag)
            pending = option if option is not None and option.kind is not None and not equals else None
        else:
            n_places += 1
    return pending, n_places, used


def _values(word: str, kind: Kind | None, session: Session) -> tuple[str, list[str]]:
    if kind is None:
        return word, []
    fragment = word.rpartition(",")[2] if isinstance(kind, Listed) else word
    return _begin(fragment, kind.complete(word, session))


def _begin(fragment: str, words: Iterable[str]) -> tuple[str, list[str]]:
    """The words that begin with ``fragment``; those that do but for capitals where there are none."""
    words = list(words)
    found = [word for word in words if word.startswith(fragment)]
    return fragment, found or [word for word in words if word.lower().startswith(fragment.lower())]
