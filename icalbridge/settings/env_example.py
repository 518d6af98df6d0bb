"""`.env.example`: every setting with its default, for env files of systemd, Docker and shells.

`python -m icalbridge.settings.env_example > .env.example` writes it.
"""

from __future__ import annotations

import sys
from textwrap import wrap

from icalbridge.settings import table

HEADER = """\
# Settings of icalbridge; docs/operate.md explains them. Remove the # before a line that you change.
# systemd, Docker and shells (set -a; . ./.env) read this file. It holds secrets: give it mode 0600.
"""
REQUIRED = "FACILITRON_API_KEY"
LINE_LENGTH = 100


def env_example() -> str:
    """Return the file: the required setting empty, all others with their defaults and off."""
    return "\n".join([HEADER, *(_setting(*row) for row in table())])


def _setting(name: str, default: str, text: str) -> str:
    mark = "" if name == REQUIRED else "#"
    lines = wrap(text, LINE_LENGTH, initial_indent="# ", subsequent_indent="# ")
    return "\n".join([*lines, f"{mark}{name}={default}", ""])


if __name__ == "__main__":
    sys.stdout.write(env_example())
