"""Formats of a feed: items to bytes of iCalendar, JSON, CSV or Atom."""
