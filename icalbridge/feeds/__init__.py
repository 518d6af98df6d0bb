"""Which entries a feed shows, and what they look like as a file. Pure: no clock, no store, no network.

address.py      where a feed and its page live
select.py       which entries are shown now, and until when that holds
text.py         the vendor's texts: cleaned, escaped, folded, cut
vtimezone.py    an IANA zone as a VTIMEZONE that every client reads alike
ics.py          entries → iCalendar
"""

from icalbridge.feeds.address import feed_path, page_path
from icalbridge.feeds.ics import Rendered, render_ics, summary
from icalbridge.feeds.select import Selection, select
from icalbridge.feeds.text import display_text

__all__ = ["Rendered", "Selection", "display_text", "feed_path", "page_path", "render_ics", "select", "summary"]
