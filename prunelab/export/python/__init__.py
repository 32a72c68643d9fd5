"""Python: ``model.py`` and its weights, a module that rebuilds the smaller network with Paddle and NumPy only."""
