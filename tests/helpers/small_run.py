"""A small run, written with astropy, that tests can break in one place."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits


def column(name, form, values, unit=None, **kwargs):
    return fits.Column(name, form, unit=unit, array=values, **kwargs)


def axis(name, edges, unit):
    n = len(edges) - 1
    lo, hi = np.array([edges[:-1]], "f4"), np.array([edges[1:]], "f4")
    return [column(f"{name}_LO", f"{n}E", lo, unit), column(f"{name}_HI", f"{n}E", hi, unit)]


ENERGY = ("ENERG", [0.1, 1.0, 10.0, 100.0], "TeV")
THETA = ("THETA", [0.0, 1.0, 2.0], "deg")


def response(name, axes, variables, hduclas2, hduclas4, **keywords):
    """Return a response HDU; `variables` maps column to (values with axes in table order, unit)."""
    columns = [c for one in axes for c in axis(*one)]
    for key, (values, unit) in variables.items():
        dim = "(" + ",".join(map(str, values.shape)) + ")"
        cell = values.T[np.newaxis].astype("f4")
        columns.append(column(key, f"{values.size}E", cell, unit, dim=dim))
    hdu = fits.BinTableHDU.from_columns(columns, name=name)
    keywords = {
        "HDUCLAS1": "RESPONSE",
        "HDUCLAS2": hduclas2,
        "HDUCLAS3": "FULL-ENCLOSURE",
        "HDUCLAS4": hduclas4,
        **keywords,
    }
    hdu.header.update({k: v for k, v in keywords.items() if v is not None})
    return hdu


def events(n=100, seed=1):
    rng = np.random.default_rng(seed)
    columns = [
        column("EVENT_ID", "K", np.arange(n)),
        column("TIME", "D", np.sort(rng.uniform(1000, 1600, n)), "s"),
        column("RA", "E", rng.normal(83.6, 0.5, n), "deg"),
        column("DEC", "E", rng.normal(22.0, 0.5, n), "deg"),
        column("ENERGY", "E", 10 ** rng.uniform(-0.5, 1.5, n), "TeV"),
        column("PHASE", "E", rng.uniform(0, 1, n)),
    ]
    hdu = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    hdu.header.update(
        {
            "HDUCLAS1": "EVENTS",
            "OBS_ID": 7,
            "TELESCOP": "XG",
            "OBJECT": "Crab Nebula",
            "RA_PNT": 83.63,
            "DEC_PNT": 22.01,
            "ALT_PNT": 60.0,
            "AZ_PNT": 180.0,
            "DEADC": 0.9,
            "MJDREFI": 55555,
            "MJDREFF": 0.5,
            "TIMESYS": "TT",
            "TSTART": 1000.0,
            "TSTOP": 1600.0,
            "GEOLON": 16.5,
            "GEOLAT": -23.27,
            "ALTITUDE": 1835.0,
        }
    )
    return hdu


def gti(intervals=((1000.0, 1200.0), (1300.0, 1600.0)), unit="s"):
    pairs = np.array(intervals, float).reshape(-1, 2)
    hdu = fits.BinTableHDU.from_columns(
        [column("START", "D", pairs[:, 0], unit), column("STOP", "D", pairs[:, 1], unit)],
        name="GTI",
    )
    hdu.header.update({"HDUCLAS1": "GTI", "MJDREFI": 55555, "MJDREFF": 0.5, "TIMESYS": "TT"})
    return hdu


def aeff(values=None, **keywords):
    values = np.arange(6.0).reshape(3, 2) if values is None else values
    return response(
        "AEFF", [ENERGY, THETA], {"EFFAREA": (values, "m2")}, "EFF_AREA", "AEFF_2D", **keywords
    )


@pytest.fixture
def hdus() -> dict[str, fits.BinTableHDU]:
    return {"events": events(), "gti": gti(), "aeff": aeff()}


@pytest.fixture
def write(tmp_path) -> Callable[..., Path]:
    """Return a function that writes HDUs to a file."""

    def write_hdus(hdus, name="run.fits"):
        hdus = list(hdus.values()) if isinstance(hdus, dict) else list(hdus)
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / name)
        return tmp_path / name

    return write_hdus


@pytest.fixture
def make():
    """The functions that make HDUs."""
    from types import SimpleNamespace

    return SimpleNamespace(
        events=events,
        gti=gti,
        aeff=aeff,
        response=response,
        column=column,
        ENERGY=ENERGY,
        THETA=THETA,
    )
