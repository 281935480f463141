"""Turn gammapy's datasets into ours, so that both see the same numbers."""

import numpy as np
import xarray as xr
from regions import Regions

from xgamma.model.axes import axis_coords
from xgamma.model.frame import set_frame, wcs_attrs
from xgamma.model.make_axes import axis_from_edges
from xgamma.model.schema import variable_attrs


def axis_from_gammapy(axis):
    """Make our axis from gammapy's."""
    made = axis_from_edges(axis.edges.value, axis.name, str(axis.unit), axis.interp)
    return made


def variable(name, dims, data, **attrs):
    """Make a variable with the attributes of the data model."""
    array = np.asarray(data)
    return xr.Variable(
        dims, array.astype(array.dtype.newbyteorder("=")), variable_attrs(name, **attrs)
    )


def map_from_gammapy(peer) -> xr.Dataset:
    """Make a map dataset from gammapy's ``MapDataset`` (kernel or migra dispersion)."""
    geom = peer.counts.geom
    axes = {"energy": geom.axes["energy"], "energy_true": peer.exposure.geom.axes["energy_true"]}
    coords = {}
    for axis in axes.values():
        coords |= axis_coords(axis_from_gammapy(axis))
    nx, ny = int(np.ravel(geom.npix[0])[0]), int(np.ravel(geom.npix[1])[0])
    coords["x"], coords["y"] = ("x", np.arange(nx) * 1.0), ("y", np.arange(ny) * 1.0)
    header = wcs_attrs(geom.wcs, (ny, nx))
    data = {
        "counts": variable("counts", ("energy", "y", "x"), peer.counts.data),
        "exposure": variable("exposure", ("energy_true", "y", "x"), peer.exposure.data),
    }
    if peer.background is not None:
        data["background"] = variable("background", ("energy", "y", "x"), peer.background.data)
    if peer.mask_safe is not None:
        data["mask_safe"] = variable("mask_safe", ("energy", "y", "x"), peer.mask_safe.data)
    irf_geom = peer.psf.psf_map.geom
    coarse = wcs_attrs(irf_geom.wcs)
    for i, dim in ((1, "x_irf"), (2, "y_irf")):
        n = irf_geom.data_shape[-i]
        ratio = coarse[f"CDELT{i}"] / header[f"CDELT{i}"]
        labels = (np.arange(n) + 1 - coarse[f"CRPIX{i}"]) * ratio + header[f"CRPIX{i}"] - 1
        coords[dim] = (dim, labels, {"step": ratio})
    irf = ("y_irf", "x_irf")
    coords |= axis_coords(axis_from_gammapy(irf_geom.axes["rad"]))
    data["psf"] = variable("psf", ("energy_true", "rad", *irf), peer.psf.psf_map.data)
    data["psf_exposure"] = variable(
        "psf_exposure", ("energy_true", *irf), peer.psf.exposure_map.data[:, 0]
    )
    edisp = peer.edisp.edisp_map
    other = "energy" if "energy" in edisp.geom.axes.names else "migra"
    if other == "migra":
        coords |= axis_coords(axis_from_gammapy(edisp.geom.axes["migra"]))
    data["edisp"] = variable("edisp", ("energy_true", other, *irf), edisp.data)
    data["edisp_exposure"] = variable(
        "edisp_exposure", ("energy_true", *irf), peer.edisp.exposure_map.data[:, 0]
    )
    ds = xr.Dataset(data, coords, {"name": peer.name})
    ds["wcs"] = xr.Variable((), 0, header)
    return set_frame(ds)


def spectrum_from_gammapy(peer) -> xr.Dataset:
    """Make a spectrum dataset, on-off if it is, from gammapy's."""
    energy = axis_from_gammapy(peer.counts.geom.axes["energy"])
    true = axis_from_gammapy(peer.exposure.geom.axes["energy_true"])
    coords = axis_coords(energy) | axis_coords(true)
    data = {
        "counts": variable("counts", "energy", peer.counts.data[:, 0, 0]),
        "exposure": variable(
            "exposure", "energy_true", peer.exposure.quantity.to_value("m2 s")[:, 0, 0]
        ),
    }
    for name in ("counts_off", "acceptance", "acceptance_off", "mask_safe"):
        part = getattr(peer, name, None)
        if part is not None:
            data[name] = variable(name, "energy", part.data[:, 0, 0])
    if "counts_off" not in data and peer.background is not None:
        data["background"] = variable("background", "energy", peer.background.data[:, 0, 0])
    if peer.edisp is not None:
        kernel = peer.edisp.get_edisp_kernel(energy_axis=peer.counts.geom.axes["energy"])
        data["edisp"] = variable("edisp", ("energy_true", "energy"), kernel.pdf_matrix)
    return xr.Dataset(data, coords, {"name": peer.name})


def parse_region(text):
    """The region of a DS9 text, as gammapy takes it."""
    return Regions.parse(text, format="ds9")[0]


__all__ = ["map_from_gammapy", "parse_region", "spectrum_from_gammapy"]
