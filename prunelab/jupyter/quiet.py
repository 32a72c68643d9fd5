"""Keeps Paddle's own noise out of notebooks: warnings that no user of a pruning toolkit can act on."""

from __future__ import annotations

import os
import warnings

# message -> why it says nothing here
_NOISE = {
    "No ccache found": "of compiling extensions, at every import of Paddle",
    "When training, we now always track global mean": "of batch norm, at every training",
}


def quieten() -> None:
    """Leave out Paddle's warnings that are no news. What the environment asks for stays."""
    for message in _NOISE:
        warnings.filterwarnings("ignore", message=message, category=UserWarning)
    # Paddle's C++ warns when it reads a program ("not support input out tensor"); errors are still shown. It looks at
    # this when it is imported, so load the extension first.
    os.environ.setdefault("GLOG_minloglevel", "2")
