"""A model small enough to be exported in a moment."""

from __future__ import annotations

import pytest
from export_nets import Then
from paddle import nn
from paddle.nn import functional


@pytest.fixture
def small() -> nn.Layer:
    return Then(functional.relu)
