"""The vendor's read API as a Flask application: a client cannot tell it from the published contract.

A request passes the key, the limits, the rules, and then whatever fault is set for it.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, json, request

from icalbridge.sandbox import broken, rules
from icalbridge.sandbox.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icalbridge.sandbox.faults import Fault
    from icalbridge.sandbox.world import Dto, World

EXTENSION = "sandbox"


@dataclass
class State:
    """What a test looks at and changes: `app.extensions["sandbox"]`."""

    world: World
    limits: dict[str, Limits]
    faults: list[Fault]
    clock: Callable[[], datetime]
    maintenance_blocks: bool
    requests: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Method, path, query and status of each answer so far; 0 where there was none."""

    @property
    def quota_used(self) -> int:
        return sum(each.used for each in self.limits.values())


def create_app(
    world: World,
    *,
    keys: Sequence[str] = ("sandbox-key",),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    rate_per_minute: int = 120,
    quota_per_day: int = 15_000,
    faults: Sequence[Fault] = (),
    maintenance_blocks: bool = False,
) -> Flask:
    """Make the application; the clock gives aware UTC moments. `maintenance_blocks`: that event type has come."""
    app = Flask("icalbridge.sandbox", static_folder=None)
    limits = {key: Limits(rate_per_minute, quota_per_day) for key in keys}
    state = State(world, limits, list(faults), clock, maintenance_blocks)
    app.extensions[EXTENSION] = state
    api = _Api(state)
    for rule, endpoint, view in (
        ("/v1/properties", "properties", api.properties),
        ("/v1/property/<property_id>", "property", api.property),
        ("/v1/property/<property_id>/facilities", "facilities", api.facilities),
        ("/v1/property/<property_id>/events", "property-events", api.property_events),
        ("/v1/facility/<facility_id>/events", "facility-events", api.facility_events),
        ("/v1/event/<event_type>/<event_id>", "event", api.event),
    ):
        app.add_url_rule(rule, endpoint, view, methods=["GET"], provide_automatic_options=False)
    app.before_request(lambda: _enter(state))
    app.after_request(lambda response: _leave(state, response))
    app.register_error_handler(rules.Refusal, _refused)
    app.register_error_handler(404, lambda _error: _problem(404, "SY404", "No such endpoint"))
    app.register_error_handler(405, lambda _error: _problem(405, "SY405", "Method not allowed"))
    return app


class _Api:
    """The six endpoints; each returns a plain answer or raises `rules.Refusal`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._world = state.world

    def properties(self) -> Response:
        return self._answer("A007", "Properties retrieved successfully", "properties", self._world.properties)

    def property(self, property_id: str) -> Response:
        return self._answer("A006", "Property retrieved successfully", "property", self._property(property_id))

    def facilities(self, property_id: str) -> Response:
        self._property(property_id)
        found = self._world.facilities_of(property_id)
        return self._answer("A005", "Facilities retrieved successfully", "facilities", found)

    def property_events(self, property_id: str) -> Response:
        """Events of the property; of a parent with all its children only when asked to include them."""
        asked = self._property(property_id)
        query = rules.read_query(
            request.args, self._today(property_id), maintenance_blocks=self._state.maintenance_blocks
        )
        children = asked["properties"] if query.include_child_events else []
        owners = [property_id, *children]
        found = self._world.events_of(owners, query.start, query.end, query.event_types)
        return self._answer("A004", "Events retrieved successfully", "events", found)

    def facility_events(self, facility_id: str) -> Response:
        facility = self._world.facility(facility_id)
        if facility is None:
            raise rules.Refusal(404, "FC001", "Facility not found")
        today = self._today(facility["property_id"])
        query = rules.read_query(request.args, today, maintenance_blocks=self._state.maintenance_blocks)
        found = self._world.events_in(facility_id, query.start, query.end, query.event_types)
        return self._answer("A003", "Events retrieved successfully", "events", found)

    def event(self, event_type: str, event_id: str) -> Response:
        rules.event_type(event_type, maintenance_blocks=self._state.maintenance_blocks)
        found = self._world.event(event_type, rules.event_id(event_id))
        if found is None:
            raise rules.Refusal(404, "EV001", "Event not found")
        return self._answer("A002", "Event retrieved successfully", "event", found)

    def _property(self, property_id: str) -> Dto:
        found = self._world.property(property_id)
        if found is None:
            raise rules.Refusal(404, "PR001", "Property not found")
        return found

    def _today(self, property_id: str) -> date:
        return self._state.clock().astimezone(self._world.zone_of(property_id)).date()

    def _answer(self, code: str, done: str, name: str, found: Dto | list[Dto]) -> Response:
        with self._world.lock:
            return _json(200, {**_told(f"{done} – {_explained(done)}", code), name: found})


def _enter(state: State) -> Response | None:
    """Check key and limits, then let a fault strike; None lets the endpoint answer."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or key not in state.limits:
        return _unauthorized()
    if not state.limits[key].allow(state.clock()):
        return _json(429, {"message": "Limit Exceeded"})
    property_id = (request.view_args or {}).get("property_id", "")
    for fault in list(state.faults):
        if fault.strikes(request.endpoint or "", property_id):
            time.sleep(broken.seconds_of(fault))
            if answer := broken.before(fault):
                return answer
            request.environ.setdefault("icalbridge.faults", []).append(fault)
    return None


def _leave(state: State, response: Response) -> Response:
    """Let the faults that spoil an answer do so, and write the request down."""
    for fault in request.environ.get("icalbridge.faults", []):
        if response.status_code == 200:
            response = broken.after(fault, response)
    status = 0 if isinstance(response, broken.Nothing) else response.status_code
    state.requests.append((request.method, request.path, request.query_string.decode("latin-1"), status))
    return response


def _refused(error: rules.Refusal) -> Response:
    return _problem(error.status, error.code, error.message)


def _problem(status: int, code: str, message: str) -> Response:
    return _json(status, _told(message, code))


def _unauthorized() -> Response:
    """401 as the vendor documents it: a problem document (RFC 9457)."""
    response = _json(
        401,
        {
            "type": "https://httpproblems.com/http-status/401",
            "title": "Unauthorized",
            "status": 401,
            "detail": "Unable to authenticate: AU002",
            "instance": request.path,
            "trace": {"requestId": str(uuid.uuid4())},
        },
    )
    response.content_type = "application/problem+json"
    return response


def _explained(done: str) -> str:
    what = done.split()[0].lower()
    return f"The {what} details have been successfully retrieved."


def _told(message: str, code: str) -> dict[str, Any]:
    return {"message": message, "message_code": code, "invocation_id": str(uuid.uuid4())}


def _json(status: int, told: dict[str, Any]) -> Response:
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=False)
    return Response(body, status, content_type="application/json; charset=utf-8")
