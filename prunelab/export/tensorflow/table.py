"""The table: Paddle's operators as TensorFlow's functions. Importing it imports TensorFlow."""

from __future__ import annotations

from typing import Any

from prunelab.export.tensorflow import elementwise, indexing, layers, recurrent, shapes

TABLE: dict[str, Any] = {**elementwise.TABLE, **shapes.TABLE, **indexing.TABLE, **layers.TABLE, **recurrent.TABLE}
