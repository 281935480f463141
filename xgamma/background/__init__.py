"""Backgrounds from the data: field of view, ring, reflected regions, phase, and what they leave out."""
