"""Calendars to bookings: an .ics becomes the vendor's internal events, and stays the same as they.

service       fetch, parse, map, diff and apply; once or again and again
fetch         a file or an address to bytes, bounded in size; network: public addresses only
ics_parser    bytes to instances, also with limits of time and memory: ics_lines, ics_values,
              ics_events, ics_series
instances     what the parser returns, and external ids that are the same every time
places        LOCATION to facility
mapping       instances to requested timeslots, by the vendor's rules
decide        requests and pushed events to a plan, notes and a sum; METHOD:CANCEL. Pure
diff          decides on the steps; their kinds are in steps. Pure
session       one key's client over the open database: sends a write, looks up pushed events
apply         steps to the vendor, one after the other; killed and run again, it goes on
collisions    stored bookings that overlap timeslots
"""
