"""Damaged responses: every mutant reads the same, warns, or is refused in one sentence.

Each axis, column of values and keyword of each kind of response in real files is found by
introspection and damaged in turn, in a small copy of the file.
"""

import warnings

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits

import xgamma as xg
from tests.fuzz.mutant import damaged_values
from tests.helpers.runs import responses, simulated
from xgamma.dl3 import write_observation
from xgamma.fits.headers import is_structural
from xgamma.makers.rad_max import rad_max_at

HESS = "hess-dl3-dr1/data/hess_dl3_dr1_obs_id_020734.fits.gz"
MAGIC = "magic/rad_max/data/20131004_05029747_DL3_CrabNebula-W0.40+035.fits"
CTA = "cta-1dc/caldb/data/cta/1dc/bcf/South_z20_50h/irf_file.fits"

# Columns and keywords whose mutants are another observation, not an impossible one.
MEANT = {"RA_PNT", "DEC_PNT", "OBS_ID"}


def king():
    """The simulated PSF as King profiles."""
    psf = responses()["psf"]
    ones = xr.ones_like(psf["sigma_1"])
    king = {"sigma": ones * 0.05, "gamma": (ones * 2.0).assign_attrs(units="")}
    king["sigma"].attrs["units"] = "deg"
    return xr.Dataset(king, coords=psf.coords, attrs={**psf.attrs, "HDUCLAS4": "PSF_KING"})


def simulated_file(tmp_path):
    """A run with the kinds of which there is no real file: PSF_KING and BKG_2D."""
    irfs = responses("2d")
    irfs["psf"] = king()
    path = tmp_path / "simulated.fits"
    write_observation(simulated(irfs), path)
    return path


# Name of the kind: file with the run, file with the response, HDU of the response, what to fill.
KINDS = {
    "AEFF_2D": (HESS, HESS, "AEFF", ["exposure"]),
    "EDISP_2D": (HESS, HESS, "EDISP", ["edisp"]),
    "PSF_TABLE": (HESS, HESS, "PSF", ["psf"]),
    "BKG_3D": (HESS, HESS, "BKG", ["background"]),
    "PSF_3GAUSS": (HESS, CTA, "POINT SPREAD FUNCTION", ["psf"]),
    "AEFF_2D, one offset": (MAGIC, MAGIC, "EFFECTIVE AREA", ["exposure"]),
    "RAD_MAX_2D": (MAGIC, MAGIC, "RAD_MAX", []),
    "PSF_KING": (None, None, "PSF", ["psf"]),
    "BKG_2D": (None, None, "BKG", ["background"]),
}

WHOLE = ("AEFF_2D",)

# Part of the mutants of keywords that is tried here, drawn with a fixed seed; 1 tries all.
SHARE = 0.4


def small(data, kind, tmp_path):
    """Return the HDUs of a small run: few events, and the responses that are needed."""
    run, response, name, _ = KINDS[kind]
    own = simulated_file(tmp_path) if run is None else None
    with fits.open(own or data / run) as first, fits.open(own or data / response) as second:
        events = first["EVENTS"].copy()
        events.data = events.data[:20]
        area = "AEFF" if "AEFF" in first else "EFFECTIVE AREA"
        kept = [events, first["GTI"].copy(), second[name].copy()]
        if name != area:
            kept.append(first[area].copy())
        # Scaled columns and such are those of the file.
        return fits.HDUList([fits.PrimaryHDU(), *(type(h)(h.data, h.header) for h in kept)])


def outcome(path, kind):
    """Return what a run gives: maps, masks, times."""
    obs = xg.open_store(path)[next(iter(xg.open_store(path).obs_ids))]
    where = obs.gamma.pointing.directional_offset_by(0.3, 0.4 * np.pi / 180)
    template = xg.create_map(
        where,
        "0.4 deg",
        "0.2 deg",
        xg.energy_axis(0.5, 20, 4),
        rad=xg.rad_axis("0.5 deg", 10),
        energy_true="reco",
    )
    found = {"livetime": obs.gamma.livetime, "start": obs.gamma.tstart.mjd}
    if "rad_max" in obs.children:
        found["rad_max"] = rad_max_at(obs, np.array([0.5, 1.0, 5.0]), 0.4)
    select = KINDS[kind][3]
    if select:
        ds = template.gamma.fill(obs, select=select)
        if select == ["exposure"]:
            ds = ds.gamma.safe_mask(obs, methods=["aeff-default"])
        found |= {n: v.values for n, v in ds.data_vars.items() if v.dtype.kind in "fib"}
        found["pointlike"] = ds.get("exposure", xr.DataArray(0)).attrs.get("pointlike", 0)
    return found


def mutants(hdus, whole):
    """Yield a description and the damaged HDUs, everything else as it was."""
    response = hdus[3]
    names = response.columns.names
    axes = [n[:-3] for n in names if n.endswith("_LO") and f"{n[:-3]}_HI" in names]
    for axis in axes:
        sides = [f"{axis}_LO", f"{axis}_HI"]
        for columns in (sides, sides[:1], sides[1:]):
            kept = {c: response.data[c].copy() for c in columns}
            made = {c: damaged_values(np.array(kept[c][0], dtype=float)) for c in columns}
            for damage in made[columns[0]]:
                if any(damage not in made[c] for c in columns):
                    continue
                if damage == "a thousand times" and axis in {"ENERG", "ETRUE", "MIGRA"}:
                    continue  # Possible energies, of another instrument.
                if damage == "zero" and response.data[columns[0]].size == 1:
                    continue  # A wider bin, or a point, which stands for all offsets.
                for c in columns:
                    response.data[c][0] = made[c][damage].astype(kept[c].dtype)
                yield f"{' and '.join(columns)}: {damage}", hdus
                for c in columns:
                    response.data[c][:] = kept[c]
    for column in names:
        if column[-3:] in {"_LO", "_HI"}:
            continue
        kept = response.data[column].copy()
        for damage, values in damaged_values(np.array(kept[0], dtype=float)).items():
            if damage not in {"NaN", "all NaN", "infinite", "negative", "zero"} or not kept.any():
                continue
            if damage == "zero" and column.startswith(("SCALE", "AMPL", "SIGMA_2", "SIGMA_3")):
                continue  # A PSF of fewer components.
            response.data[column][0] = values.astype(kept.dtype)
            yield f"{column}: {damage}", hdus
            response.data[column][:] = kept
    # The headers of events and times are the same for all responses of one run.
    generator = np.random.default_rng(20)
    for hdu in hdus[1 if whole else 3 : 4]:
        for key in list(hdu.header):
            if not key or is_structural(key) or key in MEANT:
                continue
            kept = hdu.header[key]
            for value in (None, -1, "nonsense", *((1e9, 0) if hdu is response else ())):
                if isinstance(kept, str) and isinstance(value, float | int) and value != -1:
                    continue
                if generator.random() > SHARE:
                    continue
                if key == "MJDREFI" and value == 0:
                    continue  # Seconds of the modified Julian date: legal, and some write it.
                if value is None:
                    del hdu.header[key]
                else:
                    hdu.header[key] = value
                yield f"{hdu.name} {key}={value!r} (was {kept!r})", hdus
                hdu.header[key] = kept


def same(want, got):
    """Tell whether two results agree; LIVETIME / ONTIME and DEADC do to seven digits."""
    return got is not None and np.allclose(want, got, rtol=1e-6, atol=0, equal_nan=True)


def answer(path, kind):
    """Return what a run gives, and what was warned of; folders in texts are left out."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = outcome(path, kind)
    texts = {str(w.message).replace(str(path.parent), "") for w in caught}
    return got, texts


def judged(path, kind, want):
    """Return what is wrong with the answer to a mutant, or None."""
    try:
        got, warned = answer(path, kind)
    except xg.XGammaError as error:
        text = str(error)
        return None if text and "\n" not in text else f"no sentence: {text!r}"
    except Exception as error:
        return f"bare {type(error).__name__}: {error}"
    if warned - want[1]:
        return None
    changed = [n for n in want[0] if not same(want[0][n], got.get(n))]
    return f"silent change of {', '.join(changed)}" if changed else None


@pytest.mark.parametrize("kind", KINDS)
def test_no_mutant_changes_silently(data, tmp_path, kind):
    hdus = small(data, kind, tmp_path)
    path = tmp_path / "run.fits"
    hdus.writeto(path)
    want = answer(path, kind)
    bad = []
    total = 0
    for number, (what, damaged) in enumerate(mutants(hdus, kind in WHOLE)):
        # Each in a folder of its own: what is missing is told once for each folder.
        folder = tmp_path / str(number)
        folder.mkdir()
        damaged.writeto(folder / "run.fits", output_verify="ignore")
        issue = judged(folder / "run.fits", kind, want)
        (folder / "run.fits").unlink()
        total += 1
        if issue is not None:
            bad.append(f"{what}: {issue}")
    assert total > 50
    assert not bad, f"{len(bad)} of {total}:\n" + "\n".join(bad)
