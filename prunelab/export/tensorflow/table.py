"""The table: Paddle's operators as TensorFlow's functions. Importing it imports TensorFlow."""

from __future__ import annotations

from typing import Any

from prunelab.export.tensorflow import elementwise, layers, shapes

TABLE: dict[str, Any] = {**elementwise.TABLE, **shapes.TABLE, **layers.TABLE}
