"""Simulated runs, events and counts."""
