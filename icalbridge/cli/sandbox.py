"""`sandbox`: the simulator as a server of its own, for anyone who builds against the vendor's
API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from icalbridge import sandbox
from icalbridge.cli.serve import Address, cannot_listen
from icalbridge.errors import ConfigurationError
from icalbridge.models import utcnow

if TYPE_CHECKING:
    from collections.abc import Sequence


def run_sandbox(
    host: str, port: int, faults: Sequence[str], scenario: str | None, **world: Any
) -> None:
    """Serve the simulator, in a situation by name if one is given, until Ctrl-C."""
    limits = {name: world.pop(name) for name in ("rate_per_minute", "quota_per_day")}
    parsed = _parsed(faults)
    scene = sandbox.build_scene(scenario, utcnow(), **world)
    app = sandbox.create_app(scene.world, faults=[*_parsed(scene.faults), *parsed], **limits)
    try:
        sandbox.run(app, host, port, on_started=_announce)
    except OSError as error:
        raise cannot_listen(Address(host, port), error) from None


def _parsed(faults: Sequence[str]) -> list[sandbox.Fault]:
    try:
        return [sandbox.parse_fault(spec) for spec in faults]
    except ValueError as error:
        raise ConfigurationError(f"--fault: {error}") from None


def _announce(api_url: str) -> None:
    click.echo(f"The vendor's API, simulated: {api_url}  (key: sandbox-key; Ctrl-C stops it)")
    click.echo(f"Described at {api_url.removesuffix('/v1')}/docs, for programs at /openapi.json")
