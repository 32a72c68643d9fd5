"""A graph as torch's functions, traced and saved: one table (`table.py`), a file a family."""
