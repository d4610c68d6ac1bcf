"""A child's end of its link to the supervisor: requests, replies, pushes, over the socket it was born with.

The socket says who asks; no message does. Requests carry a number and so does their reply; pushes carry none. A reader
thread receives them all, so any thread may ask. When the supervisor is gone this process ends at once: the kernel's
death signal comes first as a rule, the end of the stream is the second net.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from reelkeep import errors
from reelkeep.errors import DependencyError, IsolationError, ReelkeepError
from reelkeep.ids import ConnectionId
from reelkeep.isolation.channel import BadFrame, Channel, ChannelClosed, Message
from reelkeep.isolation.descriptors import hand_in
from reelkeep.isolation.hygiene import harden
from reelkeep.isolation.lifetime import die_with, peer_of
from reelkeep.isolation.nameless_log import keep_names_out
from reelkeep.jobs.interface import JobKind
from reelkeep.storage.interface import SessionRequest, StsSession

CALL_SECONDS: Final = 60.0
_RENEW_BEFORE: Final = timedelta(minutes=10)  # storage.interface.SessionBroker promises as much

Push = Callable[[Mapping[str, Any]], None]


class SupervisorLink:
    """The link. It is the process's ``SessionBroker`` and ``Doorbell`` too.

    Args:
        sock: the connected socket this process was born with; owned by the link from now on.
        on_end: called when the supervisor is gone; the default ends the process without any clean-up.
        prepare: called with the birth while there is one thread only, before the link's own is started.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        on_end: Callable[[], None] | None = None,
        prepare: Callable[[Mapping[str, Any]], object] | None = None,
    ) -> None:
        self._channel = Channel(sock)
        self._on_end = on_end or (lambda: os._exit(0))
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # guards what stands below, and sending
        self._waiting: dict[int, Future[Mapping[str, Any]]] = {}
        self._callbacks: dict[str, Push] = {}
        self._undelivered: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._birth: Future[Mapping[str, Any]] = Future()
        self._sessions = _Sessions(self)
        if prepare is not None:
            self._take(self._channel.receive())
            prepare(self._birth.result(0))
        threading.Thread(target=self._read, name="supervisor-link", daemon=True).start()

    @classmethod
    def from_arguments(
        cls,
        argv: Sequence[str] | None = None,
        *,
        prepare: Callable[[Mapping[str, Any]], object] | None = None,
        bring: Callable[[], Sequence[socket.socket]] | None = None,
    ) -> SupervisorLink:
        """Take over the socket named by ``--link-fd``, and tie this process to the supervisor's life.

        Args:
            prepare: opens what needs the rights of birth, then confines the process (``isolation.confine``).
            bring: returns sockets that the supervisor expects from this process; called before any secret is there.
                Not called with ``--open-network``, for companies' processes on a machine that forbids namespaces.

        Raises:
            SystemExit: the supervisor has ended already.
            IsolationError: this process cannot be closed to its siblings.
        """
        parser = argparse.ArgumentParser()
        parser.add_argument("--link-fd", type=int, required=True)
        parser.add_argument("--open-network", action="store_true")
        options = parser.parse_args(argv)
        sock = socket.socket(fileno=options.link_fd)
        sock.set_inheritable(False)
        try:
            die_with(peer_of(sock))  # 1. nobody outlives the supervisor
            if bring is not None and not options.open_network:
                hand_in(sock, _brought(bring))  # 2. while a user namespace can still be mapped
            harden()  # 3. after the last exec, before the first secret
            keep_names_out()  # 4. before the first name
            return cls(sock, prepare=prepare)
        except ConnectionError:
            raise SystemExit("the supervisor has ended") from None
        except (IsolationError, ChannelClosed) as error:
            raise SystemExit(error.message) from None

    @classmethod
    def of_forked(cls, sock: socket.socket) -> SupervisorLink:
        """Take over the socket of a process that was set apart (``isolation.apart``), and wait for its birth.

        The birth comes when the supervisor has adopted it. From then on the kernel's death signal follows the
        supervisor; if that has ended meanwhile, the link says so.

        Raises:
            SystemExit: the supervisor has ended already.
        """
        keep_names_out()
        try:
            return cls(sock, prepare=lambda _: die_with(peer_of(sock)))
        except (IsolationError, ChannelClosed) as error:
            raise SystemExit(error.message) from None

    def birth(self) -> Mapping[str, Any]:
        """Wait for the first frame: what this process is, and its secrets."""
        return self._birth.result()

    def call(
        self, kind: str, /, *, timeout_seconds: float | None = CALL_SECONDS, **fields: object
    ) -> Mapping[str, Any]:
        """Ask the supervisor and wait for the reply.

        Raises:
            ReelkeepError: what the supervisor raised, as the same class.
            DependencyError: no reply in time; what was asked may still happen.
        """
        number, reply = next(self._numbers), Future[Mapping[str, Any]]()
        with self._lock:
            self._waiting[number] = reply
            self._channel.send(Message(kind, {"id": number, "fields": fields}))
        try:
            return reply.result(timeout_seconds)
        except FutureTimeout:
            raise DependencyError("the supervisor did not answer in time") from None
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def tell(self, kind: str, /, **fields: object) -> None:
        """Send a message that gets no reply."""
        with self._lock:
            self._channel.send(Message(kind, {"fields": fields}))

    def on_push(self, kind: str, callback: Push) -> None:
        """Have ``callback`` called for each push of ``kind``, in the reader thread; earlier ones are made up for."""
        with self._lock:
            self._callbacks[kind] = callback
            earlier = self._undelivered.pop(kind, [])
        for fields in earlier:
            callback(fields)

    def session(self, request: SessionRequest) -> StsSession:
        """Return an STS session with at least ten minutes left; the same one while it has."""
        return self._sessions.session(request)

    def fresh_session(self, request: SessionRequest, *, timeout_seconds: float) -> StsSession:
        """Return a session that STS has given just now; it is not kept."""
        return self._sessions.ask(request, timeout_seconds)

    def forget_sessions(self, connections: Collection[ConnectionId]) -> None:
        """Drop every kept session of these connections."""
        self._sessions.forget(connections)

    def ring(self, kind: JobKind) -> None:
        """Tell the runners that a job of this company is due."""
        self.tell("ring", kind=kind.value)

    def _read(self) -> None:
        try:
            while True:
                self._take(self._channel.receive())
        except (ChannelClosed, BadFrame):
            self._channel.close()
            self._on_end()

    def _take(self, message: Message) -> None:
        if message.kind == "birth":
            self._birth.set_result(message.fields)
        elif message.kind == "reply":
            self._settle(message.fields)
        else:
            with self._lock:
                callback = self._callbacks.get(message.kind)
                if callback is None and message.kind != "shutdown":
                    self._undelivered[message.kind].append(message.fields)
            if callback is not None:
                callback(message.fields)
            elif message.kind == "shutdown":
                os.kill(os.getpid(), signal.SIGTERM)

    def _settle(self, fields: Mapping[str, Any]) -> None:
        with self._lock:
            reply = self._waiting.pop(fields["id"], None)
        if reply is None:
            return
        if (problem := fields.get("error")) is not None:
            reply.set_exception(error_from(problem))
        else:
            reply.set_result(fields.get("ok", {}))


def _brought(bring: Callable[[], Sequence[socket.socket]]) -> Sequence[socket.socket]:
    try:
        return bring()
    except IsolationError as error:
        raise SystemExit(f"{error.message}. {error.advice()}") from None


class _Sessions:
    """Keeps STS sessions until ten minutes before their end. One question at a time for each request."""

    def __init__(self, link: SupervisorLink) -> None:
        self._link = link
        self._lock = threading.Lock()
        self._kept: dict[SessionRequest, StsSession] = {}
        self._asking: dict[SessionRequest, threading.Lock] = {}

    def session(self, request: SessionRequest) -> StsSession:
        with self._lock:
            asking = self._asking.setdefault(request, threading.Lock())
        with asking:
            kept = self._kept.get(request)
            if kept is None or kept.expires_at - datetime.now(UTC) < _RENEW_BEFORE:
                kept = self._kept[request] = self.ask(request, CALL_SECONDS)
            self._forget_ended()
            return kept

    def forget(self, connections: Collection[ConnectionId]) -> None:
        with self._lock:
            for request in [request for request in self._kept if request.connection_id in connections]:
                del self._kept[request]

    def ask(self, request: SessionRequest, timeout_seconds: float) -> StsSession:
        answer = self._link.call(
            "session",
            timeout_seconds=timeout_seconds,
            connection_id=request.connection_id,
            purpose=request.purpose.value,
            scope=request.scope,
            grant_id=request.grant_id,
            links_from=list(request.links_from),
        )
        return StsSession(
            access_key_id=answer["access_key_id"],
            secret_access_key=answer["secret_access_key"],
            session_token=answer["session_token"],
            expires_at=datetime.fromisoformat(answer["expires_at"]),
        )

    def _forget_ended(self) -> None:
        now = datetime.now(UTC)
        with self._lock:
            for request in [request for request, session in self._kept.items() if session.expires_at < now]:
                del self._kept[request]
                self._asking.pop(request, None)


def error_fields(error: ReelkeepError) -> dict[str, str]:
    """Return an error as the fields of a reply."""
    return {"code": error.code, "message": error.message, "advice": error.advice()}


def error_from(fields: Mapping[str, Any]) -> ReelkeepError:
    """Return the error that ``error_fields`` described, as the class that has its code.

    >>> type(error_from({"code": "storage_setup", "message": "refused", "advice": "Ask."})).__name__
    'StorageSetupError'
    """
    found = _BY_CODE.get(str(fields.get("code")), ReelkeepError)
    return found(str(fields.get("message", "")), advice=str(fields.get("advice", "")) or None)


_BY_CODE: Final = {
    kind.code: kind
    for kind in (
        errors.RequestError,
        errors.NotFound,
        errors.Forbidden,
        errors.Conflict,
        errors.MediaError,
        errors.StorageSetupError,
        errors.StorageRefused,
        errors.StorageStopped,
        errors.DependencyError,
        IsolationError,
    )
}
