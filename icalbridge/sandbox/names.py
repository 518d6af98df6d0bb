"""Words for a believable district, and the odd ones that real districts have."""

from __future__ import annotations

SCHOOLS = (
    ("Lincoln High School", "1120 Oak Street"),
    ("Roosevelt Middle School", "48 Sequoia Avenue"),
    ("Escuela Primaria César Chávez", "900 Calle Ñandú"),
    ("Sierra Vista High School", "7 Ridge Road"),
    ("桜ヶ丘 Immersion School", "33 Cherry Lane"),
    ("Washington Elementary", "210 Maple Street"),
    ("Cielo Alto Academy", "5501 Mesa Boulevard"),
    ("Harbor Preparatory", "18 Pier Street"),
    ("Jefferson High School", "400 West Grand Avenue"),
    ("Mountain View Middle School", "76 Summit Drive"),
    ("Golden Poppy Elementary", "12 Poppy Court"),
    ("O'Brien & Sons Technical High", "1 Foundry Way"),
)

FACILITIES = (
    ("Main Gym", "Gymnasium", "gym", 600),
    ("Football Field", "Field", "field", 2000),
    ("Theater", "Theater", "theater", 420),
    ("Pool", "Pool", "pool", 120),
    ("Small Gym", "Gymnasium", "gym", 180),
    ("Cafeteria", "Cafeteria", "cafeteria", 300),
    ("Soccer Field", "Field", "field", None),
    ("Library", "Library", "library", 60),
    ("Classroom 101", "Classroom", "classroom", 32),
    ("Baseball Field", "Field", "field", 400),
    ("Tennis Courts", "Court", "court", 24),
    ("Music Room", "Classroom", "music", 45),
)

SERIES = {
    "Gymnasium": (
        "Basketball Practice",
        "Volleyball Club",
        "Bay Area Hoops League",
        "Badminton Open Gym",
        "Liga de Voleibol",
    ),
    "Field": ("Youth Soccer League", "Football Practice", "Fútbol Infantil", "Lacrosse Clinic", "Track & Field"),
    "Theater": ("Drama Rehearsal", "Spring Musical", "Ensayo de Teatro", "Community Band", "Film Club"),
    "Pool": ("Swim Team", "Water Polo", "Natación para Adultos", "Masters Swim"),
    "Cafeteria": ("Scout Troop 42", "PTA Meeting", "Reunión de Padres", "Chess Club"),
    "Library": ("Homework Club", "Book Circle", "Adult ESL Class"),
    "Classroom": ("Robotics Team", "日本語教室", "Choir ♪", "SAT Prep", "Clase de Ciudadanía"),
    "Court": ("Tennis Ladder", "Pickleball"),
}

ACTIVITIES = (None, None, None, "Warm-up", "Game vs. Harbor", "Setup", "Final", "Ensayo general")

ONE_OFFS = (
    "Wedding Reception",
    "Quinceañera de Lucía",
    "Blood Drive",
    "Craft Fair",
    "Town Hall",
    "Graduation 🎓",
    "Dance Recital",
)

ODD_NAMES = (
    "Kids' Yoga; Beginners, Part 1 \\ 2",
    "<script>alert('gym')</script> & \"friends\"",
    "Practice\r\nATTENDEE:mailto:evil@example.org",
    "BEGIN:VEVENT",
    "Night\x07 of the\x00 Bell",
    "  Choir \u2028 Concert  ",
    "卒業式のリハーサルとそのあとの懇親会(体育館)🎌",
    "👩‍👩‍👧‍👦 Family Night 🏀",
    "\u202eright to left\u202c",
    "A very long name that goes on and on, " * 9,
    "\t",
    None,
)
"""What people really type, and what some would like to; None is a name that is missing."""

RENTERS = (
    {"name": "Renata Privada", "email": "renata@renter.example", "phone": "555-0142"},
    "Renata Privada <renata@renter.example>",
    55501420,
    ["Renata Privada", "renata@renter.example"],
    None,
)
"""Every shape that a renter was seen in; privacy tests look for these words everywhere."""

ACTIVITY_TYPES = ({"_id": 12, "name": "Athletics"}, "Athletics", 12, [12, "Athletics"], None)

ATTENDANCE = 77777
SHORT_ID = "R-PRIVATE"
RATE_CATEGORIES = ("Internal Privada", "External Privada", "District Internal Privada", None)
