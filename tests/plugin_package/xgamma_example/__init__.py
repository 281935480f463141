"""A package of plug-ins for xgamma: one file each, named in pyproject.toml."""
