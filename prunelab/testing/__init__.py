"""The laws of the engine as checks, for our tests and for anyone's model."""

from __future__ import annotations

from prunelab.testing import laws

__all__ = ["laws"]
