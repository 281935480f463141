"""Reduce many runs: on processes, on clusters, in pieces, larger than memory."""
