"""The file of the public policy: read at start, and again as soon as it changes.

A change counts once the file has not been written to for a second, so that no half-written policy
applies. A file that becomes bad keeps the last good policy, which the database has too: for
processes that start while it is bad.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from icalbridge.errors import ConfigurationError, StoreError
from icalbridge.feeds.policy import EVERYTHING, BadPolicy, parse_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from icalbridge.feeds.policy import Policy
    from icalbridge.store.policies import Policies

SETTING = "ICALBRIDGE_POLICY_FILE"
SETTLE_SECONDS = 1.0
MOST_BYTES = 1_000_000
NOT_USED = (
    "The policy file cannot be used; the last good one holds, and `icalbridge doctor` has the"
    " reason."
)
"""What anybody may know of a bad file."""

log = logging.getLogger(__name__)


def read_policy(path: str) -> Policy:
    """Return the policy of a file; of no file the one that hides nothing.

    Raises `ConfigurationError`: one sentence with line and reason.
    """
    if not path:
        return EVERYTHING
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise BadPolicy(0, f"it has more than {MOST_BYTES:,} bytes.")
        return parse_policy(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        reason = f"it cannot be read: {(error.strerror or 'no such file').lower()}."
    except UnicodeDecodeError:
        reason = "it is not text in UTF-8."
    except BadPolicy as error:
        reason = str(error)
    raise ConfigurationError(f"{SETTING} is {path!r}, which cannot be used: {reason}")


class _Signature(NamedTuple):
    """What changes with a file; all 0 where there is none."""

    modified: int = 0
    size: int = 0
    inode: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether nobody has written to the file for a while, or a clock stands wrong."""
        age = time.time() - self.modified / 1e9
        return age < 0 or age >= SETTLE_SECONDS


class PolicyFile:
    """The policy of a file as it is now, in this process."""

    def __init__(self, path: str, policies: Policies, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._policies = policies
        self._clock = clock
        self._lock = Lock()
        self._seen: _Signature | None = None
        self._policy: Policy | None = None
        self.error = ""
        """Why the file, as it is now, cannot be used; empty where it can."""

    def current(self) -> Policy:
        """Return the policy that holds. Raises `StoreError` where the file is bad and no good one
        is known: nothing is public then.
        """
        if not self._path:
            return EVERYTHING
        signature = self._signature()
        if signature != self._seen:
            with self._lock:
                self._refresh(signature)
        if self._policy is None:
            raise StoreError(self.error)
        return self._policy

    def _signature(self) -> _Signature:
        try:
            status = Path(self._path).stat()
        except OSError:
            return _Signature()
        return _Signature(status.st_mtime_ns, status.st_size, status.st_ino)

    def _refresh(self, signature: _Signature) -> None:
        if signature == self._seen or (self._policy is not None and not signature.is_settled):
            return
        try:
            policy = read_policy(self._path)
        except ConfigurationError as error:
            self._fail(str(error))
        else:
            self._take(policy, signature)
        self._seen = signature

    def _take(self, policy: Policy, signature: _Signature) -> None:
        if self.error or self._policy is not None:
            log.info("the public policy was read again: %s", self._path)
        self.error = ""
        if self._policy is None or self._policy.digest != policy.digest:
            self._policy = replace(policy, changed=self._switch(policy, signature))

    def _switch(self, policy: Policy, signature: _Signature) -> datetime | None:
        """Return since when a policy holds, for all processes the same as far as the database can
        be used.
        """
        try:
            last = self._policies.last()
            if last is not None and last.digest == policy.digest:
                return last.changed
            return self._policies.switch(policy.digest, policy.text, now=self._clock())
        except StoreError as error:
            log.warning("the public policy could not be stored: %s", error)
            modified = signature.modified // 1_000_000_000
            return datetime.fromtimestamp(modified, UTC) if modified else None

    def _fail(self, error: str) -> None:
        try:
            self._take_stored()
        except StoreError:
            if self._policy is None:
                raise
        if self.error != error:
            outcome = "nothing is public" if self._policy is None else "the last good policy holds"
            log.error("%s; %s", error.rstrip("."), outcome)
        self.error = error

    def _take_stored(self) -> None:
        """Take the last good policy of all processes: this one may have missed it."""
        last = self._policies.last()
        if last is None or (self._policy is not None and self._policy.digest == last.digest):
            return
        with suppress(BadPolicy):  # another version wrote it
            self._policy = replace(parse_policy(last.text), changed=last.changed)
