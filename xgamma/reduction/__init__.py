"""Reduce many runs: the front door, one run, threads, processes, clusters, tiles, checkpoints."""
