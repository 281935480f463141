"""Predicted counts and fits: a dataset made fast, its terms, statistics, optimisers, results."""
