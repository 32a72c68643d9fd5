"""`Command`: one sub-command of the command line, and what several have in common."""

from __future__ import annotations

import argparse
import json
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
    """Print a value as a person reads it, or with ``--json`` its data."""
    sys.stdout.write(f"{json.dumps(data, indent=1) if given.json else value}\n")
