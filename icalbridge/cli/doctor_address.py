"""`doctor` on the public address: whether requests reach this icalbridge, and as what."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from icalbridge.cli.check import Check
from icalbridge.text import display_text

if TYPE_CHECKING:
    import requests

    from icalbridge.settings import Settings
    from icalbridge.store import Store

TIMEOUT_SECONDS = 10


def check_address(settings: Settings, store: Store, *, runs: bool) -> tuple[Check, ...]:
    """Request `/healthz` at ICALBRIDGE_PUBLIC_URL, with a text that only this database knows.

    `runs`: whether a sync worker is alive; without one, icalbridge is taken as not started yet.
    """
    if not settings.public_url:
        return ()
    if not runs:
        reason = "not checked: icalbridge is not running; start it, then run doctor again"
        return Check("address", None, reason), _unseen()
    import requests

    from icalbridge.web.routes.health import CHALLENGE

    address = f"{settings.public_url}/healthz"
    with store.challenges.new() as challenge:
        try:
            with requests.get(
                address,
                headers={CHALLENGE: challenge},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            ) as response:
                return _judge(settings.public_url, address, response)
        except requests.RequestException as error:
            return _unreachable(address, _reason(error)), _unseen()


def _judge(public_url: str, address: str, response: requests.Response) -> tuple[Check, Check]:
    from icalbridge.web.routes.health import ARRIVED, DATABASE

    database = response.headers.get(DATABASE)
    if database is None:
        return _unreachable(address, _other_program(response)), _unseen()
    if database != "same":
        other = (
            f"{address} leads to an icalbridge with another database; check the name in DNS, the"
            " reverse proxy, and DATABASE_URL on both sides"
        )
        return Check("address", False, other), _unseen()
    reached = Check("address", True, f"{public_url} leads here")
    return reached, _proxy(public_url, response.headers.get(ARRIVED, ""))


def _proxy(public_url: str, arrived: str) -> Check:
    shown = display_text(arrived[:200]).removeprefix("//")
    if _agrees(arrived, public_url):
        return Check("proxy", True, f"requests arrive for {shown}")
    return Check(
        "proxy",
        False,
        f"requests for {public_url} arrive for {shown}; let the reverse proxy set Host, and"
        " X-Forwarded-Proto if it sets that, to what the client requested",
    )


def _agrees(arrived: str, public_url: str) -> bool:
    """Return whether host and, where a proxy names it, scheme are those of the public address."""
    try:
        here, there = urlsplit(arrived), urlsplit(public_url)
    except ValueError:
        return False
    return here.hostname == there.hostname and here.scheme in {"", there.scheme}


def _unreachable(address: str, reason: str) -> Check:
    return Check(
        "address",
        False,
        f"{address} {reason}; check the name in DNS, the firewall and the reverse proxy",
    )


def _other_program(response: requests.Response) -> str:
    if response.is_redirect:
        return "redirects elsewhere"
    return f"answers {response.status_code}, and not as icalbridge does"


def _reason(error: requests.RequestException) -> str:
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return "has no valid certificate"
    if isinstance(error, requests.Timeout):
        return f"did not answer in {TIMEOUT_SECONDS} s"
    return "cannot be connected to"


def _unseen() -> Check:
    return Check("proxy", None, "not checked: see above")
