"""The covariance of models in a separate file, as in gammapy."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from xgamma.core.atomic import atomic_path
from xgamma.core.bounds import read_text
from xgamma.core.safe_yaml import load_yaml
from xgamma.errors import MissingFileError, XGammaError
from xgamma.modeling.model_base import Model

__all__ = ["take_covariance", "write_covariance"]


def take_covariance(models: Iterable[Model], text: str, folder: Path) -> None:
    """Give models the covariance of the file that their YAML names, as gammapy writes it.

    Parameters
    ----------
    models : iterable of Model
        Models made from `text`; changed.
    text : str
        YAML whose entry ``covariance`` may name a file: a table with a row for each parameter.
    folder : Path
        Where a relative name starts.

    Raises
    ------
    MissingDataError
        If the file is not there.
    XGammaError
        If it is not a square table.
    """
    name = load_yaml(text, "The models are not valid YAML:").get("covariance")
    if not isinstance(name, str):
        return
    path = folder / name
    if not path.exists():
        raise MissingFileError(
            f"The covariance file {str(path)!r} of the models does not exist: put it next to "
            "the models file, or remove the entry 'covariance' there."
        )
    rows = [line.strip().strip("|").split("|") for line in read_text(path).splitlines()[1:]]
    names = [row[0].strip() for row in rows]
    try:
        matrix = np.array([[float(cell) for cell in row[1:]] for row in rows])
    except ValueError:
        matrix = np.zeros(0)
    if matrix.shape != (len(names), len(names)):
        raise XGammaError(f"The covariance in {str(path)!r} is not a square table of numbers.")
    at = dict(zip(names, range(len(names)), strict=True))
    for model in models:
        for role, component in model.components().items():
            full = [f"{model.name}.{role}.{n}" for n, _ in component.named_parameters()]
            if not all(n in at for n in full):
                continue
            index = [at[n] for n in full]
            component.covariance = matrix[np.ix_(index, index)]
            for parameter, i in zip(component.parameters, index, strict=True):
                parameter.error = float(np.sqrt(max(matrix[i, i], 0.0)))


def write_covariance(models: Iterable[Model], path: Path, overwrite: bool = False) -> None:
    """Write the covariance of models as a table with a row for each parameter.

    Parameters
    ----------
    models : iterable of Model
        Models; a component without covariance has the squares of its errors.
    path : Path
        File.
    overwrite : bool
        Whether an existing file may be replaced.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> models = xg.Models([xg.SkyModel(xg.PowerLaw(), name="crab")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_covariance(models, Path(folder) / "covariance.dat")
    ...     print((Path(folder) / "covariance.dat").read_text().splitlines()[1])
    | crab.spectral.index     | 0.0 | 0.0 | 0.0 |
    """
    names: list[str] = []
    blocks: list[np.ndarray] = []
    for model in models:
        for role, component in model.components().items():
            names += [f"{model.name}.{role}.{n}" for n, _ in component.named_parameters()]
            errors = np.array([p.error for p in component.parameters], dtype=float)
            known = component.covariance
            blocks.append(np.diag(errors**2) if known is None else np.asarray(known, dtype=float))
    matrix = np.zeros((len(names), len(names)))
    start = 0
    for block in blocks:
        stop = start + len(block)
        matrix[start:stop, start:stop] = block
        start = stop
    rows = [["Parameters", *(str(i) for i in range(len(names)))]]
    rows += [[n, *(repr(float(v)) for v in row)] for n, row in zip(names, matrix, strict=True)]
    # gammapy finds the columns by their places.
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ([f"{c:<{w}}" for c, w in zip(row, widths, strict=True)] for row in rows)
    text = "".join(f"| {' | '.join(row)} |\n" for row in padded)
    with atomic_path(path, overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
