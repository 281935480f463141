"""Headers of FITS files that contradict their bytes or each other: the same result, or a sentence.

Each mutant changes one card of a run, or of a dataset of maps, and uses the file as a user does.
Only contradictions are made: what the bytes may mean just as well (another MJDREF in all tables,
say) is no mutant.
"""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

import xgamma as xg
from tests.fuzz.fits_files import REMOVE, layout_mutants, mutant
from tests.helpers.runs import simulated, template
from xgamma.dl3 import read_observation, write_observation
from xgamma.errors import XGammaError


def use_run(path, empty, limits):
    """Read a run, cut it in time, fill counts and exposure, and tell what came out."""
    obs = read_observation(path)
    for node in obs.children.values():
        node.to_dataset().load()
    cut = obs.gamma.select_events(time=limits)
    ds = empty.gamma.fill(obs, select=["counts", "exposure"])
    at = obs.gamma.pointing_altaz
    return {
        "groups": sorted(obs.children),
        "cut": cut["events"].sizes["event"],
        "cut ontime": cut.gamma.ontime,
        "obs_id": ds["obs_id"].values.tolist(),
        "counts": ds["counts"].values,
        "exposure": ds["exposure"].values,
        "livetime": ds["livetime"].values,
        "start": ds["gti_start"].values,
        "altaz": np.array([at.alt.deg, at.az.deg]),
    }


def use_maps(path):
    """Read a dataset of maps, and tell what came out."""
    ds = xg.read_fits(path)
    return {"names": sorted(map(str, ds.data_vars)), "wcs": dict(ds["wcs"].attrs)} | {
        str(n): v.values for n, v in ds.variables.items() if v.dtype.kind in "biuf"
    }


def difference(expected, found):
    """Return what differs between two results, an empty list for none."""
    names = expected.keys() | found.keys()
    return [n for n in sorted(names) if not _same(expected.get(n), found.get(n))]


def _same(a, b):
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return a == b


def outcome(use, expected):
    """Return 'equal' or 'sentence', else what went wrong."""
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = use()
    except XGammaError as error:
        return "sentence" if len(str(error)) > 20 else f"mute {error!r}"
    except Exception as error:
        return f"bare {error!r}"
    different = difference(expected, found)
    if not different:
        return "equal"
    return "warned" if told else f"silent: {', '.join(different)}"


def run_mutants(data):
    """Yield (HDU number, key, value) of a run."""
    with fits.HDUList.fromstring(data) as hdus:
        for number, hdu in enumerate(hdus):
            name = hdu.name
            if name not in ("EVENTS", "GTI", "AEFF"):
                continue
            yield from ((number, key, value) for key, value in layout_mutants(hdu.header))
            if name == "EVENTS":
                zero = hdu.header["MJDREFI"]
                yield from ((number, "MJDREFI", v) for v in (zero + 1, zero - 400, -1, "NONE"))
                yield from ((number, "TIMESYS", v) for v in ("MARS", "LOCAL"))
                for key in ("RA_PNT", "DEC_PNT"):
                    yield from ((number, key, v) for v in (REMOVE, "NONE"))
                yield number, "DEC_PNT", 322.0
                yield number, "GEOLAT", 500.0
            if name == "GTI":
                zero = hdu.header["MJDREFI"]
                yield from ((number, "MJDREFI", v) for v in (zero + 1, zero - 400, -1, "NONE"))
                yield number, "OBS_ID", 999999


def check(tmp_path, data, mutants, use, least):
    """Use every mutant; none may be silent, bare or mute."""
    path = tmp_path / "whole.fits"
    path.write_bytes(data)
    expected = use(path)
    wrong, outcomes = [], []
    for number, key, value in mutants:
        path = tmp_path / "mutant.fits"
        path.write_bytes(mutant(data, number, key, value))
        found = outcome(lambda: use(path), expected)  # noqa: B023
        outcomes.append(found)
        if found not in ("equal", "sentence"):
            shown = "removed" if value is REMOVE else repr(value)
            wrong.append(f"HDU {number}, {key} {shown}: {found}")
    assert not wrong, "\n".join(wrong)
    assert outcomes.count("sentence") > least


def plain(path):
    """Return the bytes of a file, decompressed."""
    from xgamma.fits.bytes import read_bytes

    return read_bytes(path)


@pytest.fixture
def empty():
    return template("2 deg", "0.5 deg")


def test_mutants_of_a_written_run(tmp_path, empty):
    obs = simulated(events=True, seed=1, n_gti=2)
    write_observation(obs, tmp_path / "run.fits")
    limits = (obs.gamma.tstart + 100 * u.s, obs.gamma.tstop - 100 * u.s)
    data = plain(tmp_path / "run.fits")
    check(tmp_path, data, run_mutants(data), lambda p: use_run(p, empty, limits), 150)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("instrument", ["hess", "cta"])
def test_mutants_of_real_runs(tmp_path, data, empty, instrument):
    """Events and good time of real files; CTA 1DC keeps its responses elsewhere."""
    folder = {"hess": "hess-dl3-dr1/data", "cta": "cta-1dc/data/baseline/gps"}[instrument]
    path = sorted((data / folder).glob("*.fits*"), key=lambda p: p.stat().st_size)[0]
    whole = read_observation(path)
    events = whole["events"].sizes["event"]
    limits = (whole.gamma.tstart + 100 * u.s, whole.gamma.tstop - 100 * u.s)

    def use(path):
        obs = read_observation(path)
        loaded = {n: t.to_dataset().load() for n, t in obs.children.items() if n != "bkg"}
        cut = obs.gamma.select_events(time=limits)
        out = {f"{g}.{n}": v.values for g, ds in loaded.items() for n, v in ds.variables.items()}
        known = ("event_id", "time", "ra", "dec", "energy", "start", "stop", "aeff")
        kept = {k: v for k, v in out.items() if k.split(".")[1].startswith(known)}
        return kept | {"cut": cut["events"].sizes["event"], "at": obs.gamma.pointing.to_string()}

    raw = plain(path)
    rng = np.random.default_rng(20)
    mutants = list(run_mutants(raw))
    chosen = [mutants[i] for i in sorted(rng.choice(len(mutants), min(150, len(mutants)), False))]
    assert events > 100
    check(tmp_path, raw, chosen, use, 60)


def test_mutants_of_maps(tmp_path, empty):
    """A map image without CTYPE1 vanished, good time without MJDREFI counted from 1858."""
    obs = simulated(events=True, seed=1)
    ds = empty.gamma.fill(obs, select=["counts", "exposure", "background"])
    ds.gamma.safe_mask(obs, methods=["aeff-max"]).gamma.to_fits(tmp_path / "maps.fits")
    data = plain(tmp_path / "maps.fits")
    mutants = []
    with fits.HDUList.fromstring(data) as hdus:
        for number, hdu in enumerate(hdus):
            if hdu.name in ("COUNTS", "EXPOSURE", "BACKGROUND", "MASK_SAFE", "GTI"):
                mutants += [(number, k, v) for k, v in layout_mutants(hdu.header)]
            if hdu.name in ("COUNTS", "EXPOSURE", "BACKGROUND"):
                mutants += [(number, k, REMOVE) for k in ("CTYPE1", "CTYPE2")]
            if hdu.name == "GTI":
                mutants += [(number, "MJDREFI", v) for v in (REMOVE, -1, "NONE")]
                mutants += [(number, "TIMESYS", "MARS"), (number, "TUNIT1", "kg")]
    check(tmp_path, data, mutants, use_maps, 60)


# It leaves out the HDU XGAMMA on purpose, as another program may.
@pytest.mark.filterwarnings("ignore:The file .* has no HDU .*, which xgamma writes last")
def test_the_first_image_without_a_frame_is_not_passed_over(tmp_path):
    ds = xg.create_map((0, 0), "1 deg", "0.1 deg").gamma.solid_angle
    header = fits.Header.fromstring("")
    ds.gamma.to_fits(tmp_path / "one.fits")
    with fits.open(tmp_path / "one.fits") as hdus:
        image = next(h for h in hdus if h.header.get("NAXIS") == 2 and "CTYPE1" in h.header)
        header = image.header.copy()
        values = np.array(image.data)
    lost = header.copy()
    del lost["CTYPE1"]
    parts = [fits.ImageHDU(2 * values, lost, name="A"), fits.ImageHDU(values, header, name="B")]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(tmp_path / "two.fits", checksum=True)
    with pytest.raises(xg.FrameError, match=r"'A', has no celestial frame .* hdu='B'"):
        xg.read_map(tmp_path / "two.fits")
    assert float(xg.read_map(tmp_path / "two.fits", hdu="B").sum()) == pytest.approx(values.sum())


@pytest.mark.parametrize(("unit", "factor"), [("s", 1.0), ("min", 60.0), ("d", 86400.0)])
def test_good_time_of_maps_in_other_units(tmp_path, unit, factor, empty):
    """TUNIT of the GTI table was ignored: minutes were taken for seconds."""
    ds = empty.gamma.fill(simulated(), select=["exposure"])
    ds.gamma.to_fits(tmp_path / "maps.fits")
    with fits.open(tmp_path / "maps.fits", mode="update") as hdus:
        for name in ("START", "STOP"):
            hdus["GTI"].data[name] = hdus["GTI"].data[name] / factor
            hdus["GTI"].columns[name].unit = unit
    again = xg.read_fits(tmp_path / "maps.fits")
    np.testing.assert_allclose(again.gti_start, ds.gti_start, rtol=1e-12)
    assert again.gamma.info_dict()["ontime"] == pytest.approx(ds.gamma.info_dict()["ontime"])
