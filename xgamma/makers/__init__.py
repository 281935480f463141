"""Makers: from an observation to binned, projected maps."""
