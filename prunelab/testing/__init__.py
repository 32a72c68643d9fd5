"""The laws of the engine as checks: for our tests, for anyone's model, and for rules that others register."""

from __future__ import annotations

from prunelab.testing import laws
from prunelab.testing.operators import check_operator
from prunelab.testing.verdict import Finding, Verdict, check_model

__all__ = ["Finding", "Verdict", "check_model", "check_operator", "laws"]
