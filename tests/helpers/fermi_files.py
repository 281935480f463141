"""Small files in the layouts of the Fermi science tools, made with astropy alone."""

import numpy as np
from astropy.io import fits

EDGES = np.geomspace(1e4, 1e6, 5)  # MeV
NODES = np.geomspace(1e4, 1e6, 5)
PSF_NODES = np.geomspace(5e3, 2e6, 7)
THETA = np.linspace(0, 1, 41) ** 2 * 3
TIME = {"MJDREFI": 51910, "MJDREFF": 7.428703703703703e-4, "TIMESYS": "TT", "TIMEUNIT": "s"}


def image_header(nx=12, ny=10, binsz=0.5, **extra):
    """The header of an image in Galactic coordinates, around the Galactic Centre."""
    header = fits.Header(extra)
    for i, (ctype, n, step) in enumerate(
        (("GLON-CAR", nx, -binsz), ("GLAT-CAR", ny, binsz)), start=1
    ):
        header[f"CTYPE{i}"], header[f"CUNIT{i}"] = ctype, "deg"
        header[f"CRVAL{i}"], header[f"CDELT{i}"] = 0.0, step
        header[f"CRPIX{i}"] = (n + 1) / 2
    return header


def gti():
    """Two good time intervals."""
    columns = [
        fits.Column("START", "D", "s", array=[0.0, 1000.0]),
        fits.Column("STOP", "D", "s", array=[500.0, 2000.0]),
    ]
    return fits.BinTableHDU.from_columns(columns, fits.Header(TIME), name="GTI")


def write_counts(path, seed=0):
    """A counts cube, as gtbin writes it; return its values."""
    values = np.random.default_rng(seed).poisson(2.0, (4, 10, 12)).astype("i4")
    header = image_header(CTYPE3="Energy", CUNIT3="MeV", **TIME)
    bounds = [
        fits.Column("CHANNEL", "I", array=np.arange(1, 5)),
        fits.Column("E_MIN", "1D", "keV", array=EDGES[:-1] * 1e3),
        fits.Column("E_MAX", "1D", "keV", array=EDGES[1:] * 1e3),
    ]
    table = fits.BinTableHDU.from_columns(bounds, name="EBOUNDS")
    fits.HDUList([fits.PrimaryHDU(values, header), table, gti()]).writeto(path)
    return values


def exposure_of(lon, lat, energy):
    """A smooth exposure, cm2 s."""
    east = np.where(np.asarray(lon) > 180, np.asarray(lon) - 360, lon)
    return (2 + 0.01 * east - 0.02 * np.asarray(lat)) * 1e11 * (np.asarray(energy) / 1e4) ** -0.2


def write_exposure(path, nx=30, ny=20, binsz=1.0):
    """An exposure cube, as gtexpcube2 writes it: nodes, no unit; return its values."""
    lon = -(np.arange(nx) - (nx - 1) / 2) * binsz
    lat = (np.arange(ny) - (ny - 1) / 2) * binsz
    values = exposure_of(lon, lat[:, None], NODES[:, None, None])
    header = image_header(nx, ny, binsz, CTYPE3="log_Energy", **TIME)
    energies = fits.BinTableHDU.from_columns(
        [fits.Column("Energy", "1D", array=NODES)], name="ENERGIES"
    )
    fits.HDUList([fits.PrimaryHDU(values.astype("f4"), header), energies, gti()]).writeto(path)
    return values


def write_psf(path):
    """A Gaussian PSF that narrows with energy, as gtpsf writes it; return its values."""
    sigma = 0.5 * (PSF_NODES / 1e4) ** -0.3
    values = np.exp(-0.5 * (THETA / sigma[:, None]) ** 2)
    values /= 2 * np.pi * np.radians(sigma[:, None]) ** 2
    columns = [
        fits.Column("Energy", "1D", array=PSF_NODES),
        fits.Column("Exposure", "1D", array=1e11 * (PSF_NODES / 1e4) ** -0.2),
        fits.Column("Psf", f"{THETA.size}D", array=values),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="PSF")
    theta = fits.BinTableHDU.from_columns([fits.Column("Theta", "1D", array=THETA)], name="THETA")
    fits.HDUList([fits.PrimaryHDU(), table, theta]).writeto(path)
    return values


def write_drm(path, margin=0, total=0.97):
    """A dispersion whose rows lose what lies outside, as gtdrm writes it; return the matrix."""
    step = np.log(EDGES[1] / EDGES[0])
    edges = EDGES[0] * np.exp(step * np.arange(-margin, 5 + margin))
    n = edges.size - 1
    spread = np.exp(-2.0 * np.abs(np.subtract.outer(np.arange(n), np.arange(n) + 0.0)))
    matrix = (spread / spread.sum(1, keepdims=True))[:, margin : n - margin] * total
    columns = [
        fits.Column("ENERG_LO", "D", array=edges[:-1]),
        fits.Column("ENERG_HI", "D", array=edges[1:]),
        fits.Column("N_GRP", "I", array=np.ones(n)),
        fits.Column("F_CHAN", "PI(1)", array=np.ones((n, 1), dtype="i2")),
        fits.Column("N_CHAN", "PI(1)", array=np.full((n, 1), 4, dtype="i2")),
        fits.Column("MATRIX", "PE(4)", array=matrix.astype("f4")),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="DRM")
    table.header["DETCHANS"] = 4
    empty = fits.PrimaryHDU(np.zeros((1, 1, 1), "f4"), fits.Header({"CTYPE1": "", "CUNIT3": ""}))
    fits.HDUList([empty, gti(), table]).writeto(path)
    return matrix


def write_events(path, n=500, seed=1, shape="32X"):
    """An event list (FT1) around the Galactic Centre; return its columns."""
    random = np.random.default_rng(seed)
    types = np.zeros((n, 32), dtype=bool)
    types[np.arange(n), -1 - random.integers(0, 2, n)] = True
    classes = np.zeros((n, 32), dtype=bool)
    classes[:, -8] = True
    classes[: n // 3, -12] = True
    values = {
        "ENERGY": random.uniform(1e4, 1e6, n),
        "RA": random.uniform(260, 270, n),
        "DEC": random.uniform(-33, -25, n),
        "ZENITH_ANGLE": random.uniform(0, 105, n),
        "TIME": np.sort(random.uniform(1000, 2000, n)),
        "EVENT_CLASS": classes,
        "EVENT_TYPE": types,
    }
    units = {"ENERGY": "MeV", "RA": "deg", "DEC": "deg", "ZENITH_ANGLE": "deg", "TIME": "s"}
    columns = [
        fits.Column(name, shape if name.startswith("EVENT_") else "D", units.get(name), array=v)
        for name, v in values.items()
    ]
    header = fits.Header({**TIME, "HDUCLASS": "OGIP", "HDUCLAS1": "EVENTS", "TELESCOP": "GLAST"})
    table = fits.BinTableHDU.from_columns(columns, header, name="EVENTS")
    fits.HDUList([fits.PrimaryHDU(), table, gti()]).writeto(path)
    return values


def write_isotropic(path):
    """A spectrum of the isotropic diffuse emission: energy, intensity, error."""
    energy = np.geomspace(5e3, 2e6, 12)
    table = np.stack([energy, 1e-6 * energy**-2.3, 1e-8 * energy**-2.3], axis=1)
    np.savetxt(path, table)
    return table


WRITERS = {
    "counts": write_counts,
    "exposure": write_exposure,
    "psf": write_psf,
    "drm": write_drm,
}
