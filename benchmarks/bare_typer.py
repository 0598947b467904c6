"""The smallest Typer program with two commands: the floor for `albus-dr --help`."""

from __future__ import annotations

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def one() -> None:
    """Do one thing."""


@app.command()
def two() -> None:
    """Do another."""


if __name__ == "__main__":
    app()
