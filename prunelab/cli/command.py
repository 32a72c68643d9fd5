"""`Command`: one sub-command of the command line, and what several have in common."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# what scripts can rely on; `prunelab -h` tells
FINE, WRONG, MISTAKE, FAULT, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True, kw_only=True)
class Command:
    """``options`` declares what it takes, ``run`` does it and gives the exit code."""

    name: str
    summary: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def json_option(parser: argparse.ArgumentParser) -> None:
    """``--json``, for `tell`."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def tell(given: argparse.Namespace, value: object, data: Any) -> None:
    """Print a value as a person reads it, or with ``--json`` its data; there a number that is none is null."""
    sys.stdout.write(f"{json.dumps(_finite(data), indent=1, allow_nan=False) if given.json else value}\n")


def _finite(data: Any) -> Any:
    """JSON has no word for a loss that went to infinity."""
    if isinstance(data, dict):
        return {key: _finite(each) for key, each in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(each) for each in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
