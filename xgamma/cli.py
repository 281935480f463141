"""The command line: ``xgamma`` and ``python -m xgamma``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from xgamma import __version__
from xgamma.errors import XGammaError

__all__ = ["main", "parser"]


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets ``run``, a function of its arguments.

    Examples
    --------
    >>> parser().parse_args(["demo", "--seed", "3"]).seed
    3
    """
    top = argparse.ArgumentParser(
        prog="xgamma", description="Gamma-ray astronomy on xarray: DL3 runs in, labelled maps out."
    )
    top.add_argument("--version", action="version", version=f"xgamma {__version__}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_convert(commands)
    return top


def _add_demo(commands: argparse._SubParsersAction) -> None:
    text = "simulate four runs on a Crab-like source, reduce them, draw the excess"
    command = commands.add_parser("demo", help=text, description=f"{text.capitalize()}.")
    command.add_argument(
        "--out", type=Path, default=Path("xgamma-demo"), help="folder for the results (%(default)s)"
    )
    command.add_argument("--seed", type=int, default=0, help="seed of the simulation (%(default)s)")
    command.add_argument("--quiet", action="store_true", help="print nothing")
    command.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> None:
    from xgamma.demo import run_demo

    run_demo(arguments.out, seed=arguments.seed, quiet=arguments.quiet)


def _add_convert(commands: argparse._SubParsersAction) -> None:
    text = "convert datasets and archives of runs between FITS, NetCDF and Zarr"
    command = commands.add_parser("convert", help=text, description=f"{text.capitalize()}.")
    command.add_argument("source", type=Path, help="file, Zarr store or folder of runs")
    command.add_argument("target", type=Path, help="ends in .nc, .zarr, .fits or .fits.gz")
    command.add_argument("--overwrite", action="store_true", help="replace an existing target")
    command.add_argument("--quiet", action="store_true", help="show no bar")
    command.set_defaults(run=_convert)


def _convert(arguments: argparse.Namespace) -> None:
    from xgamma.io.convert import convert

    convert(arguments.source, arguments.target, arguments.overwrite, not arguments.quiet)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0, or 1 after an error that a user can mend.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process when absent.

    Returns
    -------
    status : int
        Exit status.

    Raises
    ------
    SystemExit
        With status 2, if the arguments cannot be parsed.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    arguments = parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (XGammaError, OSError) as error:
        print(f"xgamma: {error}", file=sys.stderr)
        return 1
    return 0
