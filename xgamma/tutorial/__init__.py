"""Data to learn with: real where you have it, simulated where not."""

from xgamma.tutorial import data, examples
from xgamma.tutorial.data import *  # noqa: F403
from xgamma.tutorial.examples import *  # noqa: F403

__all__ = [*data.__all__, *examples.__all__]
