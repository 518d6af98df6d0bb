"""Which entries a feed shows and to whom, and what they look like as a file. Pure but for
`load`, which reads the store.

    urls            where a feed and its page live
    calendar        the read model; load reads it from the store (source, outward)
    query           what a reader asks for: the parameters of an address (query_values)
    selection       which entries are shown now, and until when that holds
    audience        entries to items: what one audience may see of them; titles
    places          what items take from the catalog
    policy          what the public may see at all; policy_file watches its file
    public_reading  the store as the public may read it (public_view, public_index)
    saved_feed      fields, rules and single events under a name; saved_feed_toml reads it
    grouping        one item for all the facilities of one event
    occupancy       when a space is in use, and nothing else
    metadata        title, zone and addresses of a feed
    formats         items to a file: iCalendar, JSON, CSV, Atom; size_limit chooses what fits
"""

from icalbridge.feeds.formats.render import FORMATS, Rendered, render
from icalbridge.feeds.query import PLAIN, FeedQuery
from icalbridge.feeds.query_values import BadQuery
from icalbridge.feeds.selection import Selection, select
from icalbridge.feeds.urls import Address, feed_path, page_path
from icalbridge.text import display_text

__all__ = [
    "FORMATS",
    "PLAIN",
    "Address",
    "BadQuery",
    "FeedQuery",
    "Rendered",
    "Selection",
    "display_text",
    "feed_path",
    "page_path",
    "render",
    "select",
]
