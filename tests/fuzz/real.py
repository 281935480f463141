"""Small files of real instruments, where there is a folder of them (``XGAMMA_DATA``)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from astropy import units as u

import xgamma as xg
from tests.fuzz import using
from xgamma.dl3 import read_observation
from xgamma.fits.bytes import read_bytes

__all__ = ["real_products"]

Making = Callable[[Path], None]
Using = Callable[[Path], dict[str, Any]]

HESS = "hess-dl3-dr1/data/hess_dl3_dr1_obs_id_023523.fits.gz"
MAGIC = "magic/rad_max/data/20131004_05029747_DL3_CrabNebula-W0.40+035.fits"
OGIP = "joint-crab/spectra/hess/{}_obs23523.fits"
MAPS = {
    "Fermi counts": "fermi-3fhl-gc/fermi-3fhl-gc-counts.fits.gz",
    "Fermi exposure": "fermi-3fhl-gc/fermi-3fhl-gc-exposure.fits.gz",
    "Fermi exposure (ST)": "tests/fermi/bexpmap_00.fits",
    "Fermi counts (ST)": "tests/fermi/ccube_00.fits",
    "exclusion mask": "joint-crab/exclusion/exclusion_mask_crab.fits.gz",
}
POINTS = {
    "flux points of gammapy": "flux_points/diff_flux_points.fits",
    "flux points of HAWC": "hawc/crab_flux/HAWC19_flux_points.fits",
    "light curve of H.E.S.S.": "estimators/pks2155_hess_lc/pks2155_hess_lc.fits",
}


POINTLIKE = ["counts", "exposure", "edisp"]


def _copies(names: dict[str, str]) -> Making:
    """Return a function that copies files, decompressed."""

    def make(folder: Path) -> None:
        for target, source in names.items():
            (folder / target).write_bytes(read_bytes(Path(os.environ["XGAMMA_DATA"]) / source))

    return make


def _use_run(folder: Path) -> dict[str, Any]:
    obs = read_observation(folder / "run.fits")
    center = obs.gamma.pointing.directional_offset_by(30 * u.deg, 0.4 * u.deg)
    return using.used_run(obs, center, None if "bkg" in obs.children else POINTLIKE)


def _use_map(folder: Path) -> dict[str, Any]:
    return using.plain(xg.read_map(folder / "map.fits").load())


def real_products() -> dict[str, tuple[Making, Using]]:
    """Return how real files are copied and used, by name; those that are there."""
    found: dict[str, tuple[Making, Using]] = {}
    root = Path(os.environ.get("XGAMMA_DATA", "nowhere"))
    for name, file in (("run of H.E.S.S.", HESS), ("run of MAGIC", MAGIC)):
        if (root / file).exists():
            found[name] = (_copies({"run.fits": file}), _use_run)
    if (root / OGIP.format("pha")).exists():
        files = {Path(f).name: f for f in map(OGIP.format, ("pha", "arf", "rmf", "bkg"))}
        found["spectrum of H.E.S.S."] = (_copies(files), using.opener("pha_obs23523.fits"))
    for name, file in MAPS.items():
        if (root / file).exists():
            found[name] = (_copies({"map.fits": file}), _use_map)
    for name, file in POINTS.items():
        if (root / file).exists():
            found[name] = (_copies({"points.fits": file}), using.use_points("points.fits"))
    return found
