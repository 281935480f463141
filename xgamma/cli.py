"""The command line: ``xgamma`` and ``python -m xgamma``."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xgamma._version import __version__
from xgamma.core.late import late
from xgamma.errors import XGammaError

__all__ = ["main", "parser"]

# Imported by the command that needs them: `xgamma --help` answers at once.
atomic_path = late("xgamma.core.atomic:atomic_path")
convert = late("xgamma.dl3.convert:convert")
datasets_in = late("xgamma.model.trees:datasets_in")
example = late("xgamma.config.loading:example")
holds_runs = late("xgamma.dl3.opening:holds_runs")
is_observation = late("xgamma.model.runs:is_observation")
is_remote = late("xgamma.io.remote:is_remote")
load_config = late("xgamma.config.loading:load_config")
open_any = late("xgamma.io.opening:open")
open_store = late("xgamma.dl3.opening:open_store")
reduce_config = late("xgamma.config.running:reduce_config")
run_demo = late("xgamma.tutorial.demo:run_demo")
stack_files = late("xgamma.reduction.files:stack_files")
validate = late("xgamma.irf.validation:validate")
verify = late("xgamma.io.verify:verify")

# What a shell says of a program that SIGPIPE ended.
CLOSED_PIPE = 141

EPILOG = """\
examples:
  xgamma demo --out demo                   simulate, reduce and plot an example
  xgamma config --example > crab.yaml      start a configuration ...
  xgamma reduce crab.yaml                  ... and run it
  xgamma info crab.nc                      contents of a file or an archive of runs
  xgamma plot crab.nc --out crab.png       draw it
  xgamma convert crab.nc crab.fits.gz      change the format
  xgamma stack night-*.nc --out year.nc    stack datasets

exit status: 0 on success, 1 after an error in data or files (described in one sentence),
2 if the command line is invalid.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets ``run``, a function of its arguments.

    Examples
    --------
    >>> parser().parse_args(["demo", "--seed", "3"]).seed
    3
    """
    top = argparse.ArgumentParser(
        prog="xgamma",
        description="Gamma-ray astronomy on xarray: DL3 runs in, labelled maps out.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"xgamma {__version__}")
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (_demo, _config, _reduce, _info, _validate, _verify, _plot, _convert, _stack):
        add(commands)
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int | None],
    more: str,
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{text.capitalize()}. {more}"
    )
    # Also understood after the command; absent there, it leaves what was given before.
    command.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    command.set_defaults(run=run)
    return command


def _place(text: str) -> Path | str:
    """Return a path, or a URL as it is: a path would join its slashes."""
    return text if is_remote(text) else Path(text)


def _output(
    command: argparse.ArgumentParser, text: str, kind: Callable[[str], Path | str] = Path
) -> None:
    command.add_argument("--out", type=kind, required=True, help=text)
    command.add_argument("--overwrite", action="store_true", help="replace an existing file")


def _demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    def run(arguments: argparse.Namespace) -> None:
        run_demo(arguments.out, seed=arguments.seed, quiet=arguments.quiet)

    text = "simulate four runs on a Crab-like source, reduce them, draw the excess"
    command = _command(commands, "demo", text, run, "Needs no data and no network.")
    command.add_argument(
        "--out", type=Path, default=Path("xgamma-demo"), help="folder for the results (%(default)s)"
    )
    command.add_argument("--seed", type=int, default=0, help="seed of the simulation (%(default)s)")
    command.add_argument("--quiet", action="store_true", help="print nothing")


def _config(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    def run(arguments: argparse.Namespace) -> None:
        if arguments.example:
            print(example(), end="")
        else:
            load_config(arguments.check)
            print(f"{arguments.check}: no problems found")

    text = "print an example of a configuration, or check one"
    command = _command(commands, "config", text, run, "The file says what xgamma reduce does.")
    one = command.add_mutually_exclusive_group(required=True)
    one.add_argument("--example", action="store_true", help="print a commented example")
    one.add_argument("--check", type=Path, metavar="FILE", help="check a file only")


def _reduce(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    def run(arguments: argparse.Namespace) -> None:
        result = reduce_config(arguments.config, False if arguments.quiet else None)
        if not arguments.quiet:
            if hasattr(result, "data_vars") and not hasattr(result, "children"):
                print(result.gamma.info())
            for output in load_config(arguments.config).outputs:
                print(f"Written: {output.path}")

    text = "reduce runs to maps or spectra as a configuration file says"
    more = "The product records the file, the versions and the checksums of the runs."
    command = _command(commands, "reduce", text, run, more)
    command.add_argument("config", type=Path, help="YAML file; xgamma config --example prints one")
    command.add_argument(
        "--quiet", action="store_true", help="print nothing, hide the progress bar"
    )


def _info(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    def run(arguments: argparse.Namespace) -> None:
        with _opened(arguments.file) as data:
            if hasattr(data, "obs_ids"):
                print(repr(data))
            elif hasattr(data, "children"):
                for name, ds in datasets_in(data).items():
                    print(f"{name}: {dict(ds.sizes)}")
            else:
                print(data.gamma.info())

    text = "print the contents of a dataset, a collection or an archive of runs"
    command = _command(commands, "info", text, run, "Reads only what it needs.")
    command.add_argument("file", type=_place, help="NetCDF, Zarr, FITS or OGIP; folder of runs")


def _validate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    def run(arguments: argparse.Namespace) -> int:
        with _opened(arguments.file) as data:
            issues = list(_issues(data))
        print("\n".join(issues) or f"{arguments.file}: no problems found")
        return 1 if issues else 0

    text = "check datasets, a run or an archive of runs"
    more = "Checks datasets against the data model, and reads all responses of runs. Exits with 1 if anything is wrong."
    command = _command(commands, "validate", text, run, more)
    command.add_argument("file", type=_place, help="NetCDF, Zarr, FITS or OGIP; folder of runs")


def _verify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    def run(arguments: argparse.Namespace) -> int:
        faults = verify(arguments.file, "return")
        print("\n".join(faults) or f"{arguments.file}: unchanged since it was written")
        return 1 if faults else 0

    text = "check that files are unchanged since they were written"
    more = "Reads everything: FITS checksums, and the checksums and presence of all chunks. Exits with 1 if anything is missing or changed."
    command = _command(commands, "verify", text, run, more)
    command.add_argument("file", type=_place, help="FITS, NetCDF, Zarr; folder or archive of runs")


def _issues(data: Any) -> Iterator[str]:
    """Yield what is wrong with a dataset, each of a collection, a run, or each run of a store."""
    if hasattr(data, "obs_ids"):
        for obs_id in data.obs_ids:
            try:
                found = validate(data[obs_id], "return")
            except (XGammaError, OSError) as error:
                found = [str(error)]
            yield from (f"{obs_id}: {issue}" for issue in found)
    elif hasattr(data, "children") and not is_observation(data):
        for name, ds in datasets_in(data).items():
            yield from (f"{name}: {issue}" for issue in validate(ds, "return"))
    else:
        yield from validate(data, "return")


def _plot(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    def run(arguments: argparse.Namespace) -> None:
        os.environ.setdefault("MPLBACKEND", "Agg")
        with _opened(arguments.file) as data, atomic_path(arguments.out, arguments.overwrite) as to:
            if not hasattr(data, "data_vars") or hasattr(data, "children"):
                raise XGammaError(
                    f"'{arguments.file}' contains several datasets: plot a file with one of them."
                )
            figure = data.gamma.peek()
            ending, known = arguments.out.suffix[1:], figure.canvas.get_supported_filetypes()
            if ending.lower() not in known:
                raise XGammaError(
                    f"The ending of '{arguments.out}' is not a supported image format: use .png, .pdf or .svg."
                )
            figure.savefig(to, dpi=arguments.dpi)

    text = "draw counts, excess, exposure and spectrum of a dataset"
    command = _command(commands, "plot", text, run, "The file ending selects the image format.")
    command.add_argument("file", type=_place, help="NetCDF, Zarr, FITS or OGIP")
    _output(command, "picture: .png, .pdf or .svg")
    command.add_argument("--dpi", type=int, default=120, help="dots per inch (%(default)s)")


def _convert(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    def run(arguments: argparse.Namespace) -> None:
        convert(arguments.source, arguments.target, arguments.overwrite, not arguments.quiet)

    text = "convert datasets and archives of runs between FITS, NetCDF and Zarr"
    command = _command(commands, "convert", text, run, "Lossless.")
    command.add_argument("source", type=_place, help="file, Zarr store or folder of runs")
    command.add_argument("target", type=_place, help="ends in .nc, .zarr, .fits or .fits.gz")
    command.add_argument("--overwrite", action="store_true", help="replace an existing target")
    command.add_argument("--quiet", action="store_true", help="hide the progress bar")


def _stack(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    def run(arguments: argparse.Namespace) -> None:
        ds = stack_files(
            arguments.files, arguments.out, arguments.overwrite, False if arguments.quiet else None
        )
        if not arguments.quiet:
            print(ds.gamma.info())

    text = "stack datasets into one that covers them all"
    more = "Files are read one at a time, so hundreds need only the memory of one and the stack."
    command = _command(commands, "stack", text, run, more)
    command.add_argument(
        "files", type=_place, nargs="+", help="datasets with the same frame and axes"
    )
    _output(command, "ends in .nc, .zarr, .fits or .fits.gz", _place)
    command.add_argument(
        "--quiet", action="store_true", help="print nothing, hide the progress bar"
    )


@contextmanager
def _opened(path: Path | str) -> Iterator[Any]:
    """Give the dataset, collection or store at a path, and close its file; a FITS run is a store of one."""
    if holds_runs(path):
        yield open_store(path)
        return
    with open_any(path) as data:
        yield data


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print warnings as sentences: a user of the command line has no use for lines of code."""

    def show(message: object, *_: object, **__: object) -> None:
        print(f"xgamma: warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0, or 1 after an error that a user can correct.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments. By default, those of the process.

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
    given = sys.argv[1:] if argv is None else list(argv)
    if not given:
        parser().print_help(sys.stderr)
        raise SystemExit(2)
    arguments = parser().parse_args(given)
    try:
        with _plain_warnings():
            status = arguments.run(arguments) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader, `head` for instance, has seen enough; nor may Python complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except KeyboardInterrupt:
        print("xgamma: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if arguments.debug:
            raise
        known = isinstance(error, (XGammaError, OSError))
        text = f"{error}" if known else f"{type(error).__name__}: {error} (--debug says where)"
        # The library names its keyword; here it is a flag.
        text = text.replace("pass overwrite=True", "add --overwrite")
        print(f"xgamma: {text}", file=sys.stderr)
        return 1
