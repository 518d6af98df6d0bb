"""Opening the database as the settings say: for commands and workers, and for the web, which waits
for nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icalbridge.store import Store, Timeouts

if TYPE_CHECKING:
    from icalbridge.settings import Settings


def connect(settings: Settings) -> Store:
    """Return the store for a command or a worker; nothing is opened yet."""
    limits = Timeouts(settings.database_connect_seconds, settings.database_statement_seconds)
    return Store.connect(settings.database_url, limits)


def connect_for_web(settings: Settings) -> Store:
    """Return the store for feeds and pages, which answer from memory when PostgreSQL is silent."""
    limits = Timeouts(
        settings.database_connect_seconds,
        settings.database_statement_seconds,
        settings.database_web_seconds,
    )
    return Store.connect(settings.database_url, limits)
