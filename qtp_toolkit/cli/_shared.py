"""What all commands share: the app, options, errors in one line, a scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    help="Permafrost ground deformation from Sentinel-1 InSAR and MODIS: run, check, look.",
)
CONNECT_SECONDS = 20.0
"""How long to wait for a dask scheduler to answer."""

CatalogOption = Annotated[
    Path | None, typer.Option("--catalog", help="Data catalog; default: data_catalog.yaml found upward, else embedded.")
]
SceneOption = Annotated[str | None, typer.Option("--scene", help="Size of the embedded scene: tiny, default or 90m.")]


def _version(wanted: bool) -> None:
    if wanted:
        from qtp_toolkit import __version__  # noqa: PLC0415

        typer.echo(f"qtp_toolkit {__version__}")
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and exit.")
    ] = False,
) -> None:
    """Permafrost ground deformation from Sentinel-1 InSAR and MODIS: run, check, look."""


@contextmanager
def one_line(interrupted: str = "") -> Iterator[None]:
    """Turn what the user can mend into one line and exit code 1; a bug keeps its traceback."""
    from qtp_toolkit.conventions import QtpDataError  # noqa: PLC0415

    try:
        yield
    except QtpDataError as error:
        typer.echo(" ".join([f"error: {error}", *getattr(error, "__notes__", [])]), err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt as error:
        typer.echo(" ".join(["interrupted.", *getattr(error, "__notes__", []), interrupted]).rstrip(), err=True)
        raise typer.Exit(130) from None


@contextmanager
def connected(scheduler: str | None) -> Iterator[None]:
    """Send dask's work to the scheduler of that address, if there is one."""
    if scheduler is None:
        yield
        return
    from distributed import Client  # noqa: PLC0415

    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)  # connects to what the user started
    except (OSError, ValueError) as error:
        typer.echo(f"error: no dask scheduler answers at {scheduler}: {error}", err=True)
        raise typer.Exit(1) from None
    with client:
        yield
