"""ONNX files as layers that train: each node is a function of Paddle's, by one table.

A new operator is a function of a node and its inputs in its family's file, a line in that file's table, and a test.
"""

from __future__ import annotations

from prunelab.data.saved.onnx.layer import OnnxLayer, load_onnx

__all__ = ["OnnxLayer", "load_onnx"]
