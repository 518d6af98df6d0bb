"""The vendor's API, simulated: the only sandbox there is, and as strict as the vendor's pages.
Imports nothing of ours.

    server.py                over HTTP
    app.py, rules.py         the endpoints, and the rules that they enforce
    writes.py, validation.py the three endpoints that write, and checks of their bodies
    schemas.py, openapi.py   the OpenAPI document, whose schemas validate the bodies
    published.py, pages/     serves it, and a page of it
    scenarios.py             scenarios by name
    limits.py                requests a minute and a day, size and time of answers
    faults.py, broken.py     faults on demand
    bodies.py                response bodies
    world.py                 a district's data, to read and to edit while it is served
    district.py              builds it, the same for the same seed and day: the showcase, with
    bookings.py, names.py    weekly hours and names, or
    hostile.py               the hostile district, with its hostile_bookings, hostile_names, and
    surprises.py             events that occur once
    builder.py               makes the objects of both

It shares no code with the client, so that both cannot share a misreading of the pages.
"""

from icalbridge.sandbox.app import State, create_app
from icalbridge.sandbox.district import build_world, district_day
from icalbridge.sandbox.faults import GRAMMAR, Fault, parse_fault
from icalbridge.sandbox.limits import AnswerLimits
from icalbridge.sandbox.openapi import document
from icalbridge.sandbox.scenarios import SCENARIOS, VENDORS, Scene, build_scene, stage
from icalbridge.sandbox.server import run, serve_in_thread
from icalbridge.sandbox.world import World

__all__ = [
    "GRAMMAR",
    "SCENARIOS",
    "VENDORS",
    "AnswerLimits",
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
