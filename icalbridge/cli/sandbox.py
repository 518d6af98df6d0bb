"""`sandbox`: the simulator as a server of its own, for anyone who builds against the vendor's
API.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import click

from icalbridge import sandbox
from icalbridge.cli.options import host_option, port_option
from icalbridge.cli.serve import ListenAddress, cannot_listen
from icalbridge.errors import ConfigurationError
from icalbridge.models import utcnow
from icalbridge.sandbox.faults import GRAMMAR
from icalbridge.sandbox.scenarios import HELP, SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Sequence


class SandboxCommand(click.Command):
    """Command whose help also shows the scenarios and the grammar of faults."""

    def get_help(self, ctx: click.Context) -> str:
        """Return click's help, and below it the two tables as they are."""
        return f"{super().get_help(ctx)}\n\n{HELP}\n{GRAMMAR.rstrip()}"


def _check_scenario(
    _context: click.Context, _parameter: click.Parameter, name: str | None
) -> str | None:
    if name is not None and name not in SCENARIOS:
        raise click.BadParameter(f"{name!r} is no scenario; use one of {', '.join(SCENARIOS)}.")
    return name


@click.command("sandbox", cls=SandboxCommand)
@host_option()
@port_option(9000)
@click.option(
    "--seed", default=1, show_default=True, help="The same seed and day make the same world."
)
@click.option("--schools", default=12, show_default=True, type=click.IntRange(1, 500))
@click.option(
    "--facilities", default=None, type=click.IntRange(1, 200), help="Facilities a school."
)
@click.option(
    "--events-per-day", default=None, type=click.IntRange(0, 100_000), help="Bookings a day in all."
)
@click.option(
    "--rate-per-minute", default=120, show_default=True, type=click.IntRange(1, 1_000_000)
)
@click.option(
    "--quota-per-day", default=15_000, show_default=True, type=click.IntRange(1, 1_000_000_000)
)
@click.option(
    "--child-events-days",
    type=click.IntRange(-1, 365),
    help="How far ahead a day of all schools is answered; -1: never.  [default: 90]",
)
@click.option(
    "--max-answer-mb", type=click.FloatRange(0.001, 1000), help="The largest list of events, in MB."
)
@click.option(
    "--too-large-status",
    type=click.Choice(["413", "502"]),
    help="The status of a larger one.  [default: 502]",
)
@click.option(
    "--seconds-per-mb",
    type=click.FloatRange(0, 1000),
    help="How long a list of events takes, by its size; after 30 seconds it is 503.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="SPEC",
    help="Something to go wrong, see below; may be repeated.",
)
@click.option(
    "--scenario", metavar="NAME", callback=_check_scenario, help="A situation by name, see below."
)
def sandbox_command(
    host: str, port: int, faults: tuple[str, ...], scenario: str | None, **world: Any
) -> None:
    """Run a simulator of the vendor's API, all nine endpoints of it. Its key is `sandbox-key`.

    For anyone who builds against that API: it enforces what the vendor's pages say, and nothing in
    it reaches the vendor. It describes itself at /docs, and as OpenAPI 3.1 at /openapi.json. Events
    can be created there for the renters coach@school.example and office@school.example, as activity
    type 12, 14 or 21.
    """
    run_sandbox(host, port, faults, scenario, **world)


def run_sandbox(
    host: str, port: int, faults: Sequence[str], scenario: str | None, **world: Any
) -> None:
    """Serve the simulator, in a situation by name if one is given, until Ctrl-C."""
    limits = {name: world.pop(name) for name in ("rate_per_minute", "quota_per_day")}
    named = {item.name: world.pop(item.name, None) for item in fields(sandbox.AnswerLimits)}
    given = {name: value for name, value in named.items() if value is not None}
    if "too_large_status" in given:
        given["too_large_status"] = int(given["too_large_status"])
    parsed = _parsed(faults)
    scene = sandbox.build_scene(scenario, utcnow(), **world)
    app = sandbox.create_app(
        scene.world,
        faults=[*_parsed(scene.faults), *parsed],
        strict_creations=scene.strict_creations,
        answers=replace(scene.answers, **given),
        **limits,
    )
    try:
        sandbox.run(app, host, port, on_started=_announce)
    except OSError as error:
        raise cannot_listen(ListenAddress(host, port), error) from None


def _parsed(faults: Sequence[str]) -> list[sandbox.Fault]:
    try:
        return [sandbox.parse_fault(spec) for spec in faults]
    except ValueError as error:
        raise ConfigurationError(f"--fault: {error}") from None


def _announce(api_url: str) -> None:
    click.echo(f"The vendor's API, simulated: {api_url}  (key: sandbox-key; Ctrl-C stops it)")
    click.echo(f"Described at {api_url.removesuffix('/v1')}/docs, for programs at /openapi.json")
