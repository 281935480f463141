"""Sweeps over everything public: units, place, masks and doors. A new function needs a case."""
