"""Gamma-ray astronomy on xarray."""

__version__ = "0.1.0"
