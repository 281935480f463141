"""Data to learn with: real where you have it, simulated where not."""

from xgamma.tutorial.examples import *  # noqa: F403
from xgamma.tutorial.examples import __all__ as __all__
