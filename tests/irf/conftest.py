"""What these tests share."""

from tests.helpers.small_maps import wobble_run

__all__ = ["wobble_run"]
