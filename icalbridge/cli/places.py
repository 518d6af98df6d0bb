"""`places`: schools and facilities with their ids and addresses, from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from icalbridge.cli.options import json_option
from icalbridge.cli.output import console, folded, print_json, table, unwrapped
from icalbridge.cli.runtime import load_settings, open_current
from icalbridge.errors import IcalbridgeError
from icalbridge.models import Feed
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icalbridge.models import Facility, Property
    from icalbridge.settings import Settings
    from icalbridge.store import Store
    from icalbridge.web.views.directory import School


@click.command("places")
@click.argument("words", nargs=-1)
@json_option
def places_command(words: tuple[str, ...], as_json: bool) -> None:
    """List schools and facilities with their ids and addresses.

    WORDS narrow the list as the search of the directory does: a facility is listed that has all of
    them in its name, its kind or the name or address of its school.
    """
    print_places(load_settings(quiet=True), " ".join(words), as_json=as_json)


def print_places(settings: Settings, query: str, *, as_json: bool) -> None:
    """Print the places that match a query, all for a blank one; needs no key and sends no request.

    Raises `IcalbridgeError` where nothing matches.
    """
    with open_current(settings) as store:
        schools = _search_schools(store, query)
    if as_json:
        properties = [_school_object(school, settings.public_url) for school in schools]
        print_json({"properties": properties})
    else:
        _print_table(schools, settings.public_url)


def _search_schools(store: Store, query: str) -> Sequence[School]:
    """Return the schools that match or hold facilities that do; a district is one of them."""
    from icalbridge.web.views.directory import NO_COUNTS, District, directory, search

    districts = directory(store.read.properties(), store.read.facilities(), NO_COUNTS)
    if not districts:
        raise IcalbridgeError("No school is known here yet; run `icalbridge sync` first.")
    schools = tuple(school for district in districts for school in district.all)
    matching = search([District(None, schools)], query)
    if not matching:
        raise IcalbridgeError(
            f"No school or facility matches {query!r}; try fewer words, or none to list all."
        )
    return matching[0].schools


def _print_table(schools: Sequence[School], public_url: str) -> None:
    from icalbridge.feeds.urls import page_path

    rows = table("Place", "Kind", unwrapped("ID"), folded("Address"))

    def add(place: Property | Facility, feed: Feed, *, indent: str = "", kind: str = "") -> None:
        name = indent + display_text(place.name, missing=place.id)
        rows.add_row(name, display_text(kind), place.id, public_url + page_path(feed))

    for school in schools:
        add(school.site, Feed("property", school.site.id))
        for place in school.places:
            facility = place.facility
            feed = Feed("facility", facility.id)
            add(facility, feed, indent="  ", kind=facility.type)
    console().print(rows)


def _school_object(school: School, public_url: str) -> dict[str, object]:
    facilities = [
        {
            **_place_object(facility, Feed("facility", facility.id), public_url),
            "type": facility.type,
            "capacity": facility.capacity,
        }
        for facility in (place.facility for place in school.places)
    ]
    site = school.site
    return {
        **_place_object(site, Feed("property", site.id), public_url),
        "facilities": facilities,
    }


def _place_object(place: Property | Facility, feed: Feed, public_url: str) -> dict[str, object]:
    from icalbridge.feeds.urls import feed_path, page_path

    return {
        "id": place.id,
        "name": place.name,
        "page": public_url + page_path(feed),
        "calendar": public_url + feed_path(feed),
    }
