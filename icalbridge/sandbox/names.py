"""Names of the showcase: a believable school district in California. Data only."""

from __future__ import annotations

from icalbridge.sandbox.builder import EventFields

DISTRICT = ("Sunny Valley Unified School District", "285 West Grand Avenue")
PLACE = ("Sunnyvale", "CA", "America/Los_Angeles")
ZIP = "94087"
DISTRICT_FACILITY = ("Board Room", "Meeting Room", "board room", 80)

HIGH, MIDDLE, ELEMENTARY = "high", "middle", "elementary"

SCHOOLS = (
    ("Lincoln High School", "1120 Oak Street", HIGH),
    ("Roosevelt Middle School", "48 Sequoia Avenue", MIDDLE),
    ("Washington Elementary School", "210 Maple Street", ELEMENTARY),
    ("Sierra Vista High School", "700 Ridge Road", HIGH),
    ("Mountain View Middle School", "76 Summit Drive", MIDDLE),
    ("Oak Hill Elementary School", "1501 Oak Hill Lane", ELEMENTARY),
    ("Jefferson High School", "400 West Grand Avenue", HIGH),
    ("Cedar Grove Middle School", "935 Cedar Avenue", MIDDLE),
    ("Riverside Elementary School", "62 River Street", ELEMENTARY),
    ("Cesar Chavez Elementary School", "900 Orchard Way", ELEMENTARY),
    ("Golden Poppy Elementary School", "12 Poppy Court", ELEMENTARY),
    ("Franklin Elementary School", "318 Franklin Street", ELEMENTARY),
)

FACILITIES = {
    HIGH: (
        ("Main Gym", "Gymnasium", "gym", 600),
        ("Performing Arts Center", "Theater", "theater", 420),
        ("Football Stadium", "Field", "field", 2000),
        ("Aquatic Center", "Pool", "pool", 150),
        ("Cafeteria", "Cafeteria", "cafeteria", 300),
        ("Auxiliary Gym", "Gymnasium", "gym", 180),
        ("Soccer Field", "Field", "field", 500),
        ("Library", "Library", "library", 60),
        ("Classroom 101", "Classroom", "classroom", 32),
        ("Baseball Field", "Field", "field", 400),
        ("Tennis Courts", "Court", "court", 40),
        ("Band Room", "Classroom", "music", 70),
    ),
    MIDDLE: (
        ("Gymnasium", "Gymnasium", "gym", 350),
        ("Multipurpose Room", "Cafeteria", "cafeteria", 250),
        ("Track and Field", "Field", "field", 600),
        ("Library", "Library", "library", 45),
        ("Outdoor Courts", "Court", "court", 60),
        ("Music Room", "Classroom", "music", 50),
        ("Soccer Field", "Field", "field", 300),
        ("Classroom 12", "Classroom", "classroom", 32),
    ),
    ELEMENTARY: (
        ("Multipurpose Room", "Cafeteria", "cafeteria", 220),
        ("Play Field", "Field", "field", 200),
        ("Library", "Library", "library", 40),
        ("Outdoor Courts", "Court", "court", 60),
        ("Classroom 3", "Classroom", "classroom", 28),
        ("Music Room", "Classroom", "music", 40),
    ),
}
"""Name, type, search term and capacity, by level of school."""

STUDENT_GROUPS = {
    HIGH: {
        "Gymnasium": (
            "Varsity Boys Basketball",
            "Varsity Girls Basketball",
            "JV Boys Basketball",
            "JV Girls Basketball",
            "Girls Volleyball",
            "Boys Volleyball",
            "Wrestling Practice",
            "Cheer Practice",
            "Badminton Team",
        ),
        "Theater": (
            "Drama Rehearsal",
            "Musical Rehearsal",
            "Concert Choir",
            "Stage Crew",
            "Speech and Debate",
        ),
        "Field": (
            "Varsity Boys Soccer",
            "Varsity Girls Soccer",
            "JV Soccer",
            "Football Conditioning",
            "Marching Band",
            "Lacrosse Practice",
            "Cross Country",
            "Softball Practice",
            "Baseball Practice",
            "Track and Field",
        ),
        "Pool": ("Swim Team", "Boys Water Polo", "Girls Water Polo", "Dive Team"),
        "Cafeteria": ("Key Club", "Chess Club", "Student Council", "Dance Club"),
        "Library": ("Homework Club", "Peer Tutoring", "Math Team", "Book Club"),
        "Classroom": (
            "Robotics Team",
            "Mock Trial",
            "Science Olympiad",
            "Jazz Band",
            "Model UN",
            "Yearbook Staff",
        ),
        "Court": ("Varsity Tennis", "JV Tennis"),
    },
    MIDDLE: {
        "Gymnasium": (
            "7th Grade Basketball",
            "8th Grade Basketball",
            "Girls Volleyball",
            "Intramural Futsal",
        ),
        "Cafeteria": ("After-School Program", "Chess Club", "Drama Club", "Dance Team"),
        "Field": ("Cross Country", "Soccer Club", "Flag Football", "Track and Field"),
        "Library": ("Homework Club", "Battle of the Books"),
        "Classroom": ("Beginning Band", "Robotics Club", "Art Club", "Coding Club", "Choir"),
        "Court": ("Intramural Basketball", "Tennis Club"),
    },
    ELEMENTARY: {
        "Cafeteria": ("After-School Program", "Choir", "Chess for Kids"),
        "Field": ("After-School Soccer", "Running Club", "Kickball Club"),
        "Library": ("Homework Club", "Reading Buddies"),
        "Classroom": ("Building Blocks Club", "Art Club", "Spanish Club", "Beginning Strings"),
        "Court": ("Jump Rope Club", "Four Square Club"),
    },
}
"""Titles after school, by level and type of facility; there are no others at that time."""

EVENING_GROUPS = {
    "Gymnasium": (
        "Adult Basketball League",
        "Parks & Recreation Volleyball",
        "Badminton Open Gym",
        "Bay Area Hoops Academy",
        "Taekwondo Class",
        "Futsal League",
        "Pickleball Open Play",
    ),
    "Theater": (
        "Community Orchestra",
        "Sunny Valley Players",
        "Ballet Folklórico",
        "Master Chorale",
        "Valley Dance Academy",
    ),
    "Field": (
        "Youth Soccer League",
        "Adult Soccer League",
        "Girls Softball League",
        "Youth Lacrosse Club",
        "Ultimate Frisbee",
        "Flag Football League",
    ),
    "Pool": ("Masters Swim", "Sunny Valley Swim Club", "Lap Swim", "Water Aerobics"),
    "Cafeteria": (
        "Scout Troop 42",
        "Cub Scout Pack 118",
        "PTA Meeting",
        "Neighborhood Association",
        "Zumba Class",
    ),
    "Library": ("Adult ESL Class", "Citizenship Class", "Community Book Club"),
    "Classroom": (
        "Adult ESL Class",
        "Adult Spanish Class",
        "Parent Education Night",
        "GED Preparation",
        "Community Band",
        "Guitar Class",
    ),
    "Court": ("Tennis Ladder", "Pickleball League", "Street Hockey"),
    "Meeting Room": (
        "Board of Education Meeting",
        "Budget Committee",
        "Facilities Committee",
        "District Advisory Council",
        "Bond Oversight Committee",
    ),
}
SATURDAY_GROUPS = {
    "Gymnasium": (
        "Youth Basketball League",
        "Volleyball Club Matches",
        "Saturday Open Gym",
        "Gymnastics Class",
        "Fencing Club",
    ),
    "Theater": ("Youth Symphony", "Children's Theater Workshop", "Valley Dance Academy"),
    "Field": (
        "Youth Soccer Games",
        "Flag Football Games",
        "Little League Games",
        "Softball Games",
        "Adult Soccer Games",
    ),
    "Pool": ("Swim Lessons", "Swim Club Practice", "Family Swim"),
    "Cafeteria": ("Food Pantry", "Martial Arts Class", "Square Dance Club"),
    "Library": ("SAT Preparation", "Saturday Storytime"),
    "Classroom": ("Chinese School", "Saturday Math Academy", "Violin Lessons", "Hindi School"),
    "Court": ("Tennis Lessons", "Pickleball Open Play", "Youth Hockey Clinic"),
}
SUNDAY_GROUPS = {
    "Theater": ("Grace Community Church", "New Hope Fellowship"),
    "Cafeteria": ("Iglesia Nueva Vida", "Valley Bible Fellowship"),
    "Gymnasium": ("Sunday Basketball", "Family Open Gym"),
}
ONE_OFFS = {
    "Gymnasium": ("Blood Drive", "Robotics Tournament", "College Fair", "Volleyball Tournament"),
    "Theater": ("Dance Recital", "Winter Concert", "Talent Show", "Town Hall Meeting"),
    "Field": ("Community Fun Run", "Band Competition", "Soccer Tournament"),
    "Pool": ("Swim Meet", "Lifeguard Training"),
    "Cafeteria": ("Craft Fair", "Pancake Breakfast", "Quinceañera Celebration", "Science Fair"),
    "Library": ("Author Visit", "Book Fair"),
    "Classroom": ("CPR Training", "Tax Help Clinic", "Parent Workshop"),
    "Court": ("Tennis Tournament", "Bike Safety Day"),
    "Meeting Room": ("Special Board Meeting", "Superintendent's Forum", "Staff Workshop"),
}
"""Titles of what happens once, by type of facility; on evenings and Saturdays."""

_PEOPLE = (
    "Maria Lopez",
    "James Carter",
    "Priya Patel",
    "Daniel Nguyen",
    "Susan Miller",
    "Robert Kim",
    "Angela Brooks",
    "Michael Torres",
)
FIELDS = EventFields(
    renters=tuple(
        {"name": name, "email": f"{name.lower().replace(' ', '.')}@renter.example"}
        for name in _PEOPLE
    ),
    activity_types=(
        {"_id": 12, "name": "Athletics"},
        {"_id": 14, "name": "Meeting"},
        {"_id": 21, "name": "Performing Arts"},
    ),
    attendance=(12, 18, 24, 30, 45, 60, 90, 150),
    short_id="R",
    rate_categories=("School", "Nonprofit", "Community", "Commercial"),
)

KNOWN_RENTERS = ("coach@school.example", "office@school.example", "renata@renter.example")
"""For whom an event may be created; documented in `--help`."""

KNOWN_ACTIVITY_TYPES = {12: "Athletics", 14: "Meeting", 21: "Performing Arts"}
"""By id, with the name that an event then shows."""
