"""Models, prediction, likelihood and fit."""
