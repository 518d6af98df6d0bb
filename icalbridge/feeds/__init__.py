"""Which entries a feed shows and to whom, and what they look like as a file. Pure: no clock, no
store, no network.

address     where a feed and its page live shape       what a reader asks for: the parameters of an
address select      which entries are shown now, and until when that holds audience    entries →
items: what one audience may see of them, and no more; title puts titles together saved       what
somebody decided once, under a name: fields, rules, single events; spec reads and writes it as TOML
group       one item for all the facilities of one event; occupancy: when a space is in use, and
nothing else cover       what a feed says of itself render      items → a file in one of the
formats, as much as fits (fit) ics         iCalendar; text and vtimezone are what it needs as_...
the other formats: JSON, CSV, Atom; moments is what they need
"""

from icalbridge.feeds.address import Address, feed_path, page_path
from icalbridge.feeds.render import FORMATS, Rendered, render
from icalbridge.feeds.select import Selection, select
from icalbridge.feeds.shape import PLAIN, BadShape, Shape
from icalbridge.feeds.text import display_text

__all__ = [
    "FORMATS",
    "PLAIN",
    "Address",
    "BadShape",
    "Rendered",
    "Selection",
    "Shape",
    "display_text",
    "feed_path",
    "page_path",
    "render",
    "select",
]
