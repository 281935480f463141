"""What these tests share."""

from tests.helpers.small_maps import flat_map, wobble_run

__all__ = ["flat_map", "wobble_run"]
