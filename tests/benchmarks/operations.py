"""Operations on the Galactic Centre dataset, here and with the peer, in turn.

Run as ``python -m tests.benchmarks.operations [repetitions]``.
"""

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import xgamma as xg
from tests.conftest import find_data

REGION = "galactic;circle(0, 0, 0.5)"


def cases(path: Any) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Return (peer, ours) by the name of the operation."""
    import astropy.units as u
    from astropy.coordinates import SkyCoord
    from gammapy.datasets import MapDataset
    from gammapy.maps import MapAxis
    from regions import CircleSkyRegion

    theirs = MapDataset.read(path, name="gc")
    ours = xg.read_fits(path, name="gc").load()
    center = SkyCoord(0, 0, unit="deg", frame="galactic")
    circle = CircleSkyRegion(center, 0.5 * u.deg)
    axis = MapAxis.from_energy_edges([0.1, 0.3, 1, 3, 10] * u.TeV)
    edges = [0.1, 0.3, 1, 3, 10]
    image = ours.counts.sum("energy")
    summed = theirs.counts.sum_over_axes()

    def stack_theirs() -> None:
        copy = theirs.copy(name="copy")
        copy.stack(theirs)

    return {
        "cutout": (lambda: theirs.cutout(center, 2 * u.deg), lambda: ours.gamma.cutout(center, 2)),
        "slice in energy": (
            lambda: theirs.slice_by_energy(1 * u.TeV, 5 * u.TeV),
            lambda: ours.gamma.slice_energy(1, 5),
        ),
        "downsample pixels": (lambda: theirs.downsample(8), lambda: ours.gamma.downsample(8)),
        "downsample energy": (
            lambda: theirs.downsample(5, axis_name="energy"),
            lambda: ours.gamma.downsample(energy=5),
        ),
        "resample energy": (
            lambda: theirs.resample_energy_axis(axis),
            lambda: ours.gamma.resample_energy(edges),
        ),
        "to image": (theirs.to_image, ours.gamma.to_image),
        "to spectrum": (
            lambda: theirs.to_spectrum_dataset(circle, containment_correction=True),
            lambda: ours.gamma.to_spectrum(REGION, containment_correction=True),
        ),
        "to region": (
            lambda: theirs.to_region_map_dataset(circle),
            lambda: ours.gamma.to_region(REGION),
        ),
        "stack": (stack_theirs, lambda: ours.gamma.stack(ours)),
        "mask": (theirs.to_masked, ours.gamma.to_masked),
        "energy range": (lambda: theirs.energy_range, lambda: ours.gamma.energy_range),
        "summary": (theirs.info_dict, ours.gamma.info_dict),
        "smooth": (lambda: summed.smooth("0.1 deg"), lambda: image.gamma.smooth("0.1 deg")),
        "containment radius": (
            lambda: theirs.psf.containment_radius(energy_true=1 * u.TeV, fraction=0.68),
            lambda: ours.gamma.psf_containment_radius(1),
        ),
        "dispersion kernel": (
            lambda: theirs.edisp.get_edisp_kernel(),
            lambda: ours.gamma.edisp_kernel(),
        ),
    }


def seconds(function: Callable[[], Any]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main(repetitions: int = 7) -> None:
    """Print the median times of both and their ratio."""
    data = find_data()
    if data is None:
        raise SystemExit("no real data: set $XGAMMA_DATA")
    warnings.simplefilter("ignore")
    print(f"{'operation':20s} {'gammapy':>10s} {'xgamma':>10s} {'ratio':>7s}")
    for name, (theirs, ours) in cases(data / "dl4/cta-1dc-gc.fits.gz").items():
        theirs(), ours()
        pairs = [(seconds(theirs), seconds(ours)) for _ in range(repetitions)]
        peer, mine = np.median(pairs, axis=0)
        print(f"{name:20s} {1e3 * peer:7.2f} ms {1e3 * mine:7.2f} ms {peer / mine:7.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
