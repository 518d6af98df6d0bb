"""Every error that icalbridge raises on purpose. Each message is one sentence for people: what is
wrong, what to do.

    IcalbridgeError
    ├── ConfigurationError          a setting is missing or wrong; start-up stops and names it
    ├── StoreError                  the database cannot be used as it is
    │   ├── StoreClosed             it was closed: the process ends
    │   └── SchemaOutdated          its schema is older or newer than this program
    ├── ExportError                 a folder cannot be exported into
    ├── UnknownZone                 no such IANA time zone
    ├── BadCalendar                 a calendar to push cannot be used
    ├── CalendarUnreachable         a calendar to push could not be fetched; retry later
    ├── WindowBroken                an unexpected exception in one window, or in the catalog
    ├── InvalidRequest              a write breaks the vendor's rules; nothing was sent (ValueError)
    └── VendorError                 a request to the vendor's API brought no usable response
        ├── RetryableError          the same request may work later
        │   ├── VendorUnavailable   408, 425, any other 5xx, no connection: the vendor is down
        │   │   └── VendorTimeout   502 to 504, our own deadline: the window may be too heavy
        │   ├── RateLimited         429: more requests than the vendor grants
        │   └── QuotaSpent          our own limiter: today's quota is used up, nothing was sent
        ├── RefusedError            the same request will never work
        │   ├── KeyRefused          401: the key is wrong or was revoked
        │   ├── AccessRefused       403: the key may not see this
        │   ├── NotFound            404: no such property, facility or event
        │   └── RequestRefused      400 and any other 4xx: it breaks one of the vendor's rules
        ├── AnswerTooLarge          413, or larger than is read: the window is too heavy
        ├── MalformedAnswer         a 200 that cannot be read, or has the code of an error
        └── ImplausibleAnswer       a 200 without most of what was known; not believed at first

A caller of the client distinguishes three: retry (`RetryableError`), do not retry (`RefusedError`),
and a response that cannot be used (`MalformedAnswer`). None of them ever holds the key.
"""

from __future__ import annotations

from dataclasses import dataclass


class IcalbridgeError(Exception):
    """The root; `str()` is one plain sentence for the person at the terminal."""


class ConfigurationError(IcalbridgeError):
    """Raised by `settings` when a setting is missing or cannot be used. The sentence names the
    setting.
    """


class ExportError(IcalbridgeError):
    """Raised by `web.export` and `web.export_tree` when a folder cannot be exported into."""


class StoreError(IcalbridgeError):
    """Raised by `store` when the database cannot be reached or used."""


class StoreClosed(StoreError):
    """Raised by `store` for what comes after `Store.close`: nothing opens the database again."""


class SchemaOutdated(StoreError):
    """Raised by `store` when the database's schema is not the one this program was written for."""


class UnknownZone(IcalbridgeError):
    """Raised by `zones` for a name that is no IANA time zone."""


class BadCalendar(IcalbridgeError):
    """Raised by `push` for a file or address that holds no calendar, or none that can be used."""


class CalendarUnreachable(IcalbridgeError):
    """Raised by `push` when a calendar's server gives no answer, or none that is one."""


class InvalidRequest(IcalbridgeError, ValueError):
    """Raised by `facilitron` for a write that the vendor would refuse by its pages, before a
    request is spent.

    `wrong` names every wrong field, as the vendor's pages call it (`timeslots[2].end_datetime`),
    with what is the matter; never a value of it. `reasons` are the same in words for people.
    """

    def __init__(self, wrong: tuple[tuple[str, str], ...], reasons: tuple[str, ...]) -> None:
        super().__init__(f"Nothing was sent: {'; '.join(reasons)}.")
        self.wrong = wrong


@dataclass
class VendorError(IcalbridgeError):
    """A request to the vendor brought no usable answer.

    `status` is the HTTP status, None when no answer came. `message`, `message_code`,
    `invocation_id` are the vendor's own words if any; `invocation_id` is what its
    support asks for. `request` is method and path.
    """

    request: str
    message: str
    status: int | None = None
    message_code: str = ""
    invocation_id: str = ""

    def __post_init__(self) -> None:
        super().__init__(self.request, self.message)

    def __str__(self) -> str:
        reported = " ".join(
            part for part in (str(self.status or ""), self.message_code, self.message) if part
        )
        trace = f" (invocation_id {self.invocation_id})" if self.invocation_id else ""
        return f"{self.request}: {reported}{trace}"

    __hash__ = Exception.__hash__


class RetryableError(VendorError):
    """The same request may work later."""


class VendorUnavailable(RetryableError):
    """Raised for any 5xx, a reset connection and our own deadline; nothing is known of the request
    itself.
    """


class VendorTimeout(VendorUnavailable):
    """Raised for 503, 504 and our own deadline: the vendor is down, or what was requested is too
    heavy for it.
    """


class RateLimited(RetryableError):
    """Raised for a 429 that outlived the retries."""


class QuotaSpent(RetryableError):
    """Raised by our own limiter, before anything is sent, when the UTC day's quota is used up."""


class RefusedError(VendorError):
    """The same request will never work."""


class KeyRefused(RefusedError):
    """Raised for 401: the key is wrong or was revoked."""


class AccessRefused(RefusedError):
    """Raised for 403: the key may not see this property."""


class NotFound(RefusedError):
    """Raised for 404: the vendor knows no such property, facility or event."""


class RequestRefused(RefusedError):
    """Raised for 400 and any other 4xx: the request breaks a rule of the vendor's pages (a past
    date, for one).
    """


class AnswerTooLarge(VendorError):
    """Raised where an answer is larger than the vendor sends, or than is read."""


class MalformedAnswer(VendorError):
    """Raised for a 200 that cannot be used: cut off, no JSON, without its list, or
    with an error's code.
    """

    null_list = False
    """Whether `null` stands in place of the list; where nothing is known, `sync` takes that for an
    empty list.
    """


class ImplausibleAnswer(VendorError):
    """Raised by `sync` for an answer that would withdraw most of what is known: a second, later
    one, or `sync --full`, decides.
    """


class WindowBroken(IcalbridgeError):
    """Raised by `sync` for an exception that nobody foresaw; it is recorded, and the rest goes
    on.
    """
