"""What may stand in a line of `prunelab`, read from the sub-commands' own parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass

from prunelab.cli.command import Command


@dataclass(frozen=True)
class Flag:
    """An option: its names, its help, the words its value may be (empty for any), None without a value."""

    names: tuple[str, ...]
    help: str
    values: tuple[str, ...] | None


@dataclass(frozen=True)
class Words:
    """What may stand after a sub-command: its flags, and the words of its first argument (empty for files)."""

    name: str
    summary: str
    flags: tuple[Flag, ...]
    first: tuple[str, ...]

    @classmethod
    def of(cls, command: Command) -> Words:
        """Those of a sub-command."""
        parser = argparse.ArgumentParser()
        command.options(parser)
        # argparse has a percent sign written twice
        flags = tuple(Flag(tuple(a.option_strings), str(a.help or "").replace("%%", "%"),
                           None if a.nargs == 0 else tuple(_values(a)))
                      for a in parser._actions if a.option_strings)
        places = [a for a in parser._actions if not a.option_strings and a.choices]
        return cls(command.name, command.summary, flags, tuple(map(str, places[0].choices or ())) if places else ())

    @property
    def names(self) -> list[str]:
        """Of all flags."""
        return [name for flag in self.flags for name in flag.names]


def _values(action: argparse.Action) -> Iterable[str]:
    known = _KNOWN.get(str(action.metavar))
    return known() if known else map(str, action.choices or ())


def _formats() -> Iterable[str]:
    from prunelab.export import FORMATS

    return FORMATS


def _criteria() -> Iterable[str]:
    from prunelab.criteria import CRITERIA

    return CRITERIA


def _metrics() -> Iterable[str]:
    from prunelab.evaluate import METRICS

    return METRICS


def _samplers() -> Iterable[str]:
    from prunelab.search import SAMPLERS

    return SAMPLERS


# by placeholder: the names that an option's value may be
_KNOWN = {"SAMPLER": _samplers, "FORMAT[,...]": _formats, "CRITERION": _criteria, "METRIC": _metrics}
