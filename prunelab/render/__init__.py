"""Rows, arrays and trees as text, HTML and SVG: pure functions that import nothing of ours and nothing of Jupyter."""
