"""NumPy kernels: no labels, no units."""
