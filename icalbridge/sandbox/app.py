"""The vendor's API as a Flask application: a client cannot tell it from the published contract.

A request meets, in the vendor's order, the gateway (key, limits), then whatever fault is set for
it, then the endpoint with its rules (`rules.py`, `writes.py`) and data (`world.py`). Outside /v1,
and open to all, stands the document of it (`published.py`). Every answer is written down for tests
to read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import MethodNotAllowed

from icalbridge.sandbox import bodies, broken, published, rules
from icalbridge.sandbox.limits import AnswerLimits, Limits
from icalbridge.sandbox.writes import Writes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from werkzeug.exceptions import HTTPException

    from icalbridge.sandbox.faults import Fault
    from icalbridge.sandbox.world import Dto, World

DONE = {
    "properties": (
        "A007",
        (
            "Properties retrieved successfully – The property details have been successfully"
            " retrieved."
        ),
    ),
    "property": (
        "A008",
        "Property retrieved successfully – The property details have been successfully retrieved.",
    ),
    "facilities": (
        "A009",
        (
            "Facilities retrieved successfully – The facility details have been successfully"
            " retrieved."
        ),
    ),
    "property-events": (
        "A010",
        "Events retrieved successfully – The event details have been successfully retrieved.",
    ),
    "facility-events": (
        "A010",
        "Events retrieved successfully – The event details have been successfully retrieved.",
    ),
    "event": (
        "A011",
        "Event retrieved successfully – The event details have been successfully retrieved.",
    ),
    "create-event": (
        "A012",
        "Event created successfully – The event has been successfully created.",
    ),
    "cancel-event": (
        "A013",
        "Event cancelled successfully – The event has been successfully cancelled.",
    ),
    "change-timeslot": (
        "A014",
        "Timeslot updated successfully – The timeslot has been successfully updated.",
    ),
}
"""By endpoint. The pages tell A007 and its text; the others are in its manner."""

EVENT_LISTS = ("property-events", "facility-events")
CREATED = 201
"""The pages name no status of success but say "created"."""

LONGEST_BODY = 1_048_576
"""Octets of a request's body: hundreds of times what any needs."""

REQUEST_LOG_SIZE = 100_000
"""Least number of recent requests that are recorded: a sandbox may run for weeks."""


@dataclass
class State:
    """State that tests read and change: `app.extensions["sandbox"]`."""

    world: World
    limits: dict[str, Limits]
    faults: list[Fault]
    clock: Callable[[], datetime]
    maintenance_blocks: bool
    strict_creations: bool
    answers: AnswerLimits
    requests: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Method, path, query and status of each request so far; status 0 where the connection broke
    instead.
    """
    stopping: Event = field(default_factory=Event)
    """Set by the server when it ends: wakes whatever waits."""
    wait: Callable[[float], object] = field(init=False)
    """Waits for some seconds; a test may let a clock of its own go on instead."""

    def __post_init__(self) -> None:
        self.wait = self.stopping.wait

    @property
    def quota_used(self) -> int:
        """Requests of all keys on the last UTC day that had any."""
        return sum(limits.used for limits in self.limits.values())


def create_app(
    world: World,
    *,
    keys: Sequence[str] = ("sandbox-key",),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    rate_per_minute: int = 120,
    quota_per_day: int = 15_000,
    faults: Sequence[Fault] = (),
    maintenance_blocks: bool = False,
    strict_creations: bool = False,
    answers: AnswerLimits = AnswerLimits(),  # noqa: B008  # it is frozen
) -> Flask:
    """Create the application. `clock` returns aware UTC moments; `maintenance_blocks` allows the
    event type that is "coming soon"; `strict_creations` applies the bounds published for changes
    to new bookings too.
    """
    app = Flask("icalbridge.sandbox", static_folder=None, template_folder="pages")
    state = State(
        world,
        {key: Limits(rate_per_minute, quota_per_day) for key in keys},
        list(faults),
        clock,
        maintenance_blocks,
        strict_creations,
        answers,
    )
    app.extensions["sandbox"] = state
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_BODY
    # a gateway does not redirect; without this an empty id in a path would be
    app.url_map.merge_slashes = False
    endpoints = _Endpoints(state)
    for method, rule, endpoint, view in endpoints.routes():
        app.add_url_rule(rule, endpoint, view, methods=[method], provide_automatic_options=False)
    published.add_to(app)
    app.before_request(lambda: _enter(state, endpoints.owner))
    app.after_request(lambda response: _leave(state, response))
    app.register_error_handler(
        rules.Refusal, lambda refusal: bodies.problem(refusal.status, refusal.code, str(refusal))
    )
    for status in (404, 405):
        app.register_error_handler(status, _no_route)
    for status in (400, 413):
        app.register_error_handler(status, _no_body)
    return app


class _Endpoints:
    """The nine endpoints. They respond or raise `rules.Refusal`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._world = state.world
        self._writes = Writes(
            state.world,
            lambda: state.clock(),
            maintenance_blocks=state.maintenance_blocks,
            strict_creations=lambda: state.strict_creations,
        )

    def routes(self) -> list[tuple[str, str, str, Callable[..., Response]]]:
        event = "/v1/event/<event_type>/<event_id>"
        return [
            ("GET", "/v1/properties", "properties", self.properties),
            ("GET", "/v1/property/<property_id>", "property", self.one_property),
            ("GET", "/v1/property/<property_id>/facilities", "facilities", self.facilities),
            ("GET", "/v1/property/<property_id>/events", "property-events", self.property_events),
            ("GET", "/v1/facility/<facility_id>/events", "facility-events", self.facility_events),
            ("GET", event, "event", self.event),
            ("POST", "/v1/event", "create-event", self.create_event),
            ("PATCH", event, "cancel-event", self.cancel_event),
            ("PATCH", f"{event}/timeslot/<timeslot_id>", "change-timeslot", self.change_timeslot),
        ]

    def properties(self) -> Response:
        with self._world.lock:
            return _done("properties", properties=self._world.properties)

    def one_property(self, property_id: str) -> Response:
        with self._world.lock:
            return _done("property", property=self._property(property_id))

    def facilities(self, property_id: str) -> Response:
        with self._world.lock:
            self._property(property_id)
            return _done("facilities", facilities=self._world.facilities_of(property_id))

    def property_events(self, property_id: str) -> Response:
        with self._events_shown():
            dto = self._property(property_id)
            children = dto.get("properties") or []
            query = self._query(property_id, request.args, has_children=bool(children))
            owners = [property_id, *(children if query.include_child_events else [])]
            return _done(
                "property-events",
                events=self._world.events_of(owners, query.start, query.end, query.types),
            )

    def facility_events(self, facility_id: str) -> Response:
        with self._events_shown():
            facility = self._world.facility(facility_id)
            if facility is None:
                raise rules.unknown_facility()
            args = request.args.copy()
            args.poplist("include_child_events")  # no parameter of this endpoint
            query = self._query(facility["property_id"], args)
            return _done(
                "facility-events",
                events=self._world.events_in(facility_id, query.start, query.end, query.types),
            )

    def event(self, event_type: str, event_id: str) -> Response:
        rules.check_event_type(event_type, maintenance_blocks=self._state.maintenance_blocks)
        rules.check_event_id(event_id)
        with self._events_shown():
            event = self._world.event(event_type, event_id)
            if event is None:
                raise rules.unknown_event()
            return _done("event", event=event)

    def create_event(self) -> Response:
        with self._world.lock:
            return _done("create-event", CREATED, event=self._writes.create(request.get_data()))

    def cancel_event(self, event_type: str, event_id: str) -> Response:
        with self._world.lock:
            return _done(
                "cancel-event", event=self._writes.cancel(event_type, event_id, request.get_data())
            )

    def change_timeslot(self, event_type: str, event_id: str, timeslot_id: str) -> Response:
        with self._world.lock:
            moved = self._writes.change(event_type, event_id, timeslot_id, request.get_data())
            return _done("change-timeslot", timeslot=moved)

    def owner(self) -> str:
        """Return the id of the property of this request; "" for none."""
        if request.endpoint == "create-event":
            return self._writes.owner_of_body(request.get_data())
        return self._world.owner_of(request.view_args or {})

    def _events_shown(self) -> AbstractContextManager[object]:
        """Lock the world for a read of events; the fault `stale` shows a snapshot of them."""
        stale = any(fault.kind == "stale" for fault in g.faults)
        return self._world.as_in_snapshot() if stale else self._world.lock

    def _property(self, property_id: str) -> Dto:
        dto = self._world.property(property_id)
        if dto is None:
            raise rules.unknown_property()
        return dto

    def _query(
        self, property_id: str, args: Mapping[str, str], *, has_children: bool = False
    ) -> rules.Query:
        today = self._world.day_of(property_id, self._state.clock())
        return rules.read_query(
            args,
            today,
            has_children=has_children,
            child_events_days=self._state.answers.child_events_days,
            maintenance_blocks=self._state.maintenance_blocks,
        )


def _enter(state: State, owner_of: Callable[[], str]) -> Response | None:
    """Check key and limits, then apply faults; None lets the endpoint respond."""
    g.faults = []
    if request.endpoint in published.ENDPOINTS:
        return None
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or key.strip() not in state.limits:
        return bodies.unauthorized(request.path)
    if not state.limits[key.strip()].allow(state.clock()):
        return bodies.too_many()
    if request.endpoint is None:
        return None
    faults = list(state.faults)
    state.world.keep_snapshot(next((fault for fault in faults if fault.kind == "stale"), None))
    owner = owner_of() if faults else ""
    days, children = rules.span_of(request.args), "include_child_events" in request.args
    g.faults = [
        fault for fault in faults if fault.strikes(request.endpoint, owner, days, children=children)
    ]
    # a delay ends early when the server does, so that no test ever waits for a hanging request
    state.wait(sum(fault.delay() for fault in g.faults))
    answers = (broken.instead(fault, request.endpoint) for fault in g.faults)
    answer = next((response for response in answers if response is not None), None)
    if answer is not None:
        g.faults = []
    return answer


def _leave(state: State, response: Response) -> Response:
    """Let faults change a valid response, and record the request."""
    if response.status_code in {200, CREATED} and response.mimetype == "application/json":
        for fault in g.faults:
            response = broken.change_response(fault, response)
    if request.endpoint in EVENT_LISTS and response.status_code == 200:
        response = _limit_answer(state, response)
    status = 0 if isinstance(response, broken.NoResponse) else response.status_code
    state.requests.append(
        (request.method, request.path, request.query_string.decode("latin-1"), status)
    )
    if len(state.requests) > 2 * REQUEST_LOG_SIZE:
        del state.requests[:-REQUEST_LOG_SIZE]
    return response


def _limit_answer(state: State, response: Response) -> Response:
    """Return an answer as late as one of its size is, or what one that is too large gets."""
    octets = response.content_length or 0
    state.wait(state.answers.seconds(octets))
    status = state.answers.status(octets)
    return response if status == 200 else bodies.problem(status, *broken.WORDS[status])


def _done(endpoint: str, status: int = 200, **fields: Any) -> Response:
    return bodies.json_response(status, {**bodies.envelope(*DONE[endpoint]), **fields})


def _no_route(error: HTTPException) -> Response:
    """Respond to an unknown path or method."""
    status = error.code or 404
    refused = bodies.problem(
        status, "SY001", f"{error.name} – {request.method} {request.path} is not an endpoint."
    )
    if isinstance(error, MethodNotAllowed):
        refused.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return refused


def _no_body(_error: HTTPException) -> Response:
    """Respond to a body that is too long or incomplete."""
    return bodies.problem(
        400,
        "SY001",
        f"Validation failed – the body must be whole, and at most {LONGEST_BODY} octets.",
    )
