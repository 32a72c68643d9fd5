"""`load_data`: data by where it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prunelab.data.models import _call, _file, _module, _parts
from prunelab.errors import unknown_name


def load_data(source: str, *args: Any, **kwargs: Any) -> Any:
    """The data that ``source`` makes: a callable that is called with the other arguments, or what is there already.

    Args:
        source: ``"module:callable"`` or ``"file.py:callable"``; the file is run: load only what you would import.

    Raises:
        OptionError: a source of another form, a module or file that cannot be loaded, arguments that the callable does
            not take.
        UnknownNameError: the module has nothing of that name; the nearest is in the message.
    """
    place, name = _parts(source)
    value: Any = _file(Path(place)) if place.endswith(".py") else _module(place)
    for part in name.split("."):
        if not hasattr(value, part):
            raise unknown_name("data", part, [n for n in dir(value) if not n.startswith("_")], place=place)
        value = getattr(value, part)
    return _call(value, source, args, kwargs) if callable(value) else value
