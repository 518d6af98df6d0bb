"""The commands: what each takes and says; the only room that ties the others together.

What a command needs is imported when it runs, so that `--help` answers at once. Every error of ours
ends as one plain sentence on stderr; a traceback is shown with `--debug` only.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from icalbridge import __version__
from icalbridge.cli.event_commands import event_group
from icalbridge.cli.feed_commands import feed_group
from icalbridge.cli.push_commands import push_command
from icalbridge.errors import ConfigurationError, IcalbridgeError

if TYPE_CHECKING:
    from icalbridge.settings import Settings

FAILED = 1
BAD_CONFIGURATION = 2
INTERRUPTED = 130
SERVICES = ("serve", "worker")
"""The commands that run until they are asked to end; nobody watches them."""


class Commands(click.Group):
    """The group of all commands: turns errors into sentences and exit codes."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command. Exit codes: 0 done, 1 something failed, 2 bad configuration or usage, 130
        interrupted.
        """
        try:
            return super().invoke(context)
        except IcalbridgeError as error:
            _complain(
                context,
                error,
                BAD_CONFIGURATION if isinstance(error, ConfigurationError) else FAILED,
            )
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except click.UsageError as error:
            if not _logs_json(context):
                raise
            _log_json(error.format_message())
            sys.exit(error.exit_code)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # the reader left: nothing more can be said to it
            sys.exit(FAILED)
        except Exception as error:  # noqa: BLE001  # the last line of defence: a sentence for a user, never a traceback
            _complain(context, _unexpected(error), FAILED)


def _unexpected(error: Exception) -> Exception:
    told = IcalbridgeError(
        f"An unexpected {type(error).__name__} happened; run it again with --debug to see where."
    )
    return told.with_traceback(error.__traceback__)


def _complain(context: click.Context, error: Exception, code: int) -> None:
    if _logs_json(context):
        _log_json(str(error), traceback_of=error if context.params.get("debug") else None)
        sys.exit(code)
    if context.params.get("debug"):
        traceback.print_exc()
    click.secho(f"icalbridge: {error}", err=True, fg="red")
    sys.exit(code)


def _logs_json(context: click.Context) -> bool:
    """Whether all that the command writes on stderr is read by a program, its last sentence
    included.
    """
    return (
        context.invoked_subcommand in SERVICES
        and os.environ.get("ICALBRIDGE_LOG_FORMAT", "").strip() == "json"
    )


def _log_json(sentence: str, *, traceback_of: BaseException | None = None) -> None:
    import logging

    from icalbridge.cli.logs import start_logging

    if not logging.getLogger().handlers:  # the settings could not be read: there are no secrets yet
        start_logging("json", level="INFO")
    logging.getLogger(__name__).critical("%s", sentence, exc_info=traceback_of)


_CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
    "obj": lambda: _settings(quiet=True),  # for the commands that live in modules of their own
}


@click.group(cls=Commands, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="icalbridge")
@click.option("--debug", is_flag=True, help="Show tracebacks and every request.")
def main(debug: bool) -> None:
    """Facilitron bookings as calendars that anyone can subscribe to.

    `icalbridge demo` shows all of it with nothing to configure. To go live, set FACILITRON_API_KEY,
    then run `icalbridge doctor` and `icalbridge serve`.
    """


def _settings(*, quiet: bool = False) -> Settings:
    """Read the settings and start logging as they say."""
    from icalbridge import settings
    from icalbridge.cli.logs import log_everything, start_logging

    read = settings.from_environment(os.environ)
    debug = bool(click.get_current_context().find_root().params.get("debug"))
    level = "DEBUG" if debug else "WARNING" if quiet else "INFO"
    secrets = [*(each.key for each in read.api_users()), read.renter_email]
    start_logging(read.log_format, level=level, secrets=[each for each in secrets if each])
    if read.log_format == "json" and not quiet:
        log_everything()
    return read


@main.command()
@click.option(
    "--port", default=8000, show_default=True, envvar="PORT", type=click.IntRange(0, 65535)
)
def demo(port: int) -> None:
    """Show the whole product with nothing to configure, until Ctrl-C.

    Starts a simulator of the vendor's API, fetches a district from it, and serves its calendars.
    """
    from icalbridge.cli.demo import run_demo

    run_demo(port)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--port", default=8000, show_default=True, envvar="PORT", type=click.IntRange(0, 65535)
)
@click.option(
    "--workers",
    default=2,
    show_default=True,
    envvar="WEB_CONCURRENCY",
    show_envvar=True,
    type=click.IntRange(1, 64),
    help="Processes that serve.",
)
@click.option(
    "--no-sync", is_flag=True, help="Serve only; a worker elsewhere keeps the database true."
)
def serve(host: str, port: int, workers: int, no_sync: bool) -> None:
    """Serve feeds and pages, and keep them true with one sync worker. PORT is honoured."""
    from icalbridge.cli.serve import Address, run_server

    settings = _settings()
    if not no_sync:
        settings.require_keys()
    run_server(settings, Address(host, port), workers=workers, sync=not no_sync)


@main.command()
def worker() -> None:
    """Run one sync worker; any number may run against one database."""
    from icalbridge.cli.work import run_worker

    run_worker(_settings())


@main.command()
@click.option(
    "--property",
    "property_ids",
    multiple=True,
    metavar="ID",
    help="Only this property; may be repeated.",
)
@click.option(
    "--full", is_flag=True, help="Read everything anew, and take an empty answer at its word."
)
def sync(property_ids: tuple[str, ...], full: bool) -> None:
    """Fetch the catalogue and all windows now, then exit.

    Exit code 0: all done; 1: something failed, what was fetched is kept; 2: bad configuration.
    """
    from icalbridge.cli.work import run_sync

    sys.exit(FAILED if run_sync(_settings(quiet=True), property_ids, full=full) else 0)


@main.command()
def doctor() -> None:
    """Check configuration, key, scope, quota, database, clock and zones, and say what to do about
    each failure.
    """
    from icalbridge.cli.doctor import run_doctor

    sys.exit(0 if run_doctor(os.environ) else FAILED)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(as_json: bool) -> None:
    """Show how fresh each property is, the quota used today, the last errors and the workers."""
    from icalbridge.cli.status import print_status
    from icalbridge.models import utcnow

    print_status(_settings(quiet=True), as_json=as_json, now=utcnow())


def _day(context: click.Context, param: click.Parameter, value: str) -> date:
    """Read a calendar day. Raises `click.BadParameter` for what is none, or lies where no booking
    does.
    """
    try:
        day = date.fromisoformat(value)
    except ValueError:
        day = date.min
    if not (date(1970, 1, 1) <= day <= date(9990, 12, 31) and value == day.isoformat()):
        raise click.BadParameter(f"{value!r} is no day; write it as YYYY-MM-DD.", context, param)
    return day


@main.command()
@click.option(
    "--from",
    "first",
    required=True,
    metavar="DATE",
    callback=_day,
    help="The first day, in each place's own time.",
)
@click.option(
    "--to",
    "last",
    required=True,
    metavar="DATE",
    callback=_day,
    help="The last day; it counts too.",
)
@click.option(
    "--csv", "as_csv", is_flag=True, help="Write a table for spreadsheets; this is the default."
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.option(
    "--property",
    "property_ids",
    multiple=True,
    metavar="ID",
    help="Only this property; may be repeated.",
)
@click.option(
    "--facility",
    "facility_ids",
    multiple=True,
    metavar="ID",
    help="Only this facility; may be repeated.",
)
@click.option(
    "--audience",
    default="public",
    show_default=True,
    type=click.Choice(["public", "staff", "operations"]),
    help="Whose fields it has; staff's name the renter.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also what was pending, declined, cancelled or withdrawn.",
)
@click.option("--output", default="", metavar="FILE", help="Write to a file; to stdout without it.")
def history(
    first: date,
    last: date,
    as_csv: bool,
    as_json: bool,
    property_ids: tuple[str, ...],
    facility_ids: tuple[str, ...],
    audience: str,
    everything: bool,
    output: str,
) -> None:
    """Write down what took place on some days, for public records, out of the database.

    An entry that goes on past midnight counts on both days.
    """
    if first > last:
        raise click.UsageError("--from is after --to; give the earlier day first.")
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other; give one of them.")
    from icalbridge.cli.history import Wish, export_history
    from icalbridge.feeds.audience import Audience
    from icalbridge.models import utcnow

    places = property_ids, facility_ids
    wish = Wish(first, last, *places, Audience(audience), everything, as_json)
    export_history(_settings(quiet=True), wish, output, now=utcnow())


class SandboxCommand(click.Command):
    """Has the scenarios and the grammar of faults below its options, in the sandbox's own words."""

    def get_help(self, context: click.Context) -> str:
        """Return click's help, and both as they stand: they are tables."""
        from icalbridge.sandbox.faults import GRAMMAR
        from icalbridge.sandbox.scenarios import HELP

        return f"{super().get_help(context)}\n\n{HELP}\n{GRAMMAR.rstrip()}"


def _scenario(_context: click.Context, _parameter: click.Parameter, name: str | None) -> str | None:
    """Check a scenario's name; the sandbox is imported only where one is given."""
    if name is None:
        return None
    from icalbridge.sandbox.scenarios import SCENARIOS

    if name not in SCENARIOS:
        raise click.BadParameter(f"{name!r} is no scenario; use one of {', '.join(SCENARIOS)}.")
    return name


@main.command(cls=SandboxCommand)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9000, show_default=True, type=click.IntRange(0, 65535))
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
    "--fault",
    "faults",
    multiple=True,
    metavar="SPEC",
    help="Something to go wrong, see below; may be repeated.",
)
@click.option(
    "--scenario", metavar="NAME", callback=_scenario, help="A situation by name, see below."
)
def sandbox(
    host: str, port: int, faults: tuple[str, ...], scenario: str | None, **world: int | None
) -> None:
    """Run a simulator of the vendor's API, all nine endpoints of it. Its key is `sandbox-key`.

    For anyone who builds against that API: it enforces what the vendor's pages say, and nothing in
    it reaches the vendor. It describes itself at /docs, and as OpenAPI 3.1 at /openapi.json. Events
    can be created there for the renters coach@school.example and office@school.example, as activity
    type 12, 14 or 21.
    """
    from icalbridge.cli.sandbox import run_sandbox

    run_sandbox(host, port, faults, scenario, **world)


@main.group()
def db() -> None:
    """Look after the database."""


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the database to the current schema."""
    from icalbridge.cli.database import connect

    with closing(connect(_settings(quiet=True))) as store:
        store.upgrade()
    click.echo("The database is up to date.")


main.add_command(event_group)
main.add_command(feed_group)
main.add_command(push_command)
