"""Maps in FITS whose band tables, or responses whose values, cannot be."""

import numpy as np
import pytest
from astropy.io import fits

import xgamma as xg
from tests.helpers.runs import simulated, template


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A dataset of maps with all responses."""
    ds = template("1 deg", "0.2 deg", rad=xg.rad_axis("0.5 deg", 6)).gamma.fill(simulated())
    found = tmp_path_factory.mktemp("bands") / "dataset.fits"
    ds.gamma.to_fits(found)
    return found


def band_columns(path):
    """Return (HDU, columns of the lower and upper edges or of the centres) of each band table."""
    with fits.open(path) as hdus:
        return [
            (hdu.name, name)
            for hdu in hdus
            if hdu.name.endswith("_BANDS")
            for name in hdu.columns.names
            if name not in {"CHANNEL", "NPIX"}
        ]


DAMAGES = {
    "reversed": lambda v: v[::-1],
    "shuffled": lambda v: np.random.default_rng(1).permutation(v),
    "one value everywhere": lambda v: np.full_like(v, v[0]),
    "NaN": lambda v: np.where(np.arange(v.size) == v.size // 2, np.nan, v),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_bands_that_do_not_increase_are_refused(path, tmp_path, damage):
    """Each column of each band table in turn, found by introspection."""
    columns = band_columns(path)
    assert len(columns) > 10
    sound = xg.open(path).load()
    bad = []
    for hdu, column in columns:
        with fits.open(path) as hdus:
            values = hdus[hdu].data[column]
            made = DAMAGES[damage](np.array(values))
            if np.array_equal(made, values):
                continue
            hdus[hdu].data[column] = made
            hdus[hdu].header.remove("DATASUM", ignore_missing=True)
            hdus.writeto(tmp_path / "bad.fits", overwrite=True)
        try:
            got = xg.open(tmp_path / "bad.fits").load()
        except xg.XGammaError as error:
            if "\n" in str(error) or hdu.split("_BANDS")[0] not in str(error):
                bad.append(f"{hdu} {column}: {error}")
        else:
            # Centres are not needed where there are edges.
            if not got.identical(sound):
                bad.append(f"{hdu} {column}: opened as something else")
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize("name", ["psf", "edisp", "exposure", "background"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_values_of_a_dataset_that_cannot_be(path, name, value):
    """On validate and in whatever fits; npred hands a background on as it is."""
    ds = xg.open(path).load()
    model = xg.SkyModel(
        xg.PowerLaw(), xg.PointSource(lon="83.63 deg", lat="22.01 deg"), name="source"
    )
    assert xg.validate(ds, "return") == []
    values = ds[name].astype(float).copy(deep=True)
    middle = tuple(n // 2 for n in values.shape)
    # A tabulated density may undershoot by a hundredth of its largest value.
    values[middle] = value * (float(values.max()) if value < 0 else 1.0)
    bad = ds.assign({name: values, "counts": ds.gamma.npred(model).round()})
    what = "negative" if value == -1.0 else "NaN or infinite"
    assert [i for i in xg.validate(bad, "return") if name in i and what in i]
    uses = [lambda: bad.gamma.stat_sum(model), lambda: xg.fit(bad, model)]
    if name != "background":
        uses += [lambda: bad.gamma.npred(model), lambda: bad.gamma.npred_signal(model)]
    for use in uses:
        with pytest.raises(xg.XGammaError, match=name):
            use()
