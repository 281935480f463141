"""Reductions described in a file: checked, run, and recorded in their products."""

from xgamma.config.loading import example, load_config
from xgamma.config.running import reduce_config

__all__ = ["example", "load_config", "reduce_config"]
