"""HDU index files, row by row."""

import numpy as np
from astropy.io import fits


def index(rows, name="HDU_INDEX", **keywords):
    """Return an HDU of text columns (and OBS_ID) from rows of dictionaries."""
    columns = []
    for key in rows[0]:
        values = [row[key] for row in rows]
        form = "K" if key == "OBS_ID" else "80A"
        columns.append(fits.Column(key, form, array=np.array(values)))
    hdu = fits.BinTableHDU.from_columns(columns, name=name)
    hdu.header.update({"HDUCLAS1": "INDEX", **keywords})
    return hdu


def rows(file, folder="", obs_id=7, kinds=("events", "gti", "aeff"), **more):
    return [
        {
            "OBS_ID": obs_id,
            "HDU_TYPE": kind,
            "HDU_CLASS": {"aeff": "aeff_2d"}.get(kind, kind),
            "FILE_DIR": folder,
            "FILE_NAME": file,
            "HDU_NAME": kind.upper(),
            **more,
        }
        for kind in kinds
    ]
