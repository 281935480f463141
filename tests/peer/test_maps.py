"""The makers and the stack against gammapy, pixel by pixel.

Tolerances: 1e-5 relative, and 1e-6 of the largest value. The second is for values that
float32 cannot hold better on either side: an exposure extrapolated to nearly zero in the
outer half bin of an offset axis is a difference of large numbers (relative differences of
1e-4 there), and gammapy interpolates the logarithm of the background in float32.
"""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from xgamma.dl3 import simulate_observation
from xgamma.dl3.assemble import read_observation

CRAB = SkyCoord(83.63, 22.01, unit="deg")
PKS = SkyCoord(329.7169, -30.2256, unit="deg")
GC = SkyCoord(0, 0, unit="deg", frame="galactic")
PKS_RUNS = [33787, 33788, 47802]
SAFE = {"methods": ["aeff-default", "offset-max"], "offset_max": "2.5 deg"}
PROD5 = "irf/Prod5-South-20deg-AverageAz-14MSTs37SSTs.180000s-v0.1.fits.gz"
NAMES = ("exposure", "background", "psf", "edisp", "psf_exposure", "edisp_exposure")


def templates(position, width, binsz, energy, energy_true=None, **options):
    """The same template from both libraries; axes as (min, max, nbin) in TeV."""
    from gammapy.datasets import MapDataset
    from gammapy.maps import MapAxis, WcsGeom

    coarse = options.pop("binsz_irf", 0.2)
    frame = position.frame.name

    def axis(value, name="energy"):
        low, high, nbin = value
        return MapAxis.from_energy_bounds(low * u.TeV, high * u.TeV, nbin=nbin, name=name)

    geom = WcsGeom.create(
        skydir=position, width=width, binsz=binsz, frame=frame, axes=[axis(energy)]
    )
    true = None if energy_true is None else axis(energy_true, "energy_true")
    peer = MapDataset.create(geom, energy_axis_true=true, binsz_irf=coarse)
    ours = xg.create_map(
        position,
        width,
        binsz,
        xg.energy_axis(*energy),
        "reco" if energy_true is None else xg.energy_axis(*energy_true, name="energy_true"),
        binsz_irf=coarse,
        frame=frame,
    )
    return ours, peer


def peer_values(peer, name):
    """Values of one of gammapy's maps in our units and layout."""
    if name in {"counts", "background"}:
        return getattr(peer, name).data
    if name == "exposure":
        return peer.exposure.quantity.to_value("m2 s")
    irf = getattr(peer, name.split("_")[0])
    if name.endswith("_exposure"):
        return irf.exposure_map.quantity.to_value("m2 s")[:, 0]
    values = irf.psf_map.quantity if name == "psf" else irf.edisp_map.quantity
    return values.to_value("sr-1" if name == "psf" else "")


def close(ours, theirs, where=None, rtol=1e-5):
    """Compare two arrays, by default everywhere."""
    ours, theirs = (np.asarray(v, float) for v in (ours, theirs))
    atol = 0.1 * rtol * np.abs(theirs).max()
    if where is not None:
        ours, theirs = ours[..., where], theirs[..., where]
    assert ours.size
    assert_allclose(ours, theirs, rtol=rtol, atol=atol)


def reduce_both(ours, peer, run, peer_run, width, safe):
    """One run, cut out, filled and masked."""
    from gammapy.makers import MapDatasetMaker, SafeMaskMaker

    if width is not None:
        peer = peer.cutout(peer_run.get_pointing_icrs(peer_run.tmid), width=width)
        ours = ours.gamma.cutout(run.gamma.pointing, width)
    peer = MapDatasetMaker().run(peer, peer_run)
    ours = ours.gamma.fill(run)
    if safe is not None:
        peer = SafeMaskMaker(**safe).run(peer, peer_run)
        ours = ours.gamma.safe_mask(run, **safe)
    return ours, peer


def hess(data, run, template, width=None, safe=None):
    from gammapy.data import DataStore

    run_of_peer = DataStore.from_dir(data / "hess-dl3-dr1").obs(run)
    return reduce_both(
        *template, xg.open_store(data / "hess-dl3-dr1")[run], run_of_peer, width, safe
    )


def pks_template():
    return templates(PKS, 6, 0.1, (0.5, 50, 20), (0.3, 100, 40))


CASES = {
    "crab": lambda data: hess(data, 23592, templates(CRAB, 5, 0.05, (1, 10, 11))),
    "pks": lambda data: hess(data, 33788, pks_template(), "5 deg", SAFE),
}


@pytest.fixture(scope="module", params=CASES)
def one_run(request, data, gammapy):
    return CASES[request.param](data)


def test_counts_and_mask(one_run):
    ours, peer = one_run
    assert ours.counts.sum() > 1000
    assert_array_equal(ours.counts, peer.counts.data)
    if "mask_safe" in ours:
        assert_array_equal(ours.mask_safe, peer.mask_safe.data)


@pytest.mark.parametrize("name", NAMES)
def test_maps_of_one_run(one_run, name):
    ours, peer = one_run
    close(ours[name], peer_values(peer, name))


def test_solid_angle(one_run):
    ours, peer = one_run
    assert_allclose(
        ours.gamma.solid_angle, peer.counts.geom.solid_angle().to_value("sr")[0], rtol=1e-5
    )


def test_metadata_of_one_run(one_run):
    ours, peer = one_run
    assert float(ours.ontime.sum()) == pytest.approx(peer.gti.time_sum.to_value("s"))
    assert float(ours.livetime[0]) == pytest.approx(peer.exposure.meta["livetime"].to_value("s"))


# --- the Galactic Centre, stacked --------------------------------------------------------


@pytest.fixture(scope="module")
def galactic_centre(data, gammapy):
    """Three runs of CTA 1DC stacked by both."""
    from gammapy.data import DataStore

    patch = pytest.MonkeyPatch()
    patch.setenv("CALDB", str(data / "cta-1dc/caldb"))
    peers, store = DataStore.from_dir(data / "cta-1dc/index/gps"), xg.open_store(data / "cta-1dc")
    ours, peer = templates(GC, (8, 6), 0.05, (0.1, 10, 10), (0.08, 12, 14), binsz_irf=0.5)
    safe = {"methods": ["aeff-default", "offset-max"], "offset_max": "3 deg"}
    parts, stacked, exact = [], peer.copy(), peer.copy()
    for run in (110380, 111140, 111159):
        with warnings.catch_warnings():
            # These files name no thresholds, and old spellings of units.
            warnings.simplefilter("ignore")
            part, theirs = reduce_both(ours, peer, store[run], peers.obs(run), "7 deg", safe)
            table = peers.obs(run).events.table
        parts.append(part)
        stacked.stack(theirs)
        at = SkyCoord(*(np.asarray(table[c], "f8") for c in ("RA", "DEC")), unit="deg")
        theirs.counts.data[...] = 0
        theirs.counts.fill_by_coord({"skycoord": at, "energy": table["ENERGY"].quantity})
        exact.stack(theirs)
    patch.undo()
    return ours.gamma.stack(*parts), stacked, exact


class TestGalacticCentre:
    """A galactic map of ICRS events and responses."""

    def test_mask(self, galactic_centre):
        ours, peer, _ = galactic_centre
        assert_array_equal(ours.mask_safe, peer.mask_safe.data)

    def test_counts(self, galactic_centre):
        """The same counts, if gammapy turns its events to galactic in double precision."""
        ours, _, exact = galactic_centre
        assert_array_equal(ours.counts, exact.counts.data)

    def test_events_at_borders(self, galactic_centre):
        """Wanted difference: gammapy turns float32 positions in float32.

        That moves an event by 1e-5 deg, over the border of its pixel for one in 6000.
        """
        ours, peer, _ = galactic_centre
        moved = np.abs(ours.counts.values - peer.counts.data)
        assert 0 < moved.sum() / 2 < 1e-3 * int(ours.counts.sum())
        # At the border of the mask an event may be lost or won.
        assert abs(int(ours.counts.sum()) - peer.counts.data.sum()) <= 3
        assert moved.max() == 1

    @pytest.mark.parametrize("name", NAMES)
    def test_maps(self, galactic_centre, name):
        ours, peer, _ = galactic_centre
        close(ours[name], peer_values(peer, name))


# --- stacked responses: two wanted differences -------------------------------------------


def around(mask, peer):
    """Our rule: a coarse pixel is used when any fine pixel around its centre is safe."""
    fine = peer.counts.geom.to_image()
    pixels = fine.coord_to_pix(peer.psf.psf_map.geom.to_image().get_coord())
    pairs = []
    for at, size in zip(pixels, mask.shape[:0:-1], strict=True):
        at = np.round(at, 4)
        low = np.clip(np.floor(at).astype(int), 0, size - 2)
        pairs.append((low, np.where(at == low, low, low + 1)))
    (x0, x1), (y0, y1) = pairs
    return mask[:, y0, x0] | mask[:, y0, x1] | mask[:, y1, x0] | mask[:, y1, x1]


@pytest.fixture(scope="module")
def pks_runs(data, gammapy):
    """Three runs, their field at different places of the grid."""
    return [hess(data, run, pks_template(), "5 deg", SAFE) for run in PKS_RUNS]


def stack_both(runs):
    ours, peer = pks_template()
    for _, one in runs:
        peer.stack(one)
    return ours.gamma.stack(*[one for one, _ in runs]), peer


@pytest.fixture
def with_our_masks(monkeypatch):
    """gammapy with our rule in its two mask properties."""
    from gammapy.datasets import MapDataset
    from gammapy.maps import Map

    def psf(self):
        geom = self.psf.psf_map.geom.squash("energy_true").squash("rad")
        image = around(self.mask_safe.data, self).any(axis=0)
        return Map.from_geom(geom, data=np.broadcast_to(image, geom.data_shape).copy())

    def edisp(self):
        geom = self.edisp.edisp_map.geom.squash("energy_true")
        mask = around(self.mask_safe.data, self)
        return Map.from_geom(geom, data=mask.reshape(geom.data_shape))

    monkeypatch.setattr(MapDataset, "mask_safe_psf", property(psf))
    monkeypatch.setattr(MapDataset, "mask_safe_edisp", property(edisp))


@pytest.mark.parametrize("patched", [True, False])
def test_stack_of_maps(pks_runs, request, patched):
    """What the two mask properties do not touch agrees either way."""
    if patched:
        request.getfixturevalue("with_our_masks")
    ours, peer = stack_both(pks_runs)
    assert_array_equal(ours.counts, peer.counts.data)
    assert_array_equal(ours.mask_safe, peer.mask_safe.data)
    for name in ("exposure", "background"):
        close(ours[name], peer_values(peer, name))


def test_stacked_responses_with_our_mask_rule(pks_runs, with_our_masks):
    """Given the same masks on the coarse grid, the weighted means are the same."""
    ours, peer = stack_both(pks_runs)
    for name in ("psf", "edisp", "psf_exposure", "edisp_exposure"):
        close(ours[name], peer_values(peer, name))


def interior(peers):
    """Coarse pixels whose surroundings are all safe, or all not, in each run."""
    whole = None
    for ours, _ in peers:
        image = ours.mask_safe.any("energy")
        inside = np.ones((30, 30), dtype=bool)
        template = pks_template()[0]
        full = image.reindex(y=template.y, x=template.x, fill_value=False).values
        for row, y in enumerate(template.y_irf.values):
            for column, x in enumerate(template.x_irf.values):
                near = full[max(int(y) - 2, 0) : int(y) + 4, max(int(x) - 2, 0) : int(x) + 4]
                inside[row, column] = near.all() or not near.any()
        whole = inside if whole is None else whole & inside
    return whole


def test_stacked_responses_away_from_the_border(pks_runs):
    """Wanted difference: at the border of a mask gammapy picks one of four pixels by rounding.

    A coarse centre lies in the middle of four fine pixels; gammapy's nearest-neighbour
    interpolation takes one of them, decided by the last digits of its sky coordinates. Away
    from the border nothing differs.
    """
    ours, peer = stack_both(pks_runs)
    where = interior(pks_runs)
    assert 0.3 < where.mean() < 0.9
    for name in ("psf", "psf_exposure"):
        close(ours[name], peer_values(peer, name), where)
    border = ~where
    theirs = peer_values(peer, "psf_exposure")
    assert not np.allclose(ours.psf_exposure.values[:, border], theirs[:, border], rtol=1e-3)


def test_dispersion_does_not_leak_over_the_threshold(pks_runs):
    """Wanted difference: gammapy's mask of the dispersion leaks one energy bin in some runs.

    It interpolates the mask linearly along energy, at the centres of the same axis: by
    rounding, a centre may fall between its own and the next bin, and any weight counts as
    safe. Ours keeps a column exactly where the mask of that energy is safe.
    """
    ours, peer = stack_both(pks_runs)
    where = interior(pks_runs)
    safe = np.array([m.mask_safe.any(("y", "x")).values for m, _ in pks_runs])
    # Columns whose neighbours are as safe as they are, in each run.
    padded = np.pad(safe, ((0, 0), (1, 1)), mode="edge")
    clear = ((padded[:, :-2] == safe) & (padded[:, 2:] == safe)).all(axis=0)
    theirs = peer_values(peer, "edisp")
    close(ours.edisp.values[:, clear], theirs[:, clear], where)
    first = int(np.argmax(safe.any(axis=0)))
    assert not ours.edisp.values[:, :first].any()


# --- other instruments -------------------------------------------------------------------


def test_prod5(data, gammapy):
    """The responses of the CTA Observatory: BKG_3D, a PSF of three Gaussians, fine axes."""
    from gammapy.data import FixedPointingInfo, Observation
    from gammapy.irf import load_irf_dict_from_file
    from gammapy.makers import MapDatasetMaker

    run = simulate_observation(
        CRAB, None, irfs=read_observation(data / PROD5), events=False, livetime="1 h", dead_time=0
    )
    peer_run = Observation.create(
        pointing=FixedPointingInfo(fixed_icrs=CRAB.icrs),
        livetime=1 * u.h,
        irfs=load_irf_dict_from_file(data / PROD5),
    )
    ours, peer = templates(CRAB, 6, 0.2, (0.1, 50, 10), (0.05, 100, 20))
    select = ["exposure", "background", "psf", "edisp"]
    ours = ours.gamma.fill(run, select=select)
    peer = MapDatasetMaker(selection=select).run(peer, peer_run)
    for name in NAMES:
        close(ours[name], peer_values(peer, name))


@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")
def test_magic_point_like(data, gammapy):
    """One offset bin, 0.39 to 0.41 deg, where the source was kept: exposure there, zero elsewhere.

    gammapy computes it over a region; over a map its evaluation fails (IndexError).
    """
    from gammapy.data import DataStore
    from gammapy.datasets import SpectrumDataset
    from gammapy.makers import SpectrumDatasetMaker
    from gammapy.maps import MapAxis, RegionGeom
    from regions import PointSkyRegion

    peer_run = DataStore.from_dir(data / "magic/rad_max/data").obs(
        5029747, required_irf="point-like"
    )
    energy = MapAxis.from_energy_bounds("50 GeV", "50 TeV", nbin=15)
    true = MapAxis.from_energy_bounds("10 GeV", "100 TeV", nbin=28, name="energy_true")
    geom = RegionGeom.create(PointSkyRegion(CRAB), axes=[energy])
    peer = SpectrumDatasetMaker(selection=["exposure"]).run(
        SpectrumDataset.create(geom, energy_axis_true=true), peer_run
    )
    ours = xg.create_map(
        CRAB,
        "2 deg",
        "0.1 deg",
        xg.energy_axis("50 GeV", "50 TeV", 15),
        xg.energy_axis("10 GeV", "100 TeV", 28, name="energy_true"),
    )
    run = xg.open_store(data / "magic")[5029747]
    with pytest.warns(xg.XGammaWarning, match="point-like"):
        ours = ours.gamma.fill(run, select=["counts", "exposure"])
    assert ours.exposure.attrs["pointlike"] == 1
    offset = ours.gamma.separation(run.gamma.pointing).values
    ring = (offset > 0.39) & (offset < 0.41)
    assert ring.any()
    assert not ours.exposure.values[:, ~ring].any()
    theirs = peer_values(peer, "exposure")[:, 0]
    close(ours.exposure.values[:, ring], np.broadcast_to(theirs, (28, ring.sum())))
