"""A store whose runs come again and again under new ids, to see what grows with their number."""

from pathlib import Path

import numpy as np
import xarray as xr

from xgamma.dl3.store import Store

FIRST = 1_000_000


class Repeated(Store):
    """Runs under new ids. Each has files of its own (links), so that nothing is shared."""

    def _dataset(self, group, path, hdu, opened) -> xr.Dataset:
        """Return one HDU, which says the new id: that in the name of the link."""
        ds = super()._dataset(group, path, hdu, opened)
        if "OBS_ID" in ds.attrs:
            ds.attrs["OBS_ID"] = int(Path(path).name.partition("-")[0])
        return ds


def repeated(store: Store, number: int, folder: Path) -> Store:
    """Return as many runs as asked for, those of a store over and over."""
    rows = [k % len(store) for k in range(number)]
    ids = FIRST + np.arange(number)
    hdus = {}
    for new, row in zip(ids.tolist(), rows, strict=True):
        hdus[new] = {}
        for group, (file, name) in store._hdus[store.obs_ids[row]].items():
            link = folder / f"{new}-{Path(file).name}"
            if not link.exists():
                link.symlink_to(file)
            hdus[new][group] = (link, name)
    table = store.table.isel(obs=rows).assign_coords(obs_id=("obs", ids))
    return Repeated(table, hdus, folder)
