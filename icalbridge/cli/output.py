"""Output of the commands: consoles, tables, JSON and messages on stderr.

rich is imported only where something is drawn.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Column, Table

WIDE = 1000
"""Columns where there is no terminal: nothing is cut there."""


def console(*, stderr: bool = False, wide: bool = True) -> Console:
    """Return a console that takes a name in brackets for a name.

    `wide`: nothing is cut where no terminal limits the width.
    """
    from rich.console import Console

    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = WIDE if wide and not terminal else None
    return Console(markup=False, emoji=False, highlight=False, stderr=stderr, width=width)


def table(*columns: Column | str) -> Table:
    """Return an empty table without lines around its cells."""
    from rich.table import Table

    return Table(*columns, box=None, pad_edge=False)


def folded(title: str) -> Column:
    """Return a column whose cells are never cut, since people copy from it."""
    from rich.table import Column

    return Column(title, overflow="fold")


def unwrapped(title: str) -> Column:
    """Return a column whose cells are never broken, since people copy them as one word."""
    from rich.table import Column

    return Column(title, no_wrap=True)


def print_json(value: object, *, indent: int | None = 2) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=indent))


def warn(sentence: str) -> None:
    """Print a sentence on stderr."""
    click.echo(f"icalbridge: {sentence}", err=True)


def print_failure(sentence: object) -> None:
    """Print a sentence on stderr, in red on a terminal."""
    click.secho(f"icalbridge: {sentence}", err=True, fg="red")
