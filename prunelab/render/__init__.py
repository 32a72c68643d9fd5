"""Rows, arrays and trees as text, HTML and SVG: pure functions that import nothing of prunelab and nothing of Jupyter."""
