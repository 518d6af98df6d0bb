"""icalbridge: Facilitron bookings as calendars that anyone can subscribe to."""

__version__ = "0.1.0"
