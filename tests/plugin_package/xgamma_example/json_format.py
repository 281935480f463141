"""A file format: the counts of a spectrum as JSON."""

import json

import numpy as np

import xgamma as xg


def is_json(path, head):
    """Tell such a file by its first bytes."""
    return head.startswith(b'{"xgamma-example"')


def read_json(path):
    """Make a spectrum of a file."""
    content = json.loads(path.read_text())["xgamma-example"]
    energy = xg.energy_axis_from_edges(content["edges_TeV"])
    ds = xg.create_spectrum(content["region"], energy)
    return ds.assign(counts=("energy", np.array(content["counts"])))


def write_json(ds, path, overwrite=False):
    """Write a spectrum; an existing file is left alone."""
    edges = [*ds.energy_lo.values.tolist(), float(ds.energy_hi[-1])]
    content = {"edges_TeV": edges, "counts": ds.counts.values.tolist()}
    content["region"] = str(ds.region.values)
    with open(path, "w" if overwrite else "x") as stream:
        json.dump({"xgamma-example": content}, stream)


JSON = xg.FormatRecord(
    name="json",
    summary="Counts of a spectrum as JSON.",
    sniff=is_json,
    read=read_json,
    write=write_json,
    suffixes=(".json",),
    kinds=("spectrum",),
)
