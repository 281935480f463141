"""Instrument responses on labelled arrays."""
