"""Models of hub repositories: places with a ``hubconf.py``, which is code and runs only when it is trusted."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import paddle

from prunelab.errors import OptionError, PrunelabError, reason_of, unknown_name

KINDS = {"hub": "local", "github": "github", "gitee": "gitee"}


def is_hub(source: str) -> bool:
    """Whether a source begins as that of a hub does."""
    return source.partition(":")[0] in KINDS


def load_from_hub(source: str, args: tuple[Any, ...], kwargs: dict[str, Any], *, trust: bool) -> Any:
    """What an entry of a ``hubconf.py`` makes: ``"hub:folder:entry"``, ``"github:owner/repository:entry"`` or
    ``"github:owner/repository:branch:entry"``.

    Raises:
        OptionError: no trust, no such folder or repository, or an entry that fails.
        UnknownNameError: an entry that it does not have.
    """
    kind, _, rest = source.partition(":")
    place, _, entry = rest.rpartition(":")
    if not place or not entry.isidentifier():
        raise OptionError(f"'{source}' names no entry; give 'hub:folder:entry' or 'github:owner/repository:entry'")
    if not trust:
        raise OptionError(f"'{source}' is code of a hub repository, which runs when it is loaded; read its hubconf.py, "
                          "and give trust=True")
    if kind == "hub" and not (Path(place) / "hubconf.py").is_file():
        raise OptionError(f"there is no '{Path(place) / 'hubconf.py'}'; a hub repository has one")
    if args:
        raise OptionError(f"'{source}' takes its arguments by name; give them so")
    try:
        # Paddle tells of its cache on the terminal
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            entries = paddle.hub.list(place, source=KINDS[kind], force_reload=False)
            if entry not in entries:
                raise unknown_name("entry", entry, entries, place=place)
            return paddle.hub.load(place, entry, source=KINDS[kind], force_reload=False, **kwargs)
    except PrunelabError:
        raise
    except Exception as error:  # a hubconf is a person's own code: anything may come of it
        raise OptionError(f"'{source}' cannot be loaded: {type(error).__name__}: {reason_of(error)}; mend its "
                          "hubconf.py, or give other arguments") from error
