"""Types of command options: each turns the text of an option into a checked value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import click

Decorator = Callable[[Callable[..., None]], Callable[..., None]]
FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(9990, 12, 31)


class _Day(click.ParamType[date]):
    """Calendar day as YYYY-MM-DD, within the years in which bookings can be."""

    name = "date"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> date:
        if isinstance(value, date):
            return value
        try:
            day = date.fromisoformat(value)
        except ValueError:
            day = date.min
        if not FIRST_DAY <= day <= LAST_DAY or value != day.isoformat():
            self.fail(f"{value!r} is no day; write it as YYYY-MM-DD.", param, context)
        return day


class _Number(click.types.FloatParamType):
    """Number that is sent without a fraction where it has none."""

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, context)
        return int(number) if float(number).is_integer() else number


DAY = _Day()
NUMBER = _Number()
PORT = click.IntRange(0, 65535)


def host_option(default: str = "127.0.0.1") -> Decorator:
    return click.option("--host", default=default, show_default=True)


def port_option(default: int, *, envvar: str | None = None) -> Decorator:
    """Return `--port`; 0 takes a free one."""
    return click.option("--port", default=default, show_default=True, envvar=envvar, type=PORT)


def ids_option(kind: str) -> Decorator:
    """Return an option that limits a command to places of a kind and may be repeated."""
    return click.option(
        f"--{kind}",
        f"{kind}_ids",
        multiple=True,
        metavar="ID",
        help=f"Only this {kind}, by its id or name; may be repeated.",
    )


def force_option(help_text: str) -> Decorator:
    return click.option("--force", is_flag=True, help=help_text)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
renter_email_option = click.option(
    "--renter-email",
    metavar="EMAIL",
    help=(
        "For whom; better in a file or in ICALBRIDGE_RENTER_EMAIL, since others on this machine can"
        " see an option."
    ),
)
renter_owner_option = click.option(
    "--renter-owner", metavar="ID", help="The renter's property or owner record."
)
rate_category_option = click.option(
    "--rate-category", metavar="ID", help="The renter's rate category (renter_rate_category_id)."
)
