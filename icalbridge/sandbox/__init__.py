"""The vendor's API, simulated: the only sandbox there is, and as strict as the vendor's pages.
Imports nothing of ours.

    server.py                over HTTP
    app.py, rules.py         the endpoints, and the rules that they enforce
    writes.py, validation.py what the three that write do, and what their bodies may hold
    schemas.py, openapi.py   the published document, which the bodies are checked against
    published.py, pages/     it, served; and as a page for people
    scenarios.py             situations by name
    limits.py                the minute's rate and the day's quota
    faults.py, broken.py     things that go wrong, on demand
    bodies.py                answers as bytes
    world.py                 a district's data, to read and to edit while it is served
    district.py              builds it, the same for the same seed and day: the showcase, with
    bookings.py, names.py    weekly hours and names, or
    hostile.py               the hostile district, with its hostile_bookings, hostile_names, and
    surprises.py             events that occur once
    builder.py               makes the objects of both

What a client makes of the answers is no business of this room: a misreading of the pages cannot be
shared.
"""

from icalbridge.sandbox.app import State, create_app
from icalbridge.sandbox.district import build_world, district_day
from icalbridge.sandbox.faults import GRAMMAR, Fault, parse_fault
from icalbridge.sandbox.openapi import document
from icalbridge.sandbox.scenarios import SCENARIOS, Scene, build_scene, stage
from icalbridge.sandbox.server import run, serve_in_thread
from icalbridge.sandbox.world import World

__all__ = [
    "GRAMMAR",
    "SCENARIOS",
    "Fault",
    "Scene",
    "State",
    "World",
    "build_scene",
    "build_world",
    "create_app",
    "district_day",
    "document",
    "parse_fault",
    "run",
    "serve_in_thread",
    "stage",
]
