"""What these tests share."""

from tests.small_run import hdus, make, write

__all__ = ["hdus", "make", "write"]
