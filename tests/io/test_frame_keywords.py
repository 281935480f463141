"""Texts where a header states numbers of its frame are refused: they would be ignored."""

import pytest
from astropy.io import fits

import xgamma as xg
from xgamma.tutorial import example_map


@pytest.mark.filterwarnings("ignore:.*has no HDU XGAMMA")
@pytest.mark.parametrize(
    "key", ["CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "CDELT1", "CDELT2", "LONPOLE", "PC1_2"]
)
def test_a_text(tmp_path, key):
    path = tmp_path / "map.fits"
    example_map().counts.gamma.to_fits(path)
    with fits.open(path) as hdus:
        hdus[0].header[key] = "nonsense"
        # Without its own metadata, as other programs write maps.
        fits.HDUList([h for h in hdus if h.name != "XGAMMA"]).writeto(
            tmp_path / "changed.fits", checksum=True
        )
    with pytest.raises(xg.FrameError, match=f"{key}='nonsense' .* is not a number"):
        xg.read_map(tmp_path / "changed.fits")
