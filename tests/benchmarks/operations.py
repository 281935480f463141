"""Operations on the Galactic Centre dataset, here and with gammapy, in turn.

Run as ``python -m tests.benchmarks.operations [repetitions]``.
"""

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import xgamma as xg
from tests.benchmarks.figures import keep
from tests.benchmarks.own_process import real_data

REGION = "galactic;circle(0, 0, 0.5)"
Case = tuple[Callable[[], Any], Callable[[], Any]]


class Both:
    """The dataset as gammapy has it and as we do, and what the operations are given."""

    def __init__(self, path: Any) -> None:
        import astropy.units as u
        from astropy.coordinates import SkyCoord
        from gammapy.datasets import Datasets, MapDataset
        from gammapy.maps import MapAxis, WcsGeom
        from regions import CircleSkyRegion

        self.path = path
        self.theirs = MapDataset.read(path, name="gc")
        self.ours = xg.read_fits(path, name="gc").load()
        self.center = SkyCoord(0, 0, unit="deg", frame="galactic")
        self.circle = CircleSkyRegion(self.center, 0.5 * u.deg)
        self.axis = MapAxis.from_energy_edges([0.1, 0.3, 1, 3, 10] * u.TeV)
        self.edges = [0.1, 0.3, 1, 3, 10]
        self.image = self.ours.counts.sum("energy")
        self.summed = self.theirs.counts.sum_over_axes()
        self.template = xg.create_map((1, 1), "4 deg", "0.03 deg", frame="galactic", proj="TAN")
        self.geom = WcsGeom.create(skydir=(1, 1), width=4, binsz=0.03, frame="galactic", proj="TAN")
        names = ("a", "b", "c")
        self.many = Datasets([self.theirs.copy(name=n) for n in names])
        self.tree = xg.collect([self.ours.assign_attrs(name=n) for n in names])
        self.blob = self.theirs.counts.geom.to_image().region_mask([self.circle])
        self.mask = self.ours.gamma.region_mask(REGION)


def cutting(both: Both) -> dict[str, Case]:
    """Return (peer, ours) of what cuts, pads and masks, by name."""
    import astropy.units as u

    theirs, ours = both.theirs, both.ours
    some = {"energy": slice(2, 8)}
    geom = theirs.counts.geom
    low, high = 1 * u.TeV, 5 * u.TeV
    return {
        "cutout": (
            lambda: theirs.cutout(both.center, 2 * u.deg),
            lambda: ours.gamma.cutout(both.center, 2),
        ),
        "slice in energy": (
            lambda: theirs.slice_by_energy(low, high),
            lambda: ours.gamma.slice_energy(1, 5),
        ),
        "slice by index": (lambda: theirs.slice_by_idx(some), lambda: ours.isel(some)),
        "pad": (lambda: theirs.pad(10), lambda: ours.gamma.pad(10)),
        "mask": (theirs.to_masked, lambda: ours.gamma.to_masked()),
        "mask of a region": (
            lambda: geom.region_mask([both.circle]),
            lambda: ours.gamma.region_mask(REGION),
        ),
        "mask of energies": (
            lambda: geom.energy_mask(low, high),
            lambda: ours.gamma.energy_mask(1, 5),
        ),
        "mask of the border": (
            lambda: geom.to_image().boundary_mask(0.3 * u.deg),
            lambda: ours.gamma.boundary_mask(0.3),
        ),
        "dilate": (
            lambda: both.blob.binary_dilate(0.2 * u.deg),
            lambda: both.mask.gamma.dilate(0.2),
        ),
        "erode": (
            lambda: both.blob.binary_erode(0.2 * u.deg),
            lambda: both.mask.gamma.erode(0.2),
        ),
        "energy range": (lambda: theirs.energy_range, lambda: ours.gamma.energy_range),
        "total energy range": (
            lambda: theirs.energy_range_total,
            lambda: ours.gamma.energy_range_total,
        ),
    }


def rebinning(both: Both) -> dict[str, Case]:
    """Return (peer, ours) of what changes bins or pixels, by name."""
    theirs, ours = both.theirs, both.ours
    cube = both.geom.to_cube(theirs.counts.geom.axes)
    return {
        "downsample pixels": (lambda: theirs.downsample(8), lambda: ours.gamma.downsample(8)),
        "downsample energy": (
            lambda: theirs.downsample(5, axis_name="energy"),
            lambda: ours.gamma.downsample(energy=5),
        ),
        "resample energy": (
            lambda: theirs.resample_energy_axis(both.axis),
            lambda: ours.gamma.resample_energy(both.edges),
        ),
        "to image": (theirs.to_image, lambda: ours.gamma.to_image()),
        "upsample (counts)": (
            lambda: theirs.counts.upsample(2, order=0),
            lambda: ours.counts.gamma.upsample(2),
        ),
        "interp_to (background)": (
            lambda: theirs.background.interp_to_geom(cube, preserve_counts=True),
            lambda: ours.background.gamma.interp_to(both.template, preserve_counts=True),
        ),
    }


def collapsing(both: Both) -> dict[str, Case]:
    """Return (peer, ours) of what sums, smooths and compares, by name."""
    import astropy.units as u
    from astropy.coordinates import Angle
    from gammapy.estimators import ImageProfileEstimator

    theirs, ours = both.theirs, both.ours
    strips = np.linspace(-3, 3, 31)
    kernel = theirs.psf.get_psf_kernel(geom=theirs.exposure.geom, max_radius=0.3 * u.deg)
    mine = ours.gamma.psf_kernel(max_radius=0.3)
    profile = ImageProfileEstimator(Angle(strips, "deg"), method="sum", axis="lon")

    def stack_theirs() -> None:
        copy = theirs.copy(name="copy")
        copy.stack(theirs)

    return {
        "to spectrum": (
            lambda: theirs.to_spectrum_dataset(both.circle, containment_correction=True),
            lambda: ours.gamma.to_spectrum(REGION, containment_correction=True),
        ),
        "to region": (
            lambda: theirs.to_region_map_dataset(both.circle),
            lambda: ours.gamma.to_region(REGION),
        ),
        "excess": (lambda: theirs.excess, lambda: ours.gamma.excess),
        "residuals": (
            lambda: theirs.residuals(method="diff/sqrt(model)"),
            lambda: ours.gamma.residuals(method="diff/sqrt(model)"),
        ),
        "smooth, Gaussian": (
            lambda: both.summed.smooth(0.1 * u.deg),
            lambda: both.image.gamma.smooth(0.1),
        ),
        "smooth, disc": (
            lambda: both.summed.smooth(0.1 * u.deg, kernel="disk"),
            lambda: both.image.gamma.smooth(0.1, "disk"),
        ),
        "smooth, cube": (
            lambda: theirs.counts.smooth(0.1 * u.deg),
            lambda: ours.counts.gamma.smooth(0.1),
        ),
        "convolve with the PSF": (
            lambda: theirs.exposure.convolve(kernel),
            lambda: ours.exposure.gamma.convolve(mine),
        ),
        "profile": (
            lambda: profile.run(both.summed),
            lambda: both.image.gamma.profile(strips),
        ),
        "stack": (stack_theirs, lambda: ours.gamma.stack(ours)),
        "stack three": (
            lambda: both.many.stack_reduce(),
            lambda: both.tree.gamma.stack_reduce(),
        ),
        "summary": (theirs.info_dict, lambda: ours.gamma.info_dict()),
        "table of three": (
            lambda: both.many.info_table(cumulative=True),
            lambda: both.tree.gamma.info_table(cumulative=True),
        ),
    }


def asking(both: Both) -> dict[str, Case]:
    """Return (peer, ours) of questions to the responses and of reading, by name."""
    import astropy.units as u
    from gammapy.datasets import MapDataset

    theirs, ours = both.theirs, both.ours
    return {
        "containment radius": (
            lambda: theirs.psf.containment_radius(energy_true=1 * u.TeV, fraction=0.68),
            lambda: ours.gamma.psf_containment_radius(1),
        ),
        "PSF kernel": (
            lambda: theirs.psf.get_psf_kernel(geom=theirs.exposure.geom, max_radius=0.3 * u.deg),
            lambda: ours.gamma.psf_kernel(max_radius=0.3),
        ),
        "dispersion kernel": (
            lambda: theirs.edisp.get_edisp_kernel(),
            lambda: ours.gamma.edisp_kernel(),
        ),
        "read": (lambda: MapDataset.read(both.path), lambda: xg.read_fits(both.path).load()),
    }


def groups(both: Both) -> list[dict[str, Case]]:
    """Return all cases, by group."""
    return [make(both) for make in (cutting, rebinning, collapsing, asking)]


def seconds(function: Callable[[], Any]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main(repetitions: int = 15) -> None:
    """Print the shortest times of both and their ratio, as the table of the documentation."""
    data = real_data()
    warnings.simplefilter("ignore")
    both = Both(data / "dl4/cta-1dc-gc.fits.gz")
    print("| operation | gammapy 2.1 | xgamma | ratio |\n|---|---|---|---|")
    for group in groups(both):
        for name, (theirs, ours) in group.items():
            theirs(), ours()
            pairs = [(seconds(theirs), seconds(ours)) for _ in range(repetitions)]
            # Whatever else runs on the machine only ever adds.
            peer, mine = 1e3 * np.min(pairs, axis=0)
            print(f"| {name} | {peer:.2f} ms | {mine:.2f} ms | {peer / mine:.1f} |", flush=True)
            keep("operations", {name: {"gammapy": peer, "xgamma": mine}})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
