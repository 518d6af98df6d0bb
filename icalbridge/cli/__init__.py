"""The commands: each is a module of its name, imported when it runs.

Every error of ours ends as one plain sentence on stderr; a traceback is shown with `--debug` only.

demo, serve, worker, sync, doctor, status, places, history, event, feed, push, sandbox, db, backup,
restore, export
              the commands: their options, and what the short ones do
event_request, event_write, event_result
              `event`: options to a request, the write, what came of it
saved_feeds   `feed`: saved feeds and private addresses
push_output   `push`: a plan as a table and as JSON
status_check, status_readers
              `status --check`: one line and an exit code for Nagios; `status --readers`
records       `history`: stored entries as CSV or JSON
runtime       settings, logging and the database, as every command starts with them
clients       API clients of the configured keys; permission to write
options       types of options; output and progress: what is printed; logs: logging on stderr
signals       SIGTERM and Ctrl-C
gunicorn, connections, request_line
              the web server
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from icalbridge import __version__
from icalbridge.errors import ConfigurationError, IcalbridgeError

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILED = 1
BAD_CONFIGURATION = 2
INTERRUPTED = 130
SERVICES = ("serve", "worker")
"""The commands that run until they are ended; programs read what they log."""
COMMANDS = {
    "backup": "Copy the database to FILE while everything runs.",
    "db": "Look after the database.",
    "demo": "Show the whole product with nothing to configure, until Ctrl-C.",
    "doctor": "Check configuration, database, public address, key, clock and zones, and say what to"
    " do about each failure.",
    "event": "Look at, create, move and cancel single bookings at Facilitron.",
    "export": "Write every public feed and page to DIR as plain files, for any static host or CDN.",
    "feed": "Save shaped feeds, and hand out private addresses for them.",
    "history": "Write down what took place on some days, for public records, out of the database.",
    "places": "List schools and facilities with their ids and addresses.",
    "push": "Make the events of a calendar bookings at Facilitron, and keep them the same.",
    "restore": "Make the backup FILE the database again, while nothing runs.",
    "sandbox": "Run a simulator of the vendor's API, all nine endpoints of it.",
    "serve": "Serve feeds and pages, and keep them true with one sync worker.",
    "status": "Show how fresh each property is, the quota used today, the last errors and"
    " the workers.",
    "sync": "Fetch the catalog and all windows now, then exit.",
    "worker": "Run one sync worker; any number may run against one database.",
}
"""Names and the first sentence of each command's help; see `LazyGroup`."""


class LazyGroup(click.Group):
    """Group that imports a command when it is called (click: "Lazily Loading Subcommands").

    `commands` holds stand-ins with the sentences of the table: `--help` imports no command at all.
    """

    def __init__(self, *args: Any, lazy_commands: Mapping[str, str], **kwargs: Any) -> None:
        kwargs["commands"] = {
            name: click.Command(name, help=sentence) for name, sentence in lazy_commands.items()
        }
        super().__init__(*args, **kwargs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self.commands:
            return None
        module = import_module(f"icalbridge.cli.{cmd_name}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        limit = formatter.width - 6 - max(map(len, self.commands))
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(limit))
                    for name, command in sorted(self.commands.items())
                ]
            )


class MainGroup(LazyGroup):
    """Group of all commands: turns errors into sentences and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command.

        Exit codes: 0 done, 1 something failed, 2 bad configuration or usage, 130 interrupted.
        """
        try:
            return super().invoke(ctx)
        except IcalbridgeError as error:
            code = BAD_CONFIGURATION if isinstance(error, ConfigurationError) else FAILED
            _exit_with_error(ctx, error, code)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except click.UsageError as error:
            if not _logs_json(ctx):
                raise
            _log_json(error.format_message())
            sys.exit(error.exit_code)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # its reader left: nothing more can be printed
            sys.exit(FAILED)
        except Exception as error:  # noqa: BLE001  # the last line of defense: a sentence for a user, never a traceback
            _exit_with_error(ctx, _unexpected(error), FAILED)


def _unexpected(error: Exception) -> Exception:
    sentence = (
        f"An unexpected {type(error).__name__} happened; run it again with --debug to see where."
    )
    return IcalbridgeError(sentence).with_traceback(error.__traceback__)


def _exit_with_error(context: click.Context, error: Exception, code: int) -> None:
    debug = context.params.get("debug")
    if _logs_json(context):
        _log_json(str(error), traceback_of=error if debug else None)
        sys.exit(code)
    if debug:
        import traceback

        traceback.print_exc()
    click.secho(f"icalbridge: {error}", err=True, fg="red")
    sys.exit(code)


def _logs_json(context: click.Context) -> bool:
    """Whether a program reads all that the command writes on stderr, its last sentence included."""
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


@click.group(
    cls=MainGroup,
    lazy_commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="icalbridge")
@click.option("--debug", is_flag=True, help="Show tracebacks and every request.")
def main(debug: bool) -> None:
    """Facilitron bookings as calendars that anyone can subscribe to.

    `icalbridge demo` shows all of it with nothing to configure. To go live, set FACILITRON_API_KEY,
    then run `icalbridge doctor` and `icalbridge serve`.
    """
