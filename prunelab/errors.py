"""Every mistake prunelab reports, as one tree.

    PrunelabError
    |-- OptionError (ValueError)       a value that an option cannot take
    |   |-- UnknownNameError           a name nobody knows: the nearest known one is in the message
    |   `-- NothingToDoError           what was asked for is so already
    |-- RecipeError (ValueError)       a recipe that cannot be read or carried out, with its line and column
    |-- TraceError                     a model that cannot be read as a graph
    |-- InputError (ValueError)        inputs of a wrong number, shape or kind
    |-- PlanError                      a plan that is malformed, too new, or made for another structure
    |-- SurgeryError                   a smaller model that does not compute what the masked one computes
    |-- DataError                      data that cannot be read as batches
    |-- TrainingError                  a loss that is not finite, an optimizer that cannot go on
    |-- SearchError                  a search that finds nothing, or a study that cannot be gone on with
    |-- WorkspaceError                 a workspace that cannot be written, read or shared
    |   `-- StateError                 a state of the history that is not there
    |-- ExportError                    a file that could not be written
    |   `-- ParityError                a written file that computes something else
    |-- MissingExtraError (ImportError)  an optional dependency that is not installed
    `-- Stopped                        work that was stopped by the person who started it

A message names the value, the place and the next step. In a notebook it is one line: IPython prints what
``_render_traceback_`` returns.
"""

from __future__ import annotations

import difflib
import math
import numbers
import re
from collections.abc import Iterable

_MOST_LISTED = 12  # names that fit on about one line of a notebook


class PrunelabError(Exception):
    """The root: catching it catches every mistake that prunelab reports."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class OptionError(PrunelabError, ValueError):
    """A value that an option cannot take."""


class UnknownNameError(OptionError):
    """A name nobody knows."""


class NothingToDoError(OptionError):
    """What was asked for is so already, and nothing was done."""


class RecipeError(PrunelabError, ValueError):
    """A recipe that cannot be read or carried out; ``line`` and ``column`` count from 1, and are 0 where it has no
    text."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        self.line, self.column = line, column
        super().__init__(message)


class TraceError(PrunelabError):
    """A model that cannot be read as a graph."""


class InputError(PrunelabError, ValueError):
    """Inputs of a wrong number, shape or kind."""


class PlanError(PrunelabError):
    """A plan that is malformed, too new, or made for another structure."""


class SurgeryError(PrunelabError):
    """A smaller model that does not compute what the masked one computes."""


class DataError(PrunelabError):
    """Data that cannot be read as batches."""


class TrainingError(PrunelabError):
    """Training that cannot go on."""


class SearchError(PrunelabError):
    """A search that finds nothing, or a study that cannot be gone on with."""


class WorkspaceError(PrunelabError):
    """A workspace that cannot be written, read or shared."""


class StateError(WorkspaceError):
    """A state of the history that is not there."""


class ExportError(PrunelabError):
    """A file that could not be written."""


class ParityError(ExportError):
    """A written file that computes something else than the model."""


class MissingExtraError(PrunelabError, ImportError):
    """An optional dependency that is not installed; ``extra`` is prunelab's extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{package} is not installed; get it with: pip install 'prunelab[{extra}]'")


class Stopped(PrunelabError):
    """Work that was stopped by the person who started it; the Lab is in its last recorded state."""


def came_of_an_interrupt(error: BaseException | None) -> bool:
    """Whether an error is what somebody's Ctrl-C became: a library that is interrupted while it is imported says that
    its initialization failed."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def pass_on_interrupt(error: BaseException) -> None:
    """Go on with somebody's Ctrl-C, as the KeyboardInterrupt it was, where the error came of it."""
    if came_of_an_interrupt(error):
        raise KeyboardInterrupt from error


def unknown_name(kind: str, name: object, known: Iterable[str], *, place: str = "") -> UnknownNameError:
    """An error for a misspelt ``name``: says the nearest known one, or all of them when they are few."""
    known = list(dict.fromkeys(known))
    # what begins so was not typed to its end; 0.5 of the letters in common is what a misspelling of a short name has
    begun = [k for k in known if str(name) and k.lower().startswith(str(name).lower())]
    near = begun or difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    if near:
        hint = f"did you mean '{near[0]}'?"
    elif len(known) <= _MOST_LISTED:
        hint = f"known: {', '.join(known) or 'none'}"
    else:
        hint = f"{len(known)} are known, among them {', '.join(known[:5])}"
    return UnknownNameError(f"unknown {kind} '{name}'{f' in {place}' if place else ''}; {hint}")


def check_ratio(value: object, *, place: str) -> float:
    """``value`` as a fraction in ``[0, 1)``, or an `OptionError` that names ``place``. NumPy's numbers do too."""
    number = _real(value)
    if not 0 <= number < 1:
        raise OptionError(f"{place} is {shown(value)}; it is the fraction removed, a number in [0, 1), such as 0.5")
    return number


def check_whole(value: object, place: str, least: int = 0, most: int | None = None) -> int:
    """``value`` as an int from ``least`` to ``most``, or an `OptionError` that names ``place``. NumPy's integers do
    too."""
    number = int(value) if isinstance(value, numbers.Integral) and not isinstance(value, bool) else None
    if number is None or number < least or (most is not None and number > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise OptionError(f"{place} is {shown(value)}; it is a whole number {limits}")
    return number


def check_seed(value: object, place: str = "seed") -> int:
    """``value`` as a seed: what 64 bits hold, as Paddle's generators take it."""
    return check_whole(value, place, 0, 2**64 - 1)


def check_positive(value: object, place: str) -> float:
    """``value`` as a finite float above 0, or an `OptionError` that names ``place``. NumPy's numbers do too."""
    number = _real(value)
    if not 0 < number < math.inf:
        raise OptionError(f"{place} is {shown(value)}; it is a number above 0, such as 0.001")
    return number


def _real(value: object) -> float:
    """A number as float; NaN, which is in no range, for anything else."""
    return float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else math.nan


def shown(value: object) -> str:
    """A value as a message shows it: numbers plainly (also NumPy's), what is long or has lines by its type."""
    text = str(value) if isinstance(value, numbers.Number) else repr(value)
    # half of a line of this project: the rest of the message has to fit too
    plain = len(text) <= 60 and "\n" not in text and " object at 0x" not in text
    return text if plain else f"a {type(value).__name__}"


def reason_of(error: BaseException) -> str:
    """What an error says, in one line: of Paddle's long messages the line that says what is wrong, without its kind and
    its place in Paddle's own source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if re.match(r"\(\w+\) ", line)] or [line for line in lines if "Error:" in line]
    text = re.sub(r"^\(\w+\) |\s*\(at /paddle/[^)]*\)", "", (told or lines or [""])[0]).rstrip(". ")
    # a KeyError is its key, an empty error says nothing: both need the kind
    kind = type(error).__name__
    return f"{kind}: {text}" if text and isinstance(error, KeyError) else text or kind
