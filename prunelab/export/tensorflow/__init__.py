"""A graph as TensorFlow's functions, for SavedModel and TFLite: one table (`table.py`), a file a family."""
