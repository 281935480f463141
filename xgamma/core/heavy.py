"""Packages that take long to import and that few jobs need: each is loaded at its first use.

``regions`` brings matplotlib, Pillow and pyparsing, a fifth of a second; a reduction into a map
without exclusion regions needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xgamma.core.late import late_module

if TYPE_CHECKING:
    import netCDF4 as netCDF4
    import regions as regions
else:
    netCDF4 = late_module("netCDF4")  # noqa: N816 (its name)
    regions = late_module("regions")
