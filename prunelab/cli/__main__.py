"""``python -m prunelab.cli`` is the same as ``prunelab``."""

from __future__ import annotations

import sys

from prunelab.cli import main

if __name__ == "__main__":
    sys.exit(main())
