"""`sandbox`: the simulator as a server of its own, for anyone who builds against the vendor's API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from icalbridge import sandbox
from icalbridge.errors import ConfigurationError
from icalbridge.model import utcnow

if TYPE_CHECKING:
    from collections.abc import Sequence


def run_sandbox(host: str, port: int, faults: Sequence[str], **world: Any) -> None:
    """Serve the simulator until Ctrl-C."""
    try:
        parsed = [sandbox.parse_fault(spec) for spec in faults]
    except ValueError as error:
        raise ConfigurationError(f"--fault: {error}") from None
    limits = {name: world.pop(name) for name in ("rate_per_minute", "quota_per_day")}
    built = sandbox.build_world(today=utcnow().date(), **world)
    app = sandbox.create_app(built, faults=parsed, **limits)
    click.echo(f"The vendor's API, simulated: http://{host}:{port}/v1  (key: sandbox-key; Ctrl-C stops it)")
    sandbox.run(app, host, port)
