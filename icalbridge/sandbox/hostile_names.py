"""Names of the hostile district: everything that people type, and attempts to break a page. Data.

Private fields of the vendor's responses have unique values, so that a test can look for them in
every output.
"""

from __future__ import annotations

from icalbridge.sandbox.builder import EventFields

DISTRICT_ADDRESS = "285 West Grand Ave"

SCHOOLS = (
    ("Lincoln High School", "1120 Oak Street"),
    ("Cielo Alto Academy", "5501 Mesa Boulevard"),
    ("Harbor Preparatory", "18 Pier Street"),
    ("Escuela Primaria César Chávez", "900 Calle Ñandú"),
    ("桜ヶ丘 Immersion School", "33 Cherry Lane"),
    ("Sierra Vista High School", "7 Ridge Road"),
    ("O'Brien & Sons Technical High", "1 Foundry Way"),
    ("Roosevelt Middle School", "48 Sequoia Avenue"),
    ("Washington Elementary", "210 Maple Street"),
    ("Jefferson High School", "400 West Grand Avenue"),
    ("Mountain View Middle School", "76 Summit Drive"),
    ("Golden Poppy Elementary", "12 Poppy Court"),
)

FACILITIES = (
    ("Main Gym", "Gymnasium", "gym", 600),
    ("Theater", "Theater", "theater", 420),
    ("Football Field", "Field", "field", 2000),
    ("Pool", "Pool", "pool", 120),
    ("Cafeteria", "Cafeteria", "cafeteria", 300),
    ("Small Gym", "Gymnasium", "gym", 180),
    ("Soccer Field", "Field", "field", None),
    ("Library", "Library", "library", 60),
    ("Classroom 101", "Classroom", "classroom", 32),
    ('Black Box; Studio "B", \\ <annex>', "Theater", "theater", 90),
    ("Baseball Field", "Field", "field", 400),
    ("Tennis Courts", "Court", "court", 24),
    ("Salón de Música", "Classroom", "music", 45),
    ("Classroom 102", "Classroom", "classroom", 32),
)

SERIES = {
    "Gymnasium": (
        "Basketball Practice",
        "Volleyball Club",
        "Bay Area Hoops League",
        "Badminton Open Gym",
        "Liga de Voleibol",
        "Futsal 🥅",
    ),
    "Field": (
        "Youth Soccer League",
        "Football Practice",
        "Fútbol Infantil",
        "Lacrosse Clinic",
        "Track & Field",
    ),
    "Theater": (
        "Drama Rehearsal",
        "Spring Musical",
        "Ensayo de Teatro",
        "Community Band",
        "Film Club",
    ),
    "Pool": ("Swim Team", "Water Polo", "Natación para Adultos", "Masters Swim"),
    "Cafeteria": ("Scout Troop 42", "PTA Meeting", "Reunión de Padres", "Chess Club"),
    "Library": ("Homework Club", "Book Circle", "Adult ESL Class"),
    "Classroom": ("Robotics Team", "日本語教室", "Choir ♪", "SAT Prep", "Clase de Ciudadanía"),
    "Court": ("Tennis Ladder", "Pickleball"),
}
"""What repeats weekly, by type of facility."""

ONE_OFFS = (
    "Wedding Reception",
    "Quinceañera de Lucía",
    "Blood Drive",
    "Craft Fair",
    "Town Hall",
    "Graduation 🎓",
    "Dance Recital",
    "Robotics Tournament",
    "卒業式",
)

ACTIVITIES = (
    None,
    None,
    None,
    None,
    None,
    "Warm-up",
    "Game vs. Harbor",
    "Setup",
    "Final",
    "Ensayo general",
)
"""Most timeslots have none."""

ODD_NAMES = (
    "Kids' Yoga; Beginners, Part 1 \\ 2",
    "<script>alert('gym')</script> & \"friends\"",
    '"><img src=x onerror=alert(1)>',
    "Practice\r\nATTENDEE:mailto:x",
    "BEGIN:VEVENT",
    "Night\x07 of\x00 the\x1b[31m Bell\x7f",
    "  Outer Blanks  ",
    "Choir\u2028Concert\u00a0II",
    "卒業式のリハーサルとそのあとの懇親会(体育館)🎌",
    "Reunión de exalumnos ¡año 2000!",
    "👩‍👩‍👧‍👦 Family Night 🏀",
    "\u202eright to left\u202c",
    "=SUM(A1:A9)",
    "A long name that goes on and on, " * 9,
    "🎷" * 200,
    "\t",
    "",
    None,
)
"""What people really type, and what some would like to; None is a name that is missing."""

HOSTILE_ACTIVITY = "Warm-up\r\nEND:VCALENDAR, <b>bold</b>; \\n"

RENTER_NAME = "Renata Privada"
RENTERS = (
    {
        "_id": "5f0renter",
        "name": RENTER_NAME,
        "email": "renata@renter.example",
        "phone": "555-0142",
    },
    f"{RENTER_NAME} <renata@renter.example>",
    55501420,
    [RENTER_NAME, "renata@renter.example"],
    None,
)
"""A renter in every shape; privacy tests look for these words everywhere."""

FIELDS = EventFields(
    renters=RENTERS,
    activity_types=({"_id": 12, "name": "Athletics"}, "Athletics", 12, [12, "Athletics"], None),
    attendance=(77777, 77777, None),
    short_id="R-PRIVATE-",
    rate_categories=("Internal Privada", "External Privada", "District Internal Privada", None),
)
