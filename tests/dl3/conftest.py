"""What these tests share."""

from tests.helpers.small_run import hdus, make, write

__all__ = ["hdus", "make", "write"]
