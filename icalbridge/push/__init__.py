"""Calendars to bookings: an .ics becomes the vendor's internal events, and stays the same as they.

source.py     a file or an address → bytes, of bounded size and from no private network
reader.py     bytes → instances, in a process with bounded time and memory
expand.py     recurrences, in their own zone
identify.py   external ids
place.py      LOCATION → facility
want.py       instances → the timeslots that the vendor shall have, by its rules
plan.py       wanted and there → steps. Pure
held.py       what is there: by the store's list of what was pushed, and the vendor's word on each
apply.py      steps → the vendor, one after the other; killed and run again, it goes on
"""
