"""`Command`: one sub-command of `%prune`, and the parser its options are declared with, once for all uses."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from prunelab.errors import OptionError, unknown_name
from prunelab.jupyter.magics.call import Call
from prunelab.jupyter.magics.session import Session
from prunelab.jupyter.magics.values import Kind, Number

Given = argparse.Namespace


@dataclass(frozen=True)
class Option:
    """An option or a positional argument, the kind of its values (None for a switch), whether there may be several."""

    action: argparse.Action
    kind: Kind | None
    repeats: bool

    @property
    def flags(self) -> Sequence[str]:
        """``("--ratio",)``; empty for a positional argument."""
        return self.action.option_strings

    @property
    def place(self) -> str:
        """How errors name it."""
        return self.flags[-1] if self.flags else str(self.action.metavar)


class Parser(argparse.ArgumentParser):
    """argparse, with errors that are ours and never an exit."""

    def __init__(self, name: str, summary: str) -> None:
        # no abbreviations: completion is there, and a new option must not change what a line in a notebook means
        super().__init__(prog=f"%prune {name}", description=summary, add_help=False, allow_abbrev=False,
                         exit_on_error=False, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.options: list[Option] = []
        self._session: Session | None = None

    def option(self, *names: str, kind: Kind | None = None, **settings: Any) -> None:
        """Declare an option (``"--ratio"``) or a positional argument (``"layer"``); without a ``kind``, a switch."""
        if kind is None:
            settings.setdefault("action", "store_true")
        else:
            settings.setdefault("metavar", kind.metavar)
        repeats = settings.get("action") == "append" or settings.get("nargs") == "*"
        self.options.append(Option(self.add_argument(*names, **settings), kind, repeats))

    def read(self, tokens: Sequence[str], session: Session) -> Given:
        """The values of a line's words.

        Raises:
            OptionError: a word too many, a value missing, or one that the option cannot take.
            UnknownNameError: an option or a name nobody knows.
        """
        self._session = session
        try:
            given, extra = self.parse_known_args(tokens)
        except argparse.ArgumentError as error:
            self._refuse(error, session)
        if extra:
            self._unexpected(extra[0])
        for option in self.options:
            text = getattr(given, option.action.dest)
            if option.kind is None or text is None:
                continue
            read = option.kind.read
            values = [read(word, session, option.place) for word in ([text] if isinstance(text, str) else text)]
            setattr(given, option.action.dest, values[0] if isinstance(text, str) else tuple(values))
        return given

    def error(self, message: str) -> NoReturn:
        """What argparse says of a missing argument and the like, as one of our errors."""
        missing = next((o for o in self.options if not o.flags and message.endswith(f"required: {o.place}")), None)
        if missing is not None and missing.kind is not None and self._session is not None:
            example = missing.kind.example(self._session)
            raise OptionError(f"{self.prog} lacks its {missing.place}; give one: {self.prog} {example}")
        raise OptionError(f"{self.prog}: {message}; {self.prog} -h tells more")

    def _refuse(self, error: argparse.ArgumentError, session: Session) -> NoReturn:
        option = next((o for o in self.options if error.argument_name in ("/".join(o.flags), o.place)), None)
        if option is None or option.kind is None or "expected" not in str(error):
            self.error(str(error))
        raise OptionError(f"{option.place} of {self.prog} lacks its value; give one, such as "
                          f"{' '.join([*option.flags[-1:], option.kind.example(session)])}") from error

    def _unexpected(self, word: str) -> NoReturn:
        if word.startswith("-"):
            flags = [flag for option in self.options for flag in option.flags]
            raise unknown_name("option", word.partition("=")[0], flags, place=self.prog)
        takes = [o.place for o in self.options if not o.flags]
        numbered = next((o.place for o in self.options if o.flags and isinstance(o.kind, Number)), None)
        if numbered is not None and word.replace(".", "", 1).isdecimal():
            raise OptionError(f"{self.prog} does not know what '{word}' is for; name the option: {numbered} {word}")
        raise OptionError(f"{self.prog} does not know what to do with '{word}'; before its options it takes "
                          f"{' '.join(takes) if takes else 'nothing'}")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One sub-command: ``options`` declares what it takes, ``call`` says which public function that means.

    ``example`` is a line that runs; ``{layer}`` and ``{state}`` in it become names of the current Lab, ``{open}`` a
    line that opens one.
    """

    name: str
    summary: str
    example: str
    call: Callable[[Given, Session], Call]
    options: Callable[[Parser], None] = lambda parser: None

    def parser(self) -> Parser:
        """Its parser: its own options, then those that every sub-command has."""
        parser = Parser(self.name, self.summary)
        self.options(parser)
        parser.option("--explain", help="print the Python that does the same, and do nothing")
        parser.option("-h", "--help", help="print this")
        return parser

    def help(self, session: Session) -> str:
        """What `-h` prints."""
        parser = self.parser()
        parser.epilog = f"example:\n  {self.example_line(session)}"
        return parser.format_help().rstrip()

    def example_line(self, session: Session) -> str:
        """The example with names that are there."""
        from prunelab.jupyter.magics.kinds import LAYER, STATE

        return self.example.format(layer=LAYER.example(session), state=STATE.example(session), open=session.opening())
