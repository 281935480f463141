"""Programs that measure what no quick test can: convergence, pulls, coverage."""
