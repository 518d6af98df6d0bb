"""gunicorn worker whose threads wait for no client.

In gunicorn's own gthread worker a connection takes a thread from the first octet of a request to
the last of its answer, so a few silent clients take all of them. Here the worker's event loop
collects the header of a request, sends what a client is slow to read, and waits for clients to
close; a thread gets a request that is complete. Each of these steps has a time limit. At the limit
of connections the one that has waited longest makes room for the next. The process that has more
connections lets the others accept first.
"""

from __future__ import annotations

import errno
import logging
import mmap
import resource
import selectors
import signal
import socket
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from gunicorn.util import write_error
from gunicorn.workers.gthread import TConn, ThreadWorker

from icalbridge.outage import OutageLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

log = logging.getLogger(__name__)

CLIENT_SECONDS = 20
"""How long a client may take for the rest of a header once it has begun one, and to close a
connection that ends.
"""
SEND_SECONDS = 60
"""How long a client may take to read an answer."""
HEADER_BYTES = 32_768
"""Longest header of a request; also how much of a body that nobody reads is thrown away before the
connection ends.
"""
RECEIVE_BYTES = 8192
HEADER_END = b"\r\n\r\n"
EMPTY_LINES = b"\r\n"
"""They are ignored before a request (RFC 9112, section 2.2)."""
MOST_SENDING = 200
"""How many slow readers a worker serves at once: each may keep a whole answer in memory."""
OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
PAUSE_SECONDS = 0.1
SLACK = 8
"""How many connections a process may have more than another before it lets that accept first."""
YIELD_SECONDS = 0.001
UNUSED, LEAVING = -1, 1_000_000


class ConnectionCounts:
    """Number of connections of each web process, in memory shared by all of them."""

    def __init__(self, slots: int) -> None:
        """`slots`: how many processes there may be at once; others have no slot, and do not
        yield.
        """
        self._counts = memoryview(mmap.mmap(-1, 4 * slots)).cast("i")
        for slot in range(slots):
            self._counts[slot] = UNUSED

    def take_slot(self) -> int | None:
        """Return a free slot; called by the master, before it forks."""
        slot = next((slot for slot, count in enumerate(self._counts) if count == UNUSED), None)
        if slot is not None:
            self._counts[slot] = 0
        return slot

    def release_slot(self, slot: int | None) -> None:
        if slot is not None:
            self._counts[slot] = UNUSED

    def set_count(self, slot: int | None, count: int) -> None:
        if slot is not None:
            self._counts[slot] = count

    def has_most(self, slot: int | None) -> bool:
        """Whether another process has noticeably fewer connections."""
        if slot is None:
            return False
        fewest = min(count for count in self._counts if count != UNUSED)
        return self._counts[slot] > fewest + SLACK


class ClientSocket(socket.socket):
    """Client's socket that never blocks while sending; `unsent` is what the kernel did not take
    yet.
    """

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.unsent: deque[Any] = deque()

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send what can be sent at once, and leave the rest in `unsent`."""
        if not self.unsent:
            try:
                sent = self.send(data, flags | socket.MSG_DONTWAIT)
            except BlockingIOError:
                sent = 0
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
        self.unsent.append(data)

    def flush(self) -> None:
        """Go on with `unsent`."""
        waiting, self.unsent = self.unsent, deque()
        for data in waiting:
            self.sendall(data)


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """Client connection with the part of the next request's header that has arrived."""

    def __init__(self, cfg: Any, sock: ClientSocket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.received = b""
        self.closing = False
        self.ended = False
        self.data_ready = (
            True  # so that gunicorn does not wait in a thread for what was received already
        )

    def init(self) -> None:
        """Hand the received header to gunicorn's parser; called in a thread at each request."""
        super().init()
        self.parser.unreader.unread(self.received)
        self.received = b""

    def receive(self) -> bool:
        """Read what has arrived; return whether there is more to wait for."""
        try:
            data = self.sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        self.ended = not data
        self.received = self.received + data if self.received else data.lstrip(EMPTY_LINES)
        return (
            not self.ended
            and len(self.received) <= HEADER_BYTES
            and (self.closing or not self.has_header)
        )

    @property
    def has_header(self) -> bool:
        """Whether the header of the next request is complete."""
        return HEADER_END in self.received


class WebWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gthread worker that keeps clients waiting in its event loop instead of in threads.

    `keepalived_conns` are the connections without a request, `pending_conns` those with a part of a
    header and those that end, `sending_conns` those with a part of an answer; each in the order of
    its time-outs.
    """

    worker_connections: int
    counts: ConnectionCounts
    slot: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sending_conns: deque[Connection] = deque()
        self._exhausted = OutageLog(log)

    def init_process(self) -> None:
        """Keep half of the file descriptors for the database and for files."""
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if descriptors != resource.RLIM_INFINITY:
            self.worker_connections = min(self.worker_connections, descriptors // 2)
        self.max_keepalived = self.worker_connections
        super().init_process()

    def init_signals(self) -> None:
        """Leave SIGHUP, which a terminal that ends sends to everybody, to gunicorn's master."""
        super().init_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Accept nothing from now on, so that no other process yields to this one."""
        self.counts.set_count(self.slot, LEAVING)
        super().handle_exit(sig, frame)

    def notify(self) -> None:
        """Report to gunicorn, and to the other processes; called at each turn of the event loop."""
        if self.alive:
            self.counts.set_count(self.slot, self.nr_conns)
        super().notify()

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection; where there are too many already, the one that has waited longest is
        closed.
        """
        if self.counts.has_most(self.slot):
            time.sleep(YIELD_SECONDS)
        try:
            accepted, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            self._pause(error)
            return
        self._exhausted.end("connections are accepted again")
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections:
            self._close_oldest()
        self.counts.set_count(self.slot, self.nr_conns)
        conn = Connection(self.cfg, ClientSocket(accepted), client, listener.getsockname())
        if conn.receive():
            self._await_request(conn)
        else:
            self._dispatch(conn)

    def _pause(self, error: OSError) -> None:
        """Make room when the machine has no more descriptors or memory for a connection."""
        self._exhausted.begin("no connection can be accepted: %s", error.strerror)
        if error.errno not in OUT_OF_RESOURCES or not self._close_oldest():
            time.sleep(PAUSE_SECONDS)

    def _close_oldest(self) -> bool:
        waiting = max(self.keepalived_conns, self.pending_conns, key=len)
        if waiting:
            self._drop(waiting.popleft())
            return True
        return False

    def _drop(self, conn: Connection) -> None:
        """Close a connection, whether or not the poller knows it."""
        if conn.sock.fileno() in self.poller.get_map():
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _await(
        self,
        conn: Connection,
        waiting: deque[Connection],
        seconds: float,
        ready: Callable[..., None],
        events: int,
    ) -> None:
        conn.timeout = time.monotonic() + seconds
        waiting.append(conn)
        self.poller.register(conn.sock, events, ready)

    def _await_request(self, conn: Connection) -> None:
        """Wait for a request's first octet, or for the rest of its header."""
        if conn.received or conn.closing:
            ready = partial(self.on_pending_socket_readable, conn)
            self._await(conn, self.pending_conns, CLIENT_SECONDS, ready, selectors.EVENT_READ)
        else:
            ready = partial(self.on_client_socket_readable, conn)
            self._await(
                conn, self.keepalived_conns, self.cfg.keepalive, ready, selectors.EVENT_READ
            )

    def on_client_socket_readable(self, conn: Connection, client: ClientSocket) -> None:
        """Begin a request on a connection that had none."""
        waits = conn.receive()
        if waits and not conn.received:
            return
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        if waits:
            self._await_request(conn)
        else:
            self._dispatch(conn)

    def on_pending_socket_readable(self, conn: Connection, client: ClientSocket) -> None:
        """Go on with a header, or with what a connection that ends still sends."""
        if conn.receive():
            return
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        self._dispatch(conn)

    def _dispatch(self, conn: Connection) -> None:
        """Give a complete request to a thread; end the connection where there can be none."""
        if conn.ended or conn.closing:
            self._drop(conn)
        elif conn.has_header:
            self.enqueue_req(conn)
        else:
            write_error(
                conn.sock,
                431,
                "Request Header Fields Too Large",
                "The header of this request is too long.",
            )
            self._end(conn)

    def _end(self, conn: Connection) -> None:
        """Close our side, and wait for the client to close its own, or an answer on its way could
        be lost.

        RFC 9112, section 9.6.
        """
        conn.received, conn.closing = b"", True
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
        else:
            self._await_request(conn)

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        """Go on with a connection after its answer: send the rest of it, await the next request, or
        end.
        """
        conn.sock.setblocking(False)
        if conn.sock.unsent:
            if len(self.sending_conns) >= MOST_SENDING:
                self._drop(self.sending_conns.popleft())
            self._await(
                conn,
                self.sending_conns,
                SEND_SECONDS,
                partial(self._on_writable, conn, fs),
                selectors.EVENT_WRITE,
            )
        elif not _goes_on(fs):
            self._end(conn)
        elif conn.parser.unreader.buf.getvalue():  # the next request came with this one
            conn.received = conn.parser.unreader.take_buffered()
            if conn.has_header:
                self.enqueue_req(conn)
            else:
                self._await_request(conn)
        else:
            super().finish_request(conn, fs)

    def _on_writable(self, conn: Connection, fs: Future[Any], client: ClientSocket) -> None:
        try:
            client.flush()
        except OSError:
            client.unsent.clear()
            conn.ended = True
        if not client.unsent:
            self.poller.unregister(client)
            self.sending_conns.remove(conn)
            if conn.ended:
                self._drop(conn)
            else:
                self.finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Close the connections whose client took too long."""
        now = time.monotonic()
        for waiting in (self.pending_conns, self.sending_conns):
            while waiting and waiting[0].timeout <= now:
                self._drop(waiting.popleft())

    def _cap_keepalive(self, deadline: float) -> None:
        """Give clients without a complete request little time when the worker ends."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)


def _goes_on(answered: Future[Any]) -> bool:
    """Whether a connection stays open after an answer."""
    try:
        return bool(answered.result())
    except BaseException:  # noqa: BLE001  # whatever it was, gunicorn has logged it
        return False
